"""The fields of a block of CSV, read by Arrow where its bytes prove that the csv module would read the same.

Arrow's reader is lenient: it takes quotes that open or close in the middle of a field, lone carriage returns for line
ends, and drops a byte order mark at the start of any buffer. So its result is used only where the bytes prove it right.
"""

import csv
from array import array
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

Column = Any
"""An Arrow array of texts, without nulls."""

_BYTE = pa.uint8()
_QUOTE, _LINE_FEED, _CARRIAGE_RETURN = (pa.scalar(byte, _BYTE) for byte in b'"\n\r')
_BYTES_A_QUOTE = 10
_ONE = pa.scalar(1, pa.uint64())


@dataclass(frozen=True)
class Fields:
    """The fields of some lines, each a row.

    Attributes:
        columns: column by column those of the rows that are as wide as the header.
        misfits: those of the other rows, by their place among all rows, from 0.
        rows: how many rows there are, of any width.
    """

    columns: Sequence[Column]
    misfits: Mapping[int, list[str]]
    rows: int


def read_fields(data: bytes, delimiter: str, width: int) -> Fields | None:
    """Reads a block of whole lines, unless it takes the csv module to do so: then the answer is None.

    It does where a field has a line break, a quote stands in the middle of a bare field, something follows a closing
    quote, a carriage return stands alone, a line is blank, rows have one field, a byte order mark begins the block, or
    bytes are not UTF-8.
    """
    if width == 1 or b"\0" in data or data.startswith(BOM_UTF8):
        return None
    if b"\r" in data:
        if not _end_lines(data):
            return None
        data = data.replace(b"\r", b"")
    if not data.endswith(b"\n"):
        data += b"\n"
    if not _is_utf8(data):
        return None
    fields = _parse(data, delimiter, width)
    # Arrow skips blank lines, and takes a line break in quotes into the field.
    if fields is None or fields.rows != data.count(b"\n"):
        return None
    if b'"' in data and not _has_proper_quotes(data, delimiter, fields):
        return None
    return fields


def _parse(data: bytes, delimiter: str, width: int) -> Fields | None:
    others: dict[int, str] = {}

    def keep(row: Any) -> str:
        others[row.number - 1] = row.text
        return "skip"

    names, convert = _options(width)
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            arrow_csv.ParseOptions(delimiter=delimiter, invalid_row_handler=keep),
            convert,
        )
    except pa.ArrowInvalid:
        return None
    columns = [
        pa.concat_arrays(column.chunks) if column.num_chunks != 1 else column.chunk(0)
        for column in table.columns
    ]
    try:
        misfits = {
            place: next(csv.reader([text], delimiter=delimiter, strict=True))
            for place, text in others.items()
        }
    except csv.Error:
        return None
    return Fields(columns, misfits, table.num_rows + len(misfits))


@lru_cache
def _options(width: int) -> tuple[list[str], Any]:
    names = [str(position) for position in range(width)]
    return names, arrow_csv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(names, pa.string()))


def _end_lines(data: bytes) -> bool:
    """Whether each carriage return stands before a line feed."""
    view = _bytes_of(data)
    returns, feeds = pc.equal(view, _CARRIAGE_RETURN), pc.equal(view, _LINE_FEED)
    return bool(pc.and_(returns[:-1], feeds[1:]).true_count == returns.true_count)


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    ends = pa.py_buffer(array("i", [0, len(data)]))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _has_proper_quotes(data: bytes, delimiter: str, fields: Fields) -> bool:
    view = _bytes_of(data)
    quotes = pc.equal(view, _QUOTE)
    # It takes about as long to look at each of few quotes as at all bytes.
    if quotes.true_count * _BYTES_A_QUOTE > len(data) and _has_plain_quotes(view, quotes, delimiter, fields):
        return True
    return _has_paired_quotes(data, quotes, delimiter)


def _has_plain_quotes(view: Any, quotes: Any, delimiter: str, fields: Fields) -> bool:
    """Whether each field with a quote is a text in quotes without a quote, a delimiter or a line break in it.

    If there are as many separators as the rows have fields, each of them separates. If all other bytes but the quotes
    are in the values, no value has a quote: so a quote opens a field or closes it. Twice as many quotes as there are
    quotes before a separator: then each one that closes ends its field.
    """
    separators = pc.or_(pc.equal(view, pa.scalar(ord(delimiter), _BYTE)), pc.equal(view, _LINE_FEED))
    count = quotes.true_count
    values = sum(map(_size, fields.columns))
    return (
        not fields.misfits
        and separators.true_count == fields.rows * len(fields.columns)
        and values == len(view) - separators.true_count - count
        and 2 * pc.and_(quotes[:-1], separators[1:]).true_count == count
    )


def _has_paired_quotes(data: bytes, quotes: Any, delimiter: str) -> bool:
    """Whether quotes are as in RFC 4180: each opens a field, closes it, or is one of two that stand for one.

    Of the quotes in order, every other one opens or closes. One that opens stands behind a separator, one that closes
    before one; two in a row, the first of them closing, are those that stand for one.
    """
    places = pc.indices_nonzero(quotes)
    if len(places) % 2:
        return False
    pairs = pa.FixedSizeListArray.from_arrays(places, 2)
    opening, closing = pc.list_element(pairs, 0), pc.list_element(pairs, 1)
    around = pa.array(b'"\n' + delimiter.encode(), _BYTE)
    # With a line feed in front, what stands before a quote has the quote's own place.
    before = pc.take(_bytes_of(b"\n" + data), opening)
    behind = pc.take(_bytes_of(data), pc.add(closing, _ONE))
    return all(pc.all(pc.is_in(neighbours, around)).as_py() for neighbours in (before, behind))


def _bytes_of(data: bytes) -> Any:
    return pa.Array.from_buffers(_BYTE, len(data), [None, pa.py_buffer(data)])


def _size(column: Column) -> int:
    """How many bytes the texts of a whole array have."""
    return int(memoryview(column.buffers()[1]).cast("i")[len(column)]) if len(column) else 0
