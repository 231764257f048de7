"""Writes an object of any size to S3 piece by piece: it appears whole, or not at all.

Also joins objects inside S3, by multipart upload with copied parts, so that only small parts pass through this process.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

PART_BYTES = 5 * 1024 * 1024


_PARTS_AT_ONCE = 2
"""One connection to S3 carries some 80 MB/s; scoring writes more."""


_GONE = "NoSuchUpload"


class UploadGone(AutowatchError):
    """Another run aborted this multipart upload: the run that commits aborts those of all others."""


class Upload:
    """An object that is being written: a small one by one put, a larger one in parts of 5 MB, two at a time.

    Use it as a context manager: the object appears with `complete`, and is aborted if the block ends without it.
    `write` and `complete` raise UploadGone if another run has aborted the upload.
    """

    def __init__(self, bucket: Bucket, key: str, content_type: str) -> None:
        self._client = bucket.client
        self._object: dict[str, Any] = {"Bucket": bucket.name, "Key": key}
        self._kind: dict[str, Any] = {"ContentType": content_type}
        self._waiting: list[memoryview] = []
        self._waiting_bytes = self._sent = 0
        self._upload_id: str | None = None
        self._senders = ThreadPoolExecutor(_PARTS_AT_ONCE, thread_name_prefix="upload")
        self._parts: list[Future[dict[str, Any]]] = []

    def __enter__(self) -> "Upload":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._senders.shutdown(cancel_futures=True)
        if self._upload_id is not None:
            _abort(self._client, **self._object, UploadId=self._upload_id)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been written yet."""
        return not self.size

    @property
    def size(self) -> int:
        """How many bytes have been written."""
        return self._sent + self._waiting_bytes

    def write(self, data: bytes | memoryview) -> None:
        """Appends `data`, which must not change afterwards."""
        rest = memoryview(data)
        while self._waiting_bytes + len(rest) >= PART_BYTES:
            end = PART_BYTES - self._waiting_bytes
            self._wait(rest[:end])
            self._send_part()
            rest = rest[end:]
        self._wait(rest)

    def _wait(self, data: memoryview) -> None:
        self._waiting.append(data)
        self._waiting_bytes += len(data)

    def complete(self) -> str | None:
        """Completes the object, and returns its version id (None in a bucket without versions)."""
        if self._upload_id is None:
            answer = self._client.put_object(**self._object, **self._kind, Body=b"".join(self._waiting))
        else:
            if self._waiting_bytes:
                self._send_part()
            parts = {"Parts": [part.result() for part in self._parts]}
            answer = self._of_upload(self._client.complete_multipart_upload, MultipartUpload=parts)
            self._upload_id = None
        version: str | None = answer.get("VersionId")
        return version

    def _send_part(self) -> None:
        if self._upload_id is None:
            self._upload_id = self._client.create_multipart_upload(**self._object, **self._kind)["UploadId"]
        if len(self._parts) >= _PARTS_AT_ONCE:
            self._parts[-_PARTS_AT_ONCE].result()
        number, body = len(self._parts) + 1, b"".join(self._waiting)
        self._parts.append(self._senders.submit(self._put_part, number, body))
        self._sent += len(body)
        self._waiting, self._waiting_bytes = [], 0

    def _put_part(self, number: int, body: bytes) -> dict[str, Any]:
        answer = self._of_upload(self._client.upload_part, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": answer["ETag"]}

    def _of_upload(self, operation: Callable[..., Any], **arguments: Any) -> Any:
        try:
            return operation(**self._object, UploadId=self._upload_id, **arguments)
        except ClientError as error:
            if error.response["Error"]["Code"] != _GONE:
                raise
            raise UploadGone(
                f"The upload of {self._object['Key']} was aborted. Announce its input again if it has no manifest."
            ) from error


def abort_uploads(bucket: Bucket, prefix: str) -> None:
    """Aborts unfinished multipart uploads to keys that begin with `prefix`."""
    client = bucket.client
    # Aborted uploads are no longer listed, so the first page is enough each time.
    while uploads := client.list_multipart_uploads(Bucket=bucket.name, Prefix=prefix).get("Uploads"):
        for upload in uploads:
            _abort(client, Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"])


def _abort(client: "S3Client", **upload: Any) -> None:
    try:
        client.abort_multipart_upload(**upload)
    except ClientError as error:
        # Another run has already aborted or completed it.
        if error.response["Error"]["Code"] != _GONE:
            raise


SMALLEST_PART = 5 * 1024 * 1024
LARGEST_PART = 5 * 1024 * 1024 * 1024
"""S3's limits for a part; the last part may be smaller."""


_AT_ONCE = 16


@dataclass(frozen=True)
class Source:
    """An object to be joined, and its size in bytes."""

    key: str
    size: int


@dataclass(frozen=True)
class Range:
    """The bytes of an object from `start` up to, not including, `end`."""

    key: str
    start: int
    end: int

    @property
    def size(self) -> int:
        """In bytes."""
        return self.end - self.start


def concatenate(bucket: Bucket, sources: Sequence[Source], target: str, content_type: str) -> str | None:
    """Joins the objects `sources`, in this order, into `target`.

    `target` appears whole or not at all: the upload is aborted if anything fails. At most 16 parts of 10 MiB are in
    memory.

    Returns:
        The version id; None in a bucket without versions.
    """
    client = bucket.client
    parts = cut_parts(sources)
    if len(parts) < 2 and not any(map(_can_copy, parts)):
        body = _read(bucket, parts[0]) if parts else b""
        return _version(
            client.put_object(Bucket=bucket.name, Key=target, Body=body, ContentType=content_type)
        )
    upload_id = client.create_multipart_upload(Bucket=bucket.name, Key=target, ContentType=content_type)[
        "UploadId"
    ]
    upload: dict[str, Any] = {"Bucket": bucket.name, "Key": target, "UploadId": upload_id}
    try:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            etags = list(pool.map(lambda item: _put_part(bucket, upload, *item), enumerate(parts, start=1)))
        numbered: list[CompletedPartTypeDef] = [
            {"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, start=1)
        ]
        return _version(client.complete_multipart_upload(**upload, MultipartUpload={"Parts": numbered}))
    except BaseException:
        client.abort_multipart_upload(**upload)
        raise


def copy_range(
    bucket: Bucket, source: Range, target: str, content_type: str, version_id: str | None, etag: str
) -> None:
    """Copies a range of one version of an object to another object, inside S3.

    Args:
        source: at most `LARGEST_PART` bytes of it.
        version_id: the version; None in a bucket without versions, where `etag` identifies the content.
    """
    client = bucket.client
    begun = client.create_multipart_upload(Bucket=bucket.name, Key=target, ContentType=content_type)
    upload: dict[str, Any] = {"Bucket": bucket.name, "Key": target, "UploadId": begun["UploadId"]}
    copied: CopySourceTypeDef = {"Bucket": bucket.name, "Key": source.key}
    if version_id:
        copied["VersionId"] = version_id
    try:
        answer = client.upload_part_copy(
            **upload,
            PartNumber=1,
            CopySource=copied,
            CopySourceRange=f"bytes={source.start}-{source.end - 1}",
            CopySourceIfMatch=f'"{etag}"',
        )
        copied_etag = answer["CopyPartResult"]["ETag"]
        client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": copied_etag}]}
        )
    except BaseException:
        client.abort_multipart_upload(**upload)
        raise


def cut_parts(sources: Sequence[Source]) -> list[list[Range]]:
    """The parts of the target, each of one or more ranges; all but the last have at least `SMALLEST_PART` bytes.

    A part that is a single range is copied if it is large enough; a smaller one is filled up from the next ranges.
    """
    parts: list[list[Range]] = []
    begun: list[Range] = []
    for source in sources:
        start = 0
        if begun:
            start = min(source.size, SMALLEST_PART - _size(begun))
            begun.append(Range(source.key, 0, start))
            if _size(begun) == SMALLEST_PART:
                parts.append(begun)
                begun = []
        for whole in _cut(source, start):
            if whole.size >= SMALLEST_PART:
                parts.append([whole])
            else:
                begun = [whole]
    return [*parts, begun] if begun else parts


def _cut(source: Source, start: int) -> Iterator[Range]:
    for begin in range(start, source.size, LARGEST_PART):
        yield Range(source.key, begin, min(begin + LARGEST_PART, source.size))


def _size(ranges: Sequence[Range]) -> int:
    return sum(each.size for each in ranges)


def _can_copy(part: Sequence[Range]) -> bool:
    return len(part) == 1 and part[0].size >= SMALLEST_PART


def _put_part(bucket: Bucket, upload: dict[str, Any], number: int, part: Sequence[Range]) -> str:
    client = bucket.client
    if not _can_copy(part):
        return client.upload_part(**upload, PartNumber=number, Body=_read(bucket, part))["ETag"]
    (whole,) = part
    answer = client.upload_part_copy(
        **upload,
        PartNumber=number,
        CopySource={"Bucket": upload["Bucket"], "Key": whole.key},
        CopySourceRange=f"bytes={whole.start}-{whole.end - 1}",
    )
    return answer["CopyPartResult"]["ETag"]


def _read(bucket: Bucket, part: Sequence[Range]) -> bytes:
    content = bytearray()
    for each in part:
        if each.size:
            content += bucket.read(each.key, byte_range=f"bytes={each.start}-{each.end - 1}")[0]
    return bytes(content)


def _version(answer: Mapping[str, Any]) -> str | None:
    version: str | None = answer.get("VersionId")
    return version
