"""Writing an object of any size to S3 piece by piece: it appears whole, or not at all."""

from types import TracebackType
from typing import Any

PART_BYTES = 8 * 1024 * 1024


class Upload:
    """An object that is being written; small ones go as one put, larger ones in parts of 8 MB.

    Use it with `with`: nothing is there before `complete`, and what was begun is taken back where the block ends
    without it. Nothing is written either where nothing was given.
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
            self._s3.abort_multipart_upload(**self._object, UploadId=self._upload_id)

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
            answer = self._s3.complete_multipart_upload(
                **self._object, UploadId=self._upload_id, MultipartUpload={"Parts": self._parts}
            )
            self._upload_id = None
        version: str | None = answer.get("VersionId")
        return version

    def _send_part(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._s3.create_multipart_upload(**self._object, **self._kind)["UploadId"]
        number = len(self._parts) + 1
        answer = self._s3.upload_part(
            **self._object, UploadId=self._upload_id, PartNumber=number, Body=bytes(self._buffer)
        )
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._sent += len(self._buffer)
        self._buffer.clear()
