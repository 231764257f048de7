"""Writing an object of any size to S3 piece by piece: it appears whole, or not at all."""

from collections.abc import Callable
from types import TracebackType
from typing import Any

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError

PART_BYTES = 8 * 1024 * 1024
_GONE = "NoSuchUpload"


class UploadGone(AutowatchError):
    """An upload in parts was taken back while it was under way, as the one who has committed does with all others."""


class Upload:
    """An object that is being written; small ones go as one put, larger ones in parts of 8 MB.

    Use it with `with`: nothing is there before `complete`, and what was begun is taken back where the block ends
    without it. Nothing is written either where nothing was given. `write` and `complete` raise UploadGone where
    somebody else has taken the upload back.
    """

    def __init__(self, s3: Any, bucket: str, key: str, content_type: str) -> None:
        self._s3 = s3
        self._object = {"Bucket": bucket, "Key": key}
        self._kind = {"ContentType": content_type}
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self._sent = 0

    def __enter__(self) -> "Upload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._upload_id is not None:
            _abort(self._s3, **self._object, UploadId=self._upload_id)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written yet."""
        return not self._buffer and not self._parts

    @property
    def size(self) -> int:
        """How many bytes have been written."""
        return self._sent + len(self._buffer)

    def write(self, data: bytes) -> None:
        """Appends `data`."""
        self._buffer += data
        if len(self._buffer) >= PART_BYTES:
            self._send_part()

    def complete(self) -> str | None:
        """Makes the object appear, and gives its version id (None in a bucket without versions)."""
        if self._upload_id is None:
            answer = self._s3.put_object(**self._object, **self._kind, Body=bytes(self._buffer))
        else:
            if self._buffer:
                self._send_part()
            answer = self._of_upload(
                self._s3.complete_multipart_upload, MultipartUpload={"Parts": self._parts}
            )
            self._upload_id = None
        version: str | None = answer.get("VersionId")
        return version

    def _send_part(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._s3.create_multipart_upload(**self._object, **self._kind)["UploadId"]
        number = len(self._parts) + 1
        answer = self._of_upload(self._s3.upload_part, PartNumber=number, Body=bytes(self._buffer))
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._sent += len(self._buffer)
        self._buffer.clear()

    def _of_upload(self, operation: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return operation(**self._object, UploadId=self._upload_id, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != _GONE:
                raise
            raise UploadGone(
                f"The upload of {self._object['Key']} was taken back. Announce its input again if it has no manifest."
            ) from error


def abort_uploads(s3: Any, bucket: str, prefix: str) -> None:
    """Takes back the multipart uploads under way to keys that begin with `prefix`."""
    # What has been taken back is listed no more, so the first page is enough each time.
    while uploads := s3.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads"):
        for upload in uploads:
            _abort(s3, Bucket=bucket, Key=upload["Key"], UploadId=upload["UploadId"])


def _abort(s3: Any, **upload: str) -> None:
    try:
        s3.abort_multipart_upload(**upload)
    except ClientError as error:
        # Somebody else has taken it back, or completed it.
        if error.response["Error"]["Code"] != _GONE:
            raise
