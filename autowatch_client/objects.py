"""Access to a stack's bucket, for the client."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from autowatch_client.errors import ObjectUnreadableError, RefusedError

_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
_MOST_BREAKS = 4
_MOST_DELETED = 1000
_LARGEST_PUT = 5_000_000_000
"""Bytes of an object that S3 accepts in one request."""

_KEPT = (
    "ContentType",
    "ContentEncoding",
    "ContentDisposition",
    "ContentLanguage",
    "CacheControl",
    "StorageClass",
    "ServerSideEncryption",
    "SSEKMSKeyId",
)
"""The properties, besides metadata, that a rewritten object keeps."""


def short_digest(text: str) -> str:
    """16 hexadecimal digits of the SHA-256, as in the keys of results and the ids of rows."""
    return sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Version:
    """One uploaded version of an object. `mark` is the part of its results' keys that identifies it."""

    key: str
    version_id: str | None
    etag: str

    @property
    def mark(self) -> str:
        """The version id or, in a bucket without versions, the ETag."""
        return self.version_id or self.etag


@dataclass(frozen=True)
class StoredVersion:
    """One version of an object in a listing; `version_id` is `null` in a bucket without versioning."""

    key: str
    version_id: str
    etag: str
    is_latest: bool

    @property
    def mark(self) -> str:
        """The version id or, in a bucket without versions, the ETag."""
        return self.version_id if self.version_id != "null" else self.etag


def unheard(*_: object) -> None:
    """The default for callers that show no progress."""


class Bucket:
    """Reads and writes objects."""

    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self.name = s3, name

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        """The bytes of an object; None if it does not exist. A broken read is retried up to four times."""
        version = {"VersionId": version_id} if version_id else {}
        breaks = 0
        while True:
            try:
                return bytes(self._s3.get_object(Bucket=self.name, Key=key, **version)["Body"].read())
            except ClientError as error:
                if error.response["Error"]["Code"] in _ABSENT:
                    return None
                raise
            except (HTTPClientError, IncompleteReadError):
                breaks += 1
                if breaks == _MOST_BREAKS:
                    raise

    def read_json(self, key: str, version_id: str | None = None) -> dict[str, Any] | None:
        """The JSON document under `key`, or one version of it; None if it does not exist.

        Raises:
            ObjectUnreadableError: the object is not a JSON object.
        """
        body = self.read(key, version_id)
        if body is None:
            return None
        try:
            document = json.loads(body)
        except ValueError as error:
            raise ObjectUnreadableError(f"s3://{self.name}/{key} is not JSON: {error}") from error
        if not isinstance(document, dict):
            raise ObjectUnreadableError(f"s3://{self.name}/{key} is not a JSON object.")
        return document

    def objects(self, prefix: str) -> Iterator[dict[str, Any]]:
        """The entries of ListObjectsV2 below a prefix, ordered by key."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", ())

    def versions(self, prefix: str = "") -> Iterator[StoredVersion]:
        """All versions below a prefix, without delete markers, ordered by key and newest first."""
        pages = self._s3.get_paginator("list_object_versions").paginate(Bucket=self.name, Prefix=prefix)
        for page in pages:
            for item in page.get("Versions", ()):
                yield StoredVersion(item["Key"], item["VersionId"], item["ETag"].strip('"'), item["IsLatest"])

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix that ends with a slash."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, Delimiter="/"
        )
        found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def exists(self, key: str) -> bool:
        """Whether an object has this key."""
        return any(item["Key"] == key for item in self.objects(key))

    def upload(self, path: Path, key: str) -> Version:
        """Uploads a file, a large one in parts, and returns its new version."""
        self._s3.upload_file(str(path), self.name, key)
        head = self._s3.head_object(Bucket=self.name, Key=key)
        return Version(key, _named(head.get("VersionId")), head["ETag"].strip('"'))

    def download(self, key: str, path: Path, version_id: str | None = None) -> None:
        """Downloads an object into a file, and creates the file's folder if missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        extra = {"VersionId": version_id} if version_id else None
        self._s3.download_file(self.name, key, str(path), ExtraArgs=extra)

    def rewrite(self, version: StoredVersion, path: Path, mark: str) -> str | None:
        """Replaces a version of an object by a file, keeps its properties, and returns the new version id.

        Args:
            version: the version that the content was made from.
            mark: the metadata entry that gets the upload time; an existing entry is kept.

        Raises:
            RefusedError: the object was changed meanwhile.
        """
        head = self._s3.head_object(Bucket=self.name, Key=version.key, VersionId=version.version_id)
        kept = {name: head[name] for name in _KEPT if name in head}
        tags = self._s3.get_object_tagging(Bucket=self.name, Key=version.key, VersionId=version.version_id)
        if tags["TagSet"]:
            kept["Tagging"] = urlencode([(tag["Key"], tag["Value"]) for tag in tags["TagSet"]])
        metadata = {mark: head["LastModified"].isoformat(), **head.get("Metadata", {})}
        condition = {"IfMatch": version.etag} if version.is_latest else {}
        if path.stat().st_size > _LARGEST_PUT:
            return self._rewrite_in_parts(version.key, path, {**kept, "Metadata": metadata})
        with path.open("rb") as file:
            try:
                answer = self._s3.put_object(
                    Bucket=self.name, Key=version.key, Body=file, Metadata=metadata, **kept, **condition
                )
            except ClientError as error:
                if error.response["Error"]["Code"] not in _CONDITION_FAILED:
                    raise
                raise RefusedError(
                    f"s3://{self.name}/{version.key} was changed meanwhile. Start again."
                ) from error
        return _named(answer.get("VersionId"))

    def _rewrite_in_parts(self, key: str, path: Path, extra: dict[str, Any]) -> str | None:
        self._s3.upload_file(str(path), self.name, key, ExtraArgs=extra)
        return _named(self._s3.head_object(Bucket=self.name, Key=key).get("VersionId"))

    def write_once(self, key: str, document: object, keep_until: datetime | None = None) -> None:
        """Writes a JSON document under a new key.

        Args:
            keep_until: S3 prevents deletion of this version until then; the bucket must have Object Lock.

        Raises:
            ClientError: the key exists already, or S3 refuses.
        """
        lock = {"ObjectLockMode": "COMPLIANCE", "ObjectLockRetainUntilDate": keep_until} if keep_until else {}
        body = json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
        self._s3.put_object(
            Bucket=self.name, Key=key, Body=body, ContentType="application/json", IfNoneMatch="*", **lock
        )

    def delete_versions(self, versions: Sequence[StoredVersion]) -> None:
        """Deletes versions of objects permanently.

        Raises:
            RefusedError: S3 retains some; the others are deleted.
        """
        for start in range(0, len(versions), _MOST_DELETED):
            chosen = versions[start : start + _MOST_DELETED]
            objects = [{"Key": each.key, "VersionId": each.version_id} for each in chosen]
            answer = self._s3.delete_objects(Bucket=self.name, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                raise RefusedError(
                    f"{len(errors)} of {len(chosen)} versions were not deleted, the first of "
                    f"s3://{self.name}/{errors[0]['Key']}: {errors[0].get('Message') or errors[0]['Code']}"
                )

    def delete(self, key: str) -> None:
        """Deletes an object; a versioned bucket keeps its earlier versions."""
        self._s3.delete_object(Bucket=self.name, Key=key)


def _named(version_id: str | None) -> str | None:
    return None if version_id in (None, "null") else version_id
