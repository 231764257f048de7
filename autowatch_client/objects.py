"""Access to a stack's bucket, for the client."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from autowatch_client.errors import ObjectUnreadableError

_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")
_MOST_BREAKS = 4


@dataclass(frozen=True)
class Version:
    """One version of an object, as an upload left it. `mark` is what the keys of its results are made of."""

    key: str
    version_id: str | None
    etag: str

    @property
    def mark(self) -> str:
        """The version id or, in a bucket without versions, the ETag."""
        return self.version_id or self.etag


def unheard(*_: object) -> None:
    """The default for callers that show no progress."""


class Bucket:
    """Reads and writes objects."""

    def __init__(self, s3: Any, name: str) -> None:
        self._s3, self.name = s3, name

    def read(self, key: str, version_id: str | None = None) -> bytes | None:
        """The bytes of an object; None where there is none. A broken read is repeated up to four times."""
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

    def read_json(self, key: str) -> dict[str, Any] | None:
        """The JSON document under `key`; None where there is none.

        Raises:
            ObjectUnreadableError: the object is not a JSON object.
        """
        body = self.read(key)
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
        """The entries of ListObjectsV2 below a prefix, in the order of the keys."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        for page in pages:
            yield from page.get("Contents", ())

    def folders(self, prefix: str) -> list[str]:
        """The names of the folders right below a prefix that ends with a slash."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, Delimiter="/"
        )
        found = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def exists(self, key: str) -> bool:
        """Whether there is an object of this key."""
        return any(item["Key"] == key for item in self.objects(key))

    def upload(self, path: Path, key: str) -> Version:
        """Uploads a file, in parts where it is large, and returns its new version."""
        self._s3.upload_file(str(path), self.name, key)
        head = self._s3.head_object(Bucket=self.name, Key=key)
        version_id = head.get("VersionId")
        return Version(key, None if version_id in (None, "null") else version_id, head["ETag"].strip('"'))

    def download(self, key: str, path: Path, version_id: str | None = None) -> None:
        """Fetches an object into a file; creates the file's folder where it is missing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        extra = {"VersionId": version_id} if version_id else None
        self._s3.download_file(self.name, key, str(path), ExtraArgs=extra)

    def delete(self, key: str) -> None:
        """Deletes an object; a bucket with versions keeps what it was."""
        self._s3.delete_object(Bucket=self.name, Key=key)
