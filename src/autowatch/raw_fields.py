"""Where the fields of a block of CSV lie: all of them at once, without a loop over rows or characters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_WORDS = 4
"""Fields are looked at eight bytes, a word, at a time; so many words can be asked for."""

# A word is loaded so that it ends where its field ends; before the first field there must be room for that.
_PADDING = bytes(8 * MOST_WORDS)

_QUOTE, _LINE_FEED, _CARRIAGE_RETURN = b'"\n\r'

# For each length from 0 to 8: the bytes at the end of a word that belong to a text of that length.
_MASKS = np.array([(1 << 64) - (1 << (64 - 8 * length)) for length in range(9)], np.uint64)


@dataclass(frozen=True)
class RawColumn:
    """The fields of one column.

    Attributes:
        bytes: the block, with padding in front.
        words: the same block; at each position the eight bytes that begin there, the first one lowest.
        starts, ends: for each row where in it the field begins, and where it has ended; without quotes around it.
    """

    bytes: Array
    words: Array
    starts: Array
    ends: Array

    def word(self, ends: Array, lengths: Array, number: int = 0) -> Array:
        """Eight bytes of each text that ends at `ends`: its last ones, or, with `number`, those so many words earlier.

        The last byte is the highest; in place of bytes before the text's first one there are zeros.
        """
        words: Array = self.words[ends - 8 * (number + 1)]
        return words & _MASKS.take(lengths - 8 * number, mode="clip")

    def texts(self, rows: Array) -> list[str]:
        """The fields of some rows."""
        spans = zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)
        return [self.bytes[start:end].tobytes().decode() for start, end in spans]


@dataclass(frozen=True)
class RawFields:
    """The fields of the rows that are as wide as the header, and how many rows are not.

    Attributes:
        bytes, words: as in RawColumn.
        starts, ends: as in RawColumn, in the shape (rows, columns).
        misfits: the rows with another number of fields; blank lines are no rows.
    """

    bytes: Array
    words: Array
    starts: Array
    ends: Array
    misfits: int

    @property
    def rows(self) -> int:
        """How many rows the block has, the misfits among them."""
        return len(self.starts) + self.misfits

    def column(self, position: int) -> RawColumn:
        """The fields at one position."""
        starts, ends = (np.ascontiguousarray(side[:, position]) for side in (self.starts, self.ends))
        return RawColumn(self.bytes, self.words, starts, ends)

    def without(self, rows: Array) -> "RawFields":
        """The fields of the other rows."""
        starts, ends = (np.delete(side, rows, axis=0) for side in (self.starts, self.ends))
        return RawFields(self.bytes, self.words, starts, ends, self.misfits)


def split_fields(text: str, delimiter: str, width: int) -> RawFields | None:
    """Finds the fields of a block of whole lines, unless it takes the csv module to do so: then the answer is None.

    It does where a quote is part of a field, a carriage return does not stand before a line feed, a field goes on
    behind the block, a NUL is anywhere, or rows have one field.
    """
    data = text.encode()
    if width == 1 or b"\0" in data:
        return None
    block = np.frombuffer(_PADDING + data + b"\n" * (not data.endswith(b"\n")), np.uint8)
    separators = np.flatnonzero((block == ord(delimiter)) | (block == _LINE_FEED))
    quotes = data.count(b'"')
    if b"\r" in data and not _end_lines(block):
        return None
    spans = _spans(block, separators, quotes)
    if spans is None and quotes:
        separators = _outside_quotes(block, separators)
        spans = _spans(block, separators, quotes)
    return None if spans is None else _in_rows(block, separators, spans, width)


def _end_lines(block: Array) -> bool:
    """Whether each carriage return stands before a line feed."""
    returns = np.flatnonzero(block == _CARRIAGE_RETURN)
    return bool(returns[-1] + 1 < len(block) and (block[returns + 1] == _LINE_FEED).all())


def _outside_quotes(block: Array, separators: Array) -> Array:
    """The separators with an even number of quotes before them."""
    inside = np.searchsorted(np.flatnonzero(block == _QUOTE), separators) & 1
    return separators[inside == 0]


def _spans(block: Array, separators: Array, quotes: int) -> tuple[Array, Array] | None:
    """Where the fields between the separators begin and end, without quotes around them; None if quotes are left."""
    if not len(separators) or separators[-1] != len(block) - 1:
        return None
    starts = np.empty_like(separators)
    starts[0], starts[1:] = len(_PADDING), separators[:-1] + 1
    ends = separators
    returned = (block[ends] == _LINE_FEED) & (block[ends - 1] == _CARRIAGE_RETURN)
    ends = ends - returned
    if quotes:
        quoted = (block[starts] == _QUOTE) & (block[ends - 1] == _QUOTE) & (ends - starts > 1)
        if 2 * np.count_nonzero(quoted) != quotes:
            return None
        starts, ends = starts + quoted, ends - quoted
    return starts, ends


def _in_rows(block: Array, separators: Array, spans: tuple[Array, Array], width: int) -> RawFields:
    words = np.ndarray((len(block) - 7,), "<u8", block, strides=(1,))
    last = np.flatnonzero(block[separators] == _LINE_FEED)
    starts, ends = spans
    if np.array_equal(last, np.arange(width - 1, len(separators), width)):
        return RawFields(block, words, starts.reshape(-1, width), ends.reshape(-1, width), 0)
    widths = np.diff(last, prepend=-1)
    fitting = last[widths == width]
    positions = fitting[:, None] + np.arange(1 - width, 1)
    misfits = len(last) - len(fitting) - _blank_lines(block, separators[last])
    return RawFields(block, words, starts[positions], ends[positions], misfits)


def _blank_lines(block: Array, line_ends: Array) -> int:
    lengths = np.diff(line_ends, prepend=len(_PADDING) - 1) - 1
    return int(np.count_nonzero(lengths == (block[line_ends - 1] == _CARRIAGE_RETURN)))
