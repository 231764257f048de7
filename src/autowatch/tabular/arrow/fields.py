"""The fields of a CSV block, parsed by Arrow if its bytes prove that the csv module would parse them the same.

Arrow's parser is lenient: it accepts quotes that open or close inside a field, reads lone carriage returns as line
ends, and drops a byte order mark at the start of any buffer. So its result is used only if the bytes prove it right.
"""

import csv
import re
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
_QUOTE, _LINE_FEED = (pa.scalar(byte, _BYTE) for byte in b'"\n')
_LONE_RETURN = re.compile(rb"\r(?!\n)")
_BLANK_LINE = re.compile(rb"(?:^|\n)\r?\n")
_ONE = pa.scalar(1, pa.uint64())


@dataclass(frozen=True)
class Fields:
    """The fields of some lines, where each line is a row.

    Attributes:
        columns: by column, the fields of the rows that are as wide as the header.
        misfits: the fields of the other rows, by their place among all rows, from 0.
        rows: how many rows there are, of any width.
        is_plain: whether the columns are known to contain no quote, comma or line break.
    """

    columns: Sequence[Column]
    misfits: Mapping[int, list[str]]
    rows: int
    is_plain: bool


def read_fields(data: bytes, delimiter: str, width: int, quotes: bool = True) -> Fields | None:
    """Parses a block of whole lines; returns None if only the csv module can.

    This is so if a field contains a line break, a quote is inside a bare field, something follows a closing quote, a
    carriage return is alone, a line is blank, rows have a single field, a byte order mark begins the block, or bytes
    are not UTF-8.

    Args:
        data: the block.
        delimiter: the delimiter.
        width: how many fields a row should have.
        quotes: whether quotes follow RFC 4180; otherwise they are ordinary characters.
    """
    if width == 1 or b"\0" in data or data.startswith(BOM_UTF8) or data.endswith(b"\r"):
        return None
    if not data.endswith(b"\n"):
        data += b"\n"
    if not _is_utf8(data):
        return None
    parsed = _parse(data, delimiter, width, quotes)
    if parsed is None:
        return None
    has_quotes = b'"' in data
    is_bare = _is_bare(data.replace(b"\r", b""), delimiter, quotes and has_quotes, *parsed)
    if not is_bare and not (quotes and has_quotes and _has_proper_quotes(data, delimiter, *parsed)):
        return None
    columns, others = parsed
    try:
        misfits = {
            place: next(csv.reader([text], delimiter=delimiter, strict=True))
            for place, text in others.items()
        }
    except csv.Error:
        return None
    is_plain = is_bare and (quotes or not has_quotes) and (delimiter == "," or b"," not in data)
    return Fields(columns, misfits, len(columns[0]) + len(misfits), is_plain)


def _parse(
    data: bytes, delimiter: str, width: int, quotes: bool
) -> tuple[Sequence[Column], Mapping[int, str]] | None:
    """The fields of rows that have `width` fields, and the texts of the others. A blank line has empty fields."""
    others: dict[int, str] = {}

    def keep(row: Any) -> str:
        others[row.number - 1] = row.text
        return "skip"

    names, convert = _options(width)
    try:
        # read_csv would start a thread per block to read ahead in data that is already in memory.
        reader = arrow_csv.open_csv(
            pa.BufferReader(data),
            arrow_csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
            arrow_csv.ParseOptions(
                delimiter=delimiter,
                quote_char='"' if quotes else False,
                invalid_row_handler=keep,
                ignore_empty_lines=False,
            ),
            convert,
        )
        table = reader.read_all()
    except pa.ArrowInvalid:
        return None
    columns = [
        column.chunk(0) if column.num_chunks == 1 else column.combine_chunks() for column in table.columns
    ]
    return columns, others


@lru_cache
def _options(width: int) -> tuple[list[str], Any]:
    names = [str(position) for position in range(width)]
    return names, arrow_csv.ConvertOptions(check_utf8=False, column_types=dict.fromkeys(names, pa.string()))


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    ends = pa.py_buffer(array("i", [0, len(data)]))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, ends, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _is_bare(
    data: bytes, delimiter: str, quotes: bool, columns: Sequence[Column], others: Mapping[int, str]
) -> bool:
    """Whether no value contains a quote, a delimiter or a line break, and each quote opens or closes a field.

    A row has as many separators, including its line feed, as fields. If those are all the separators of the block, and
    all other bytes except the quotes belong to the values, then no value contains a quote or a separator. So each
    separator separates, no line is blank or ends with a lone carriage return, and each quote opens or closes a field.
    If there are twice as many quotes as quotes before a separator, each closing quote ends its field.

    Args:
        data: the block without its carriage returns.
        delimiter: the delimiter.
        quotes: whether quotes open and close fields.
        columns: the fields of the rows with the right number of fields.
        others: the texts of the other rows.
    """
    fitting = len(columns[0])
    values = sum(map(_size, columns))
    if not quotes:
        values += sum(len(text.encode()) for text in others.values())
        line_feeds = fitting + len(others)
        return len(data) == values + fitting * len(columns) + len(others) and data.count(b"\n") == line_feeds
    if others:
        return False
    view = _bytes_of(data)
    are_quotes = pc.equal(view, _QUOTE)
    count = are_quotes.true_count
    if len(data) != values + fitting * len(columns) + count:
        return False
    separators = pc.or_(pc.equal(view, pa.scalar(ord(delimiter), _BYTE)), pc.equal(view, _LINE_FEED))
    return (
        separators.true_count == fitting * len(columns)
        and 2 * pc.and_(are_quotes[:-1], separators[1:]).true_count == count
    )


def _has_proper_quotes(
    data: bytes, delimiter: str, columns: Sequence[Column], others: Mapping[int, str]
) -> bool:
    """Whether each quote opens a field, closes it, or is one of two that stand for one, with no line break in quotes.

    Every other quote, in order, opens or closes. An opening quote follows a separator, a closing one precedes one; two
    in a row, the first of them closing, stand for one quote.
    """
    if data.count(b"\n") != len(columns[0]) + len(others) or (b"\r" in data and _LONE_RETURN.search(data)):
        return False
    if all(pc.index(column, "").as_py() >= 0 for column in columns) and _BLANK_LINE.search(data):
        return False
    places = pc.indices_nonzero(pc.equal(_bytes_of(data), _QUOTE))
    if len(places) % 2:
        return False
    pairs = pa.FixedSizeListArray.from_arrays(places, 2)
    opening, closing = pc.list_element(pairs, 0), pc.list_element(pairs, 1)
    around = pa.array(b'"\r\n' + delimiter.encode(), _BYTE)
    # With a line feed prepended, the byte before a quote has the quote's own index.
    before = pc.take(_bytes_of(b"\n" + data), opening)
    behind = pc.take(_bytes_of(data), pc.add(closing, _ONE))
    return all(pc.all(pc.is_in(neighbours, around)).as_py() for neighbours in (before, behind))


def _bytes_of(data: bytes) -> Any:
    return pa.Array.from_buffers(_BYTE, len(data), [None, pa.py_buffer(data)])


def _size(column: Column) -> int:
    """The size of a whole array's texts in bytes."""
    return int(memoryview(column.buffers()[1]).cast("i")[len(column)]) if len(column) else 0
