"""Reading an input file: exactly the version that was announced, whole or a range of its bytes.

Reading a large object from beginning to end although connections break: the rest is asked for again.
"""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.errors import UnreadableFile

if TYPE_CHECKING:
    pass

_CHUNK_BYTES = 64 * 1024


_GONE = ("NoSuchKey", "NoSuchVersion", "PreconditionFailed", "404", "412")


class InputGone(UnreadableFile):
    """The file was deleted or replaced before it was read; a replacement is announced by itself."""


def read_input(
    bucket: Bucket,
    file: ObjectVersion,
    start: int = 0,
    end: int | None = None,
    chunk_bytes: int = _CHUNK_BYTES,
) -> Iterator[bytes]:
    """The bytes of `file` from `start` up to, not including, `end` (None: all that follow), in chunks.

    Raises:
        InputGone: that version is not there any more.
    """
    which: dict[str, Any] = (
        {"VersionId": file.version_id} if file.version_id else {"IfMatch": f'"{file.etag}"'}
    )
    if start or end is not None:
        which["Range"] = f"bytes={start}-{'' if end is None else end - 1}"
    try:
        answer = bucket.client.get_object(Bucket=bucket.name, Key=file.key, **which)
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise InputGone(
                "The file was deleted or replaced before it was read. Upload it again if it is still needed."
            ) from error
        raise
    with closing(answer["Body"]) as body:
        yield from body.iter_chunks(chunk_bytes)


_MOST_BREAKS = 4


def read_resumed(bucket: Bucket, file: ObjectVersion, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[bytes]:
    """The bytes of `file`, in chunks.

    botocore tries a request again until the answer begins, not when its body breaks off, which in minutes of reading
    happens now and then.

    Raises:
        InputGone: that version is not there any more.
        HTTPClientError, IncompleteReadError: the connection broke four times without a byte in between.
    """
    given = breaks = 0
    while given < file.size or given == breaks == 0:
        try:
            for chunk in read_input(bucket, file, start=given, chunk_bytes=chunk_bytes):
                given, breaks = given + len(chunk), 0
                yield chunk
            return
        except (HTTPClientError, IncompleteReadError):
            breaks += 1
            if breaks == _MOST_BREAKS:
                raise
