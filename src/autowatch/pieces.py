"""Cutting a file into pieces: ranges of whole lines, found without reading the file."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from autowatch.input_file import read_input
from autowatch.objects import ObjectVersion
from autowatch.table import LARGEST_FIELD, MalformedCsv

MOST_PIECES = 10_000
"""As many parts as a multipart upload has, since each piece becomes one part of the predictions file."""

_WINDOW_BYTES = 64 * 1024
_READERS = 16


@dataclass(frozen=True)
class Piece:
    """The bytes from `start` up to, not including, `end`: whole lines, unless quotes have line breaks in them.

    `number` counts the pieces of a file from 1.
    """

    number: int
    start: int
    end: int

    def to_json(self) -> dict[str, int]:
        """The form in which the state machine hands it on."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, int]) -> "Piece":
        """The inverse of `to_json`."""
        return cls(document["number"], document["start"], document["end"])


def cut_pieces(s3: Any, bucket: str, file: ObjectVersion, start: int, piece_bytes: int) -> list[Piece]:
    """Cuts the bytes of `file` from `start` on, the beginning of a line, into pieces of about `piece_bytes`.

    A piece begins behind the first line end at or after its nominal place. Where there would be more than
    `MOST_PIECES` they are made larger.

    Raises:
        InputGone: that version of the file is not there any more.
        MalformedCsv: a line is longer than the longest that is read.
    """
    step = max(piece_bytes, -(-(file.size - start) // MOST_PIECES))
    nominal = range(start + step, file.size, step)
    with ThreadPoolExecutor(_READERS) as readers:
        found = set(readers.map(lambda place: _after_line_end(s3, bucket, file, place), nominal))
    places = sorted({start, file.size} | found)
    return [Piece(number, *ends) for number, ends in enumerate(pairwise(places), start=1)]


def _after_line_end(s3: Any, bucket: str, file: ObjectVersion, place: int) -> int:
    """Where the line behind the first line end at or after `place` begins; the file's end if there is none."""
    for offset in _windows(place, min(file.size, place + LARGEST_FIELD)):
        end = min(offset + _WINDOW_BYTES, file.size)
        found = b"".join(read_input(s3, bucket, file, offset, end)).find(b"\n")
        if found >= 0:
            return offset + found + 1
    if file.size - place > LARGEST_FIELD:
        raise MalformedCsv(
            f"A line of the file is longer than {LARGEST_FIELD} bytes. End each row with a line feed."
        )
    return file.size


def _windows(start: int, end: int) -> Iterator[int]:
    yield from range(start, end, _WINDOW_BYTES)
