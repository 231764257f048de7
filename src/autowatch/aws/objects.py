"""JSON objects in S3, with the conditions that keep two writers apart."""

import json
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from autowatch.errors import AutowatchError

_ABSENT = ("NoSuchKey", "NoSuchVersion", "404")
_CONDITION_FAILED = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")

BROKEN_OFF = (HTTPClientError, IncompleteReadError)
"""What reading a body raises where the connection breaks: botocore tries again until an answer begins, not after."""

MOST_BREAKS = 4
"""After so many breaks without a byte in between, reading is given up."""


class ObjectMissing(AutowatchError):
    """The object asked for is not in the bucket."""


class ObjectChanged(AutowatchError):
    """A conditional write lost: somebody else wrote the object first."""


@dataclass(frozen=True)
class ObjectVersion:
    """One version of one object: what an event, a manifest or a run refers to."""

    key: str
    version_id: str | None
    etag: str
    size: int

    def to_json(self) -> dict[str, Any]:
        """The form in which manifests, errors and runs hold it."""
        return {"key": self.key, "version_id": self.version_id, "etag": self.etag, "size": self.size}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "ObjectVersion":
        """The inverse of `to_json`."""
        return cls(document["key"], document["version_id"], document["etag"], document["size"])


def read_json(s3: Any, bucket: str, key: str) -> Any:
    """The JSON document under `key`.

    Raises:
        ObjectMissing: there is no such object.
    """
    return read_json_with_etag(s3, bucket, key)[0]


def read_json_with_etag(s3: Any, bucket: str, key: str) -> tuple[Any, str]:
    """The JSON document under `key` and its ETag, for a later `replace_json`.

    Raises:
        ObjectMissing: there is no such object.
    """
    content, etag = read_object(s3, bucket, key)
    return json.loads(content), etag


def read_object(
    s3: Any, bucket: str, key: str, version_id: str | None = None, byte_range: str | None = None
) -> tuple[bytes, str]:
    """The content of a small object, or of one version of it, and its ETag; read anew where it breaks off.

    Args:
        byte_range: the bytes wanted, as the header Range has them; None is all.

    Raises:
        ObjectMissing: there is no such object.
        HTTPClientError, IncompleteReadError: the connection broke four times.
    """
    breaks = 0
    while True:
        answer = get_object(s3, bucket, key, version_id, byte_range)
        try:
            return answer["Body"].read(), answer["ETag"]
        except BROKEN_OFF:
            breaks += 1
            if breaks == MOST_BREAKS:
                raise


def get_object(
    s3: Any, bucket: str, key: str, version_id: str | None = None, byte_range: str | None = None
) -> dict[str, Any]:
    """S3's answer for `key`, or for one version of it or some of its bytes; its `Body` is still to be read.

    Raises:
        ObjectMissing: there is no such object.
    """
    which = {"VersionId": version_id, "Range": byte_range}
    given = {name: value for name, value in which.items() if value}
    try:
        answer: dict[str, Any] = s3.get_object(Bucket=bucket, Key=key, **given)
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            raise ObjectMissing(f"s3://{bucket}/{key} does not exist.") from error
        raise
    return answer


def write_json(s3: Any, bucket: str, key: str, document: Any) -> None:
    """Writes `document` under `key`, whatever is there."""
    s3.put_object(Bucket=bucket, Key=key, Body=_encode(document), ContentType="application/json")


def write_json_if_absent(s3: Any, bucket: str, key: str, document: Any) -> str:
    """Writes `document` under `key` if nothing is there yet, and gives its ETag.

    Raises:
        ObjectChanged: there is an object already; it stays as it is.
    """
    return _write_on_condition(s3, bucket, key, document, IfNoneMatch="*")


def replace_json(s3: Any, bucket: str, key: str, document: Any, etag: str) -> str:
    """Writes `document` over the version of `key` that has this ETag, and gives the new one's.

    Raises:
        ObjectChanged: the object is gone or has another ETag by now; it stays as it is.
    """
    return _write_on_condition(s3, bucket, key, document, IfMatch=etag)


def _write_on_condition(s3: Any, bucket: str, key: str, document: Any, **condition: str) -> str:
    try:
        answer: dict[str, str] = s3.put_object(
            Bucket=bucket, Key=key, Body=_encode(document), ContentType="application/json", **condition
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in (*_CONDITION_FAILED, *_ABSENT):
            raise ObjectChanged(f"s3://{bucket}/{key} was written by somebody else.") from error
        raise
    return answer["ETag"]


def _encode(document: Any) -> bytes:
    # Half of a surrogate pair, which foreign JSON may hold, has no UTF-8; Python's escape for it is JSON's too.
    return json.dumps(document, ensure_ascii=False, indent=1).encode(errors="backslashreplace")
