"""Writing an object of any size to S3 piece by piece: it appears whole, or not at all.

Joining objects to one inside S3: multipart upload by copy, so that only what is too small for it passes through.
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
    """Another run aborted this multipart upload: the run that has committed aborts all others'."""


class Upload:
    """An object that is being written; small ones go as one put, larger ones in parts of 5 MB, two at a time.

    Use it with `with`: nothing is there before `complete`, and what was begun is taken back where the block ends
    without it. Nothing is written either where nothing was given. `write` and `complete` raise UploadGone where
    somebody else has taken the upload back.
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
        """Appends `data`, which must not change any more."""
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
                f"The upload of {self._object['Key']} was taken back. Announce its input again if it has no manifest."
            ) from error


def abort_uploads(bucket: Bucket, prefix: str) -> None:
    """Aborts the multipart uploads under way to keys that begin with `prefix`."""
    client = bucket.client
    # Aborted uploads are no longer listed, so the first page is enough each time.
    while uploads := client.list_multipart_uploads(Bucket=bucket.name, Prefix=prefix).get("Uploads"):
        for upload in uploads:
            _abort(client, Bucket=bucket.name, Key=upload["Key"], UploadId=upload["UploadId"])


def _abort(client: "S3Client", **upload: Any) -> None:
    try:
        client.abort_multipart_upload(**upload)
    except ClientError as error:
        # Another run has aborted or completed it.
        if error.response["Error"]["Code"] != _GONE:
            raise


SMALLEST_PART = 5 * 1024 * 1024
LARGEST_PART = 5 * 1024 * 1024 * 1024
"""S3's bounds for a part; the last one may be smaller."""


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
    """Writes the objects `sources`, one behind the other, to `target`, and gives its version id.

    `target` appears whole or not at all: what was begun is taken back where anything fails. At most 16 parts of
    10 MiB are held at once.

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
    """Copies some bytes of one version of an object to an object of their own, inside S3.

    Args:
        source: at most `LARGEST_PART` bytes of it.
        version_id: the version; None in a bucket without versions, where `etag` tells them apart.
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

    A part of one range that is large enough can be copied; what is smaller is filled up from what follows.
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
