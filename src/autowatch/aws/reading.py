"""Reads objects to the end even if connections break, by requesting the rest.

Input files are read in exactly the announced version, whole or as a range of bytes.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import Any

from botocore.exceptions import ClientError

from autowatch.aws.objects import BROKEN_OFF, MOST_BREAKS, Bucket, ObjectVersion
from autowatch.errors import UnreadableFile

_CHUNK_BYTES = 64 * 1024


_GONE = ("NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412")


class InputGone(UnreadableFile):
    """The file was deleted or replaced before it was read; a replacement gets its own announcement."""


def read_input(
    bucket: Bucket,
    file: ObjectVersion,
    start: int = 0,
    end: int | None = None,
    chunk_bytes: int = _CHUNK_BYTES,
) -> Iterator[bytes]:
    """The bytes of `file` from `start` up to, not including, `end` (None: all that follow), in chunks.

    Raises:
        InputGone: that version no longer exists.
        HTTPClientError, IncompleteReadError: the connection broke four times without a byte in between.
    """
    with closing(ResumedBody(bucket, file, start, end)) as body:
        while chunk := body.read(chunk_bytes):
            yield chunk


class ResumedBody:
    """The bytes of one version of an object, for reads that take minutes.

    botocore retries a request only until the answer begins, but in minutes of reading a body breaks off now and then.
    """

    def __init__(self, bucket: Bucket, file: ObjectVersion, start: int = 0, end: int | None = None) -> None:
        """The range from `start` up to, not including, `end` (None: the end of the object)."""
        self.file = file
        self._bucket = bucket
        self._place, self._end = start, end
        self._length: int | None = None
        self._breaks = 0
        self._body: Any = None

    @classmethod
    def of_key(cls, bucket: Bucket, key: str, version_id: str | None = None) -> "ResumedBody":
        """The current object under `key`, or one version of it.

        Raises:
            ObjectMissing: there is none.
        """
        answer = bucket.get(key, version_id)
        # Without a given version, the rest is requested by ETag: reading by version needs another permission.
        file = ObjectVersion(key, version_id, answer["ETag"].strip('"'), answer["ContentLength"])
        opened = cls(bucket, file)
        opened._begin(answer)
        return opened

    def read(self, size: int) -> bytes:
        """The next bytes, at most `size`; none at the end.

        Raises:
            InputGone: the version no longer exists.
            HTTPClientError, IncompleteReadError: the connection broke four times without a byte in between.
        """
        while True:
            try:
                if self._body is None:
                    self._begin(self._ask())
                chunk: bytes = self._body.read(size)
            except BROKEN_OFF:
                self._breaks += 1
                if self._breaks == MOST_BREAKS:
                    raise
                if self._length == 0:
                    return b""
                self.close()
                continue
            self._place += len(chunk)
            if self._length is not None:
                self._length -= len(chunk)
            if chunk:
                self._breaks = 0
            return chunk

    def close(self) -> None:
        """Closes the connection."""
        if self._body is not None:
            self._body.close()
            self._body = None

    def _begin(self, answer: Any) -> None:
        self._body = answer["Body"]
        if self._length is None:
            self._length = answer["ContentLength"]

    def _ask(self) -> dict[str, Any]:
        file = self.file
        which = {"VersionId": file.version_id} if file.version_id else {"IfMatch": f'"{file.etag}"'}
        if self._place or self._end is not None:
            which["Range"] = f"bytes={self._place}-{'' if self._end is None else self._end - 1}"
        try:
            client: Any = self._bucket.client
            answer: dict[str, Any] = client.get_object(Bucket=self._bucket.name, Key=file.key, **which)
        except ClientError as error:
            if error.response["Error"]["Code"] in _GONE:
                raise InputGone(
                    "The file was deleted or replaced before it was read. Upload it again if it is still needed."
                ) from error
            raise
        return answer
