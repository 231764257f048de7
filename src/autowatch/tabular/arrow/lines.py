"""Arrow columns as CSV lines, equal to those that `csv_lines` makes of lists."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.csv_lines import FORMULA_BEGINS, SIGNED_NUMBER

_SPECIAL = (b",", b'"', b"\n", b"\r")
_FORMULA_BEGINS = pa.array(FORMULA_BEGINS, pa.string())
_FORMULA_BYTES = pa.array({character.encode()[:1] for character in FORMULA_BEGINS}, pa.binary())
"""A formula can begin only with one of these bytes; checking the byte alone is fast."""


def to_lines(columns: Sequence[Column]) -> Column:
    """One line of RFC 4180 CSV for each row, without its line end; more fields will follow."""
    return join([quoted(column) for column in columns])


def join(columns: Sequence[Any], separator: str = ",") -> Column:
    """Joins columns row by row with the separator; a column may be a single text for all rows."""
    return columns[0] if len(columns) == 1 else pc.binary_join_element_wise(*columns, separator)


def to_csv(columns: Sequence[Column]) -> bytes:
    """Lines of RFC 4180 CSV, each with its line feed. A row with a single empty field becomes `""`."""
    lines = to_lines(columns)
    return ended(pc.if_else(pc.equal(lines, ""), '""', lines) if len(columns) == 1 else lines)


def ended(lines: Column) -> bytes:
    """The lines concatenated, each with its line feed."""
    if not len(lines):
        return b""
    ends = pa.array([0, len(lines)], pa.int32())
    text = pc.binary_join(pa.ListArray.from_arrays(ends, lines), "\n")
    return b"".join([content_in_place(text), b"\n"])


def join_in_orders(columns: Sequence[Column], order: Sequence[int]) -> tuple[Column, Column]:
    """Joins the texts of all columns row by row with commas, and those of some columns in an order of their own.

    Columns that are adjacent in both orders are joined only once.
    """
    stretches: list[range] = []
    for position in order:
        if stretches and stretches[-1].stop == position:
            stretches[-1] = range(stretches[-1].start, position + 1)
        else:
            stretches.append(range(position, position + 1))
    some = [join(columns[stretch.start : stretch.stop]) for stretch in stretches]
    joined = {stretch.start: (stretch.stop, text) for stretch, text in zip(stretches, some, strict=True)}
    whole, position = [], 0
    while position < len(columns):
        position, text = joined.get(position, (position + 1, columns[position]))
        whole.append(text)
    return join(whole), join(some)


def quoted(column: Column) -> Column:
    """The fields as CSV writes them."""
    text = content(column)
    if not any(character in text for character in _SPECIAL):
        return column
    special = pc.match_substring_regex(column, r'[",\r\n]')
    return pc.if_else(special, join(['"', pc.replace_substring(column, '"', '""'), '"'], ""), column)


def without_formulas(column: Column) -> Column:
    """The fields as `no_formula` writes them; the column itself if nothing changes."""
    are_suspect = pc.is_in(pc.binary_slice(column.cast(pa.binary()), 0, 1), _FORMULA_BYTES)
    if not are_suspect.true_count:
        return column
    suspects = column.filter(are_suspect)
    formulas = pc.and_not(
        pc.is_in(pc.utf8_slice_codeunits(suspects, 0, 1), _FORMULA_BEGINS),
        pc.match_substring_regex(suspects, f"^(?:{SIGNED_NUMBER})$"),
    )
    if not formulas.true_count:
        return column
    written = pc.if_else(formulas, join(["'", suspects], ""), suspects)
    return pc.replace_with_mask(column, are_suspect, written)


def content(column: Column) -> bytes:
    """The texts of a column, concatenated, in UTF-8."""
    return bytes(content_in_place(column))


def content_in_place(column: Column) -> memoryview:
    """As `content`, without a copy."""
    _, offsets, texts = column.buffers()
    if texts is None or not len(column):
        return memoryview(b"")
    ends = memoryview(offsets).cast("i")
    return memoryview(texts)[ends[column.offset] : ends[column.offset + len(column)]]
