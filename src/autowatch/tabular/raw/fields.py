"""Where the fields of a block of CSV lie: all of them at once, without a loop over rows or characters."""

from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

MOST_WORDS = 4
"""Fields are looked at eight bytes, a word, at a time; so many words can be asked for."""

# A word ends where its field ends; before the first field there must be room for that.
_PADDING = bytes(8 * MOST_WORDS)

_QUOTE, _LINE_FEED, _CARRIAGE_RETURN = b'"\n\r'

# For each length from 0 to 8: the bytes at the end of a word that belong to a text of that length.
_MASKS = np.array([(1 << 64) - (1 << (64 - 8 * length)) for length in range(9)], np.uint64)


@dataclass(frozen=True)
class RawColumn:
    """The fields of one column.

    Attributes:
        bytes: the block.
        words: the block with padding around it, eight bytes each, the first one lowest.
        starts, ends: for each row where in the block the field begins and where it has ended, quotes left out.
    """

    bytes: Array
    words: Array
    starts: Array
    ends: Array

    def last_words(self, ends: Array, lengths: Array, count: int) -> list[Array]:
        """The last bytes of each text that ends at `ends`, eight in each of `count` words, the last ones first.

        The last byte is the highest; in place of bytes before the text's first one there are zeros.
        """
        places = ends >> 3
        shifts = ((ends & 7) << 3).view(np.uint64)
        counter_shifts = np.uint64(64) - shifts
        words = []
        # Loads from anywhere are slow in numpy: the two words in which the wanted one lies are put together.
        high = self.words[MOST_WORDS:].take(places)
        for number in range(count):
            low = self.words[MOST_WORDS - 1 - number :].take(places)
            word = high << counter_shifts
            word |= low >> shifts
            word &= _MASKS.take(lengths - 8 * number, mode="clip")
            words.append(word)
            high = low
        return words

    def at(self, rows: Array) -> "RawColumn":
        """The fields of some rows."""
        return RawColumn(self.bytes, self.words, self.starts[rows], self.ends[rows])

    def texts(self) -> list[str]:
        """The fields as Python has them."""
        spans = zip(self.starts.tolist(), self.ends.tolist(), strict=True)
        return [self.bytes[start:end].tobytes().decode() for start, end in spans]


@dataclass(frozen=True)
class RawFields:
    """The fields of the rows that are as wide as the header, and how many rows are not.

    Attributes:
        bytes, words: as in RawColumn.
        starts, ends: as in RawColumn, in the shape (columns, rows).
        lines: the lines of the block.
        misfits: the rows with another number of fields; blank lines are no rows.
    """

    bytes: Array
    words: Array
    starts: Array
    ends: Array
    lines: int
    misfits: int

    def __len__(self) -> int:
        return self.ends.shape[1]

    def column(self, position: int) -> RawColumn:
        """The fields at one position."""
        return RawColumn(self.bytes, self.words, self.starts[position], self.ends[position])

    def without(self, rows: Array) -> "RawFields":
        """The fields of the other rows."""
        starts, ends = (np.delete(side, rows, axis=1) for side in (self.starts, self.ends))
        return RawFields(self.bytes, self.words, starts, ends, self.lines, self.misfits)


def split_fields(data: bytes, delimiter: str, width: int) -> RawFields | None:
    """Finds the fields of a block of whole lines, unless it takes the csv module to do so: then the answer is None.

    It does where a quote is part of a field, a carriage return does not stand before a line feed, a field goes on
    behind the block, a NUL is anywhere, or rows have one field.
    """
    if width == 1 or b"\0" in data:
        return None
    if not data.endswith(b"\n"):
        data += b"\n"
    block = np.frombuffer(data, np.uint8)
    separators = np.flatnonzero((block == ord(delimiter)) | (block == _LINE_FEED))
    returns = b"\r" in data
    if returns and not _end_lines(block):
        return None
    quotes = int(np.count_nonzero(block == _QUOTE)) if b'"' in data else 0
    spans = _spans(block, separators, quotes, returns)
    if spans is None and quotes:
        separators = _outside_quotes(block, separators)
        spans = _spans(block, separators, quotes, returns)
    return None if spans is None else _in_rows(data, separators, spans, width)


def _end_lines(block: Array) -> bool:
    """Whether each carriage return stands before a line feed."""
    returns = np.flatnonzero(block == _CARRIAGE_RETURN)
    return bool(returns[-1] + 1 < len(block) and (block[returns + 1] == _LINE_FEED).all())


def _outside_quotes(block: Array, separators: Array) -> Array:
    """The separators with an even number of quotes before them."""
    inside = np.searchsorted(np.flatnonzero(block == _QUOTE), separators) & 1
    return separators[inside == 0]


def _spans(block: Array, separators: Array, quotes: int, returns: bool) -> tuple[Array, Array] | None:
    """Where the fields between the separators begin and end, without quotes around them; None if quotes are left."""
    if not len(separators) or separators[-1] != len(block) - 1:
        return None
    starts = np.empty_like(separators)
    starts[0], starts[1:] = 0, separators[:-1] + 1
    ends = separators
    if returns:
        ends = ends - ((block[ends] == _LINE_FEED) & (block[ends - 1] == _CARRIAGE_RETURN))
    if quotes:
        quoted = (block[starts] == _QUOTE) & (block[ends - 1] == _QUOTE) & (ends - starts > 1)
        if 2 * np.count_nonzero(quoted) != quotes:
            return None
        starts, ends = starts + quoted, ends - quoted
    return starts, ends


def _in_rows(data: bytes, separators: Array, spans: tuple[Array, Array], width: int) -> RawFields:
    words = np.frombuffer(b"".join([_PADDING, data, bytes(-len(data) % 8)]), "<u8")
    block = words.view(np.uint8)[len(_PADDING) :][: len(data)]
    lines = int(np.count_nonzero(block == _LINE_FEED))
    if len(separators) == lines * width and (block[separators[width - 1 :: width]] == _LINE_FEED).all():
        starts, ends = (np.ascontiguousarray(side.reshape(-1, width).T) for side in spans)
        return RawFields(block, words, starts, ends, lines, 0)
    last = np.flatnonzero(block[separators] == _LINE_FEED)
    widths = np.diff(last, prepend=-1)
    fitting = last[widths == width]
    positions = fitting + np.arange(1 - width, 1)[:, None]
    starts, ends = (side[positions] for side in spans)
    misfits = len(last) - len(fitting) - _blank_lines(block, separators[last])
    return RawFields(block, words, starts, ends, lines, misfits)


def _blank_lines(block: Array, line_ends: Array) -> int:
    lengths = np.diff(line_ends, prepend=-1) - 1
    return int(np.count_nonzero(lengths == (block[line_ends - 1] == _CARRIAGE_RETURN)))
