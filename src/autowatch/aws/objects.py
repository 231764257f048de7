"""A bucket and its JSON objects, with conditional writes for concurrent writers."""

import itertools
import json
import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from autowatch.errors import AutowatchError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import GetObjectOutputTypeDef, ObjectTypeDef

_Kind = TypeVar("_Kind")

_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_WITHOUT_RETENTION = ("NoSuchObjectLockConfiguration", "InvalidRequest", *_ABSENT)
_MOST_DELETED_AT_ONCE = 1000
_MARK = "write"

BROKEN_OFF = (HTTPClientError, IncompleteReadError)
"""Errors from reading a body if the connection breaks: botocore retries only until an answer begins."""

MOST_BREAKS = 4
"""After this many consecutive breaks without a byte in between, reading fails."""


LARGEST_DOCUMENT = 32 * 1024 * 1024
"""The most bytes of an object that is read whole. Autowatch's own objects are smaller, since headers are bounded."""


class ObjectMissing(AutowatchError):
    """The object asked for is not in the bucket."""


class DocumentMalformed(AutowatchError):
    """A JSON document in the bucket is malformed: it was damaged, or changed by hand."""


class ObjectTooLarge(AutowatchError):
    """An object is larger than any that Autowatch writes under such a key."""


class ObjectChanged(AutowatchError):
    """A conditional write failed: another writer was first."""


class ObjectsNotDeleted(AutowatchError):
    """S3 refused to delete some of the objects; `keys` names them."""

    def __init__(self, message: str, keys: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.keys = keys


@dataclass(frozen=True)
class ObjectVersion:
    """One version of one object, as referred to by an event, a manifest or a run."""

    key: str
    version_id: str | None
    etag: str
    size: int


@dataclass(frozen=True)
class Bucket:
    """One bucket, and the boto3 client that reads and writes it.

    Attributes:
        client: boto3's `s3`.
        name: of the bucket.
    """

    client: "S3Client"
    name: str

    def url(self, key: str) -> str:
        """The `s3://` URL of an object."""
        return f"s3://{self.name}/{key}"

    def read_as(self, key: str, kind: type[_Kind]) -> _Kind:
        """The JSON document under `key` as this kind of dataclass; fields that it does not have are ignored.

        Raises:
            ObjectMissing: there is no such object.
            DocumentMalformed: a field is missing or of another type.
        """
        return self.read_as_with_etag(key, kind)[0]

    def read_as_with_etag(self, key: str, kind: type[_Kind]) -> tuple[_Kind, str]:
        """As `read_as`, with the ETag for a later `replace_json`."""
        content, etag = self.read(key)
        return self.decode(content, kind, key), etag

    def decode(self, content: bytes, kind: type[_Kind], key: str) -> _Kind:
        """The JSON document that was read from `key` as this kind of dataclass.

        Raises:
            DocumentMalformed: a field is missing or of another type.
        """
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DocumentMalformed(
                f"{self.url(key)} cannot be read: {error}. Restore its earlier version."
            ) from error

    def read_json(self, key: str) -> Any:
        """The JSON document under `key`.

        Raises:
            ObjectMissing: there is no such object.
        """
        return self.read_json_with_etag(key)[0]

    def read_json_with_etag(self, key: str) -> tuple[Any, str]:
        """The JSON document under `key` and its ETag, for a later `replace_json`.

        Raises:
            ObjectMissing: there is no such object.
        """
        content, etag = self.read(key)
        return json.loads(content), etag

    def read(
        self, key: str, version_id: str | None = None, byte_range: str | None = None
    ) -> tuple[bytes, str]:
        """The content of a small object, or of one version of it, and its ETag; retried if the connection breaks.

        Args:
            key: the object's.
            version_id: the version; None for the newest.
            byte_range: the bytes, in the form of the header Range; None for all.

        Raises:
            ObjectMissing: there is no such object.
            ObjectTooLarge: it has more bytes than LARGEST_DOCUMENT.
            HTTPClientError, IncompleteReadError: the connection broke four times.
        """
        breaks = 0
        while True:
            answer = self.get(key, version_id, byte_range)
            self.check_size(key, answer["ContentLength"], LARGEST_DOCUMENT)
            try:
                return answer["Body"].read(), answer["ETag"]
            except BROKEN_OFF:
                breaks += 1
                if breaks == MOST_BREAKS:
                    raise

    def check_size(self, key: str, size: int, largest: int) -> None:
        """Refuses to read an object that is too large.

        Raises:
            ObjectTooLarge: it has more than `largest`.
        """
        if size > largest:
            raise ObjectTooLarge(
                f"{self.url(key)} has {size:,} bytes, more than the {largest:,} allowed for such an object. "
                "Restore an earlier version, or delete it."
            )

    def get(
        self, key: str, version_id: str | None = None, byte_range: str | None = None
    ) -> "GetObjectOutputTypeDef":
        """S3's answer for `key`, for one version of it or some of its bytes; the caller reads its `Body`.

        Raises:
            ObjectMissing: there is no such object.
        """
        which: dict[str, Any] = {"VersionId": version_id, "Range": byte_range}
        given = {name: value for name, value in which.items() if value}
        try:
            return self.client.get_object(Bucket=self.name, Key=key, **given)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                raise ObjectMissing(f"{self.url(key)} does not exist.") from error
            raise

    def put(self, key: str, body: bytes, content_type: str) -> ObjectVersion:
        """Writes `body` under `key` unconditionally, and returns the new version."""
        answer = self.client.put_object(Bucket=self.name, Key=key, Body=body, ContentType=content_type)
        return ObjectVersion(key, answer.get("VersionId"), answer["ETag"].strip('"'), len(body))

    def version(self, key: str, version_id: str | None = None) -> ObjectVersion:
        """The newest version of an object, or the given one.

        Raises:
            ObjectMissing: there is no such object.
        """
        try:
            if version_id:
                answer = self.client.head_object(Bucket=self.name, Key=key, VersionId=version_id)
            else:
                answer = self.client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                raise ObjectMissing(f"{self.url(key)} does not exist.") from error
            raise
        return ObjectVersion(key, answer.get("VersionId"), answer["ETag"].strip('"'), answer["ContentLength"])

    def metadata(self, key: str, version_id: str | None = None) -> dict[str, str]:
        """The user metadata of the object, or of the given version; empty if there is none."""
        try:
            if version_id:
                return self.client.head_object(Bucket=self.name, Key=key, VersionId=version_id)["Metadata"]
            return self.client.head_object(Bucket=self.name, Key=key)["Metadata"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _ABSENT:
                return {}
            raise

    def exists(self, key: str) -> bool:
        """Whether there is an object under `key`."""
        found = self.client.list_objects_v2(Bucket=self.name, Prefix=key, MaxKeys=1).get("Contents", [])
        return any(each["Key"] == key for each in found)

    def list(self, prefix: str, after: str = "") -> Iterator["ObjectTypeDef"]:
        """The objects under a prefix by ascending key, from the first key that sorts after `after`."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, StartAfter=after
        )
        for page in pages:
            yield from page.get("Contents", [])

    def folders(self, prefix: str, after: str = "") -> Iterator[str]:
        """The distinct beginnings of the keys under a prefix, up to the next `/`, in ascending order."""
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, StartAfter=after, Delimiter="/"
        )
        for page in pages:
            yield from (each["Prefix"] for each in page.get("CommonPrefixes", []))

    def delete(self, keys: Iterable[str]) -> None:
        """Deletes the newest versions of these objects.

        Raises:
            ObjectsNotDeleted: S3 refused to delete some; the others are deleted.
        """
        self._delete([{"Key": key} for key in keys])

    def delete_versions(self, prefix: str) -> None:
        """Deletes every version, and every delete marker, of all objects under a prefix.

        Raises:
            ObjectsNotDeleted: S3 refused to delete some; the others are deleted.
        """
        pages = self.client.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
        self._delete(
            {"Key": each["Key"], "VersionId": each["VersionId"]}
            for page in pages
            for each in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
        )

    def _delete(self, objects: Iterable[Any]) -> None:
        """Deletes what it can, and reports the rest at the end."""
        errors: list[Any] = []
        remaining, asked = iter(objects), 0
        while batch := list(itertools.islice(remaining, _MOST_DELETED_AT_ONCE)):
            answer = self.client.delete_objects(Bucket=self.name, Delete={"Objects": batch, "Quiet": True})
            errors += answer.get("Errors", ())
            asked += len(batch)
        if errors:
            raise ObjectsNotDeleted(
                f"{len(errors)} of {asked} objects were not deleted, the first "
                f"{self.url(errors[0]['Key'])}: {errors[0]['Code']}.",
                [each["Key"] for each in errors],
            )

    def kept_until(self, key: str) -> datetime | None:
        """Until when Object Lock protects the newest version of an object; None if it is not locked."""
        try:
            retention = self.client.get_object_retention(Bucket=self.name, Key=key)["Retention"]
        except ClientError as error:
            if error.response["Error"]["Code"] in _WITHOUT_RETENTION:
                return None
            raise
        until = retention["RetainUntilDate"]
        return until if until > datetime.now(UTC) else None

    def write_json(self, key: str, document: Any) -> None:
        """Writes `document`, of dataclasses, dicts, lists and JSON's types, under `key` unconditionally."""
        self.put(key, _encode(document), "application/json")

    def write_json_if_absent(self, key: str, document: Any, keep_until: datetime | None = None) -> str:
        """Writes `document` under `key` if there is no object yet, and returns its ETag.

        Args:
            keep_until: S3 protects the object from deletion until then; the bucket must have Object Lock.

        Raises:
            ObjectChanged: there is an object already; it stays unchanged.
        """
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": keep_until} if keep_until else {}
        return self._write_on_condition(key, document, IfNoneMatch="*", **lock)

    def replace_json(self, key: str, document: Any, etag: str | None) -> str:
        """Replaces the version of `key` that has this ETag (None: no object may exist), and returns the new ETag.

        Raises:
            ObjectChanged: the object was deleted or created, or has another ETag by now; it stays unchanged.
        """
        if etag is None:
            return self.write_json_if_absent(key, document)
        return self._write_on_condition(key, document, IfMatch=etag)

    def _write_on_condition(self, key: str, document: Any, **condition: Any) -> str:
        """Writes with a unique mark, which shows if a first try succeeded whose answer was lost to boto3's retry."""
        mark = {_MARK: uuid.uuid4().hex}
        try:
            answer = self.client.put_object(
                Bucket=self.name,
                Key=key,
                Body=_encode(document),
                ContentType="application/json",
                Metadata=mark,
                **condition,
            )
        except ClientError as error:
            if error.response["Error"]["Code"] not in (*_CONDITION_FAILED, *_ABSENT):
                raise
            if (etag := self._marked(key, mark)) is None:
                raise ObjectChanged(f"{self.url(key)} was changed by another writer.") from error
            return etag
        return answer["ETag"]

    def _marked(self, key: str, mark: dict[str, str]) -> str | None:
        """The ETag of the object under `key` if it has this mark; otherwise None."""
        try:
            found = self.client.head_object(Bucket=self.name, Key=key)
        except ClientError:
            return None
        return found["ETag"] if found["Metadata"].get(_MARK) == mark[_MARK] else None


def _encode(document: Any) -> bytes:
    # Half of a surrogate pair, which foreign JSON may hold, has no UTF-8; Python's escape for it is valid JSON.
    return json.dumps(
        msgspec.to_builtins(document, enc_hook=_plain_float), ensure_ascii=False, indent=1, allow_nan=False
    ).encode(errors="backslashreplace")


def _plain_float(value: Any) -> float:
    """Converts numpy's numbers to Python's; no other type belongs in a document."""
    if isinstance(value, float):
        return float(value)
    raise TypeError(f"A JSON document cannot hold {type(value).__name__}.")
