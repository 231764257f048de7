"""Reading a large object from beginning to end although connections break: the rest is asked for again."""

from collections.abc import Iterator
from typing import Any

from botocore.exceptions import HTTPClientError, IncompleteReadError

from autowatch.input_file import read_input
from autowatch.objects import ObjectVersion

_MOST_BREAKS = 4


def read_resumed(s3: Any, bucket: str, file: ObjectVersion) -> Iterator[bytes]:
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
            for chunk in read_input(s3, bucket, file, start=given):
                given, breaks = given + len(chunk), 0
                yield chunk
            return
        except (HTTPClientError, IncompleteReadError):
            breaks += 1
            if breaks == _MOST_BREAKS:
                raise
