"""Reads the rows of a piece, and finds those that cannot be sent, as scoring does."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter

import pyarrow.compute as pc

from autowatch.errors import UnreadableFile
from autowatch.scoring.columns import Layout
from autowatch.scoring.requests import Rejected
from autowatch.scoring.rows import CheckedRows, RowChecker, columns_to_check, model_columns
from autowatch.scoring.transform.plan import TransformPlan
from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.arrow.lines import content, to_lines
from autowatch.tabular.arrow.rows import Rows, read_rows
from autowatch.tabular.profile import Baseline
from autowatch.tabular.table import Table, read_table

ROWS_AT_ONCE = 20_000

CHUNK_BYTES = 512 * 1024
"""Bytes of a piece that are read and checked at once."""

# A quote takes two characters; a field takes a delimiter and two quotes.
_BYTES_PER_BYTE = 2
_BYTES_PER_FIELD = 3

_NO_BASELINE = Baseline("", 0, ())


class LineBreakInField(UnreadableFile):
    """A field contains a line break in a file that is so large that it can only be scored line by line."""


def open_piece(
    plan: TransformPlan, chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0
) -> Table:
    """A piece as a table, with the file's header prepended.

    Args:
        plan: that of the file.
        chunks: the piece's bytes.
        lines_before: the number of lines between the header and the piece, if known.
        bytes_before: the same in bytes.
    """
    return read_table(chain([plan.header_bytes], chunks), lines_before, bytes_before)


def read_piece(table: Table, layout: Layout, max_batch_bytes: int) -> Iterator[CheckedRows]:
    """The rows of a piece, in batches, except those that cannot be sent.

    Raises:
        NoRows: the piece holds only blank lines.
        LineBreakInField, NotUtf8, MalformedCsv: the file cannot be read.
    """
    checker = RowChecker(layout.width, columns_to_check(layout, _NO_BASELINE))
    for rows in read_rows(table, ROWS_AT_ONCE):
        _check_line_breaks(rows)
        checked = checker.check(rows)
        size = sum(len(content(column)) for column in checked.rows.columns)
        if size * _BYTES_PER_BYTE + len(checked.rows) * layout.width * _BYTES_PER_FIELD > max_batch_bytes:
            checked = _reject_oversized(checked, layout, max_batch_bytes)
        yield checked


def sent_columns(columns: Sequence[Column], plan: TransformPlan) -> list[Column]:
    """The columns of the rows that are sent to Batch Transform, in their order."""
    layout, order = plan.layout, plan.rows.order
    if layout.forms:
        return [*columns, *model_columns(columns, layout)]
    return [columns[position] for position in order]


def _check_line_breaks(rows: Rows) -> None:
    lines = [misfit.line for misfit in rows.misfits if "\n" in "".join(misfit.fields)]
    for column in rows.columns:
        if b"\n" in content(column):
            lines += pc.filter(rows.lines, pc.match_substring(column, "\n")).to_pylist()
    if lines:
        raise LineBreakInField(
            f"The row that begins on line {min(lines)} has a line break inside a field, and a file of this size is "
            "scored line by line. Replace the line breaks, or upload the rows in files smaller than "
            "TransformThresholdBytes."
        )


def _reject_oversized(checked: CheckedRows, layout: Layout, max_batch_bytes: int) -> CheckedRows:
    """Leaves out rows that are too large for one request, as scoring small files does."""
    lines = to_lines(model_columns(checked.rows.columns, layout))
    sizes = pc.add(pc.binary_length(lines), 1)
    oversized = pc.greater(sizes, max_batch_bytes)
    texts = checked.rows.where(oversized).texts()
    rejected = [
        Rejected(
            line, number, f"The row has {size} bytes; a request may have at most {max_batch_bytes}.", fields
        )
        for size, (line, number, fields) in zip(pc.filter(sizes, oversized).to_pylist(), texts, strict=True)
    ]
    return replace(
        checked,
        rows=checked.rows.where(pc.invert(oversized)),
        rejected=sorted([*checked.rejected, *rejected], key=attrgetter("line")),
    )
