"""Arrow's columns as lines of CSV: the same that `csv_lines` makes of lists."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from autowatch.tabular.arrow.fields import Column

_SPECIAL = (b",", b'"', b"\n", b"\r")


def to_lines(columns: Sequence[Column]) -> Column:
    """One line of RFC 4180 CSV for each row, without its line end, to which more fields will be added."""
    return join([quoted(column) for column in columns])


def join(columns: Sequence[Any], separator: str = ",") -> Column:
    """Row by row the texts of columns, of which some may be one text for all rows, with the separator between them."""
    return pc.binary_join_element_wise(*columns, separator)


def to_csv(columns: Sequence[Column]) -> bytes:
    """Lines of RFC 4180 CSV, each with its line feed. A row of one empty field becomes `""`."""
    if len(columns) == 1:
        (column,) = columns
        text = pc.if_else(pc.equal(column, ""), '""', quoted(column))
        return content(join([text, "\n"], ""))
    names = [str(position) for position in range(len(columns))]
    options = arrow_csv.WriteOptions(include_header=False, quoting_style="none", batch_size=1 << 20)
    sink = pa.BufferOutputStream()
    try:
        arrow_csv.write_csv(pa.RecordBatch.from_arrays(list(columns), names), sink, options)
    except pa.ArrowInvalid:
        # A field must be quoted.
        return content(join([to_lines(columns), "\n"], ""))
    return sink.getvalue().to_pybytes()


def quoted(column: Column) -> Column:
    """The fields as they stand in CSV."""
    text = content(column)
    if not any(character in text for character in _SPECIAL):
        return column
    special = pc.match_substring_regex(column, r'[",\r\n]')
    return pc.if_else(special, join(['"', pc.replace_substring(column, '"', '""'), '"'], ""), column)


def content(column: Column) -> bytes:
    """The texts of a column, one behind the other, in UTF-8."""
    _, offsets, texts = column.buffers()
    if texts is None or not len(column):
        return b""
    ends = memoryview(offsets).cast("i")
    return bytes(memoryview(texts)[ends[column.offset] : ends[column.offset + len(column)]])
