"""Reading the rows of a piece, and finding those that cannot be sent, as scoring finds them."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from autowatch.errors import UnreadableFile
from autowatch.scoring.columns import Layout, check_rows
from autowatch.scoring.transform.plan import TransformPlan
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.table import Table, read_table

_BATCH_ROWS = 2_000
_BATCH_BYTES = 4_000_000

# A character may take four bytes, a quote two characters, a field a delimiter and two quotes.
_BYTES_PER_CHARACTER = 8
_BYTES_PER_FIELD = 3


class LineBreakInField(UnreadableFile):
    """A field has a line break in it, in a file that is too large for any way but line by line."""


@dataclass(frozen=True)
class PieceRows:
    """Some consecutive rows, the lines on which they begin, and why some of them cannot be sent, by index."""

    rows: Sequence[list[str]]
    lines: Sequence[int]
    faults: dict[int, str]


def open_piece(
    plan: TransformPlan, chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0
) -> Table:
    """A piece as a table, the file's header put above it.

    Args:
        chunks: the piece's bytes.
        lines_before: how many lines of the file lie between the header and the piece, where it is known.
        bytes_before: the same in bytes.
    """
    return read_table(chain([plan.header_bytes], chunks), lines_before, bytes_before)


def read_piece(table: Table, layout: Layout, max_batch_bytes: int) -> Iterator[PieceRows]:
    """The rows of a piece, batch by batch.

    Raises:
        NoRows: the piece holds nothing but blank lines.
        LineBreakInField, NotUtf8, MalformedCsv: the file cannot be read as agreed.
    """
    for rows, lines in read_batches(table):
        text = "".join(map("".join, rows))
        # Most rows have no line break, and one look at all of them together tells.
        if "\n" in text:
            raise _line_break(rows, lines)
        faults = check_rows(rows, layout)
        if _at_most(len(text), sum(map(len, rows))) > max_batch_bytes:
            faults.update(_find_oversized(rows, layout, max_batch_bytes, faults))
        yield PieceRows(rows, lines, faults)


def read_batches(table: Table) -> Iterator[tuple[list[list[str]], list[int]]]:
    """The rows of a table and the lines on which they begin, some at a time: few where they are large."""
    rows: list[list[str]] = []
    lines: list[int] = []
    begun_at = table.bytes_read
    for row in table.rows:
        rows.append(row)
        lines.append(table.line)
        if len(rows) == _BATCH_ROWS or table.bytes_read - begun_at >= _BATCH_BYTES:
            yield rows, lines
            rows, lines, begun_at = [], [], table.bytes_read
    if rows:
        yield rows, lines


def _line_break(rows: Sequence[Sequence[str]], lines: Sequence[int]) -> LineBreakInField:
    line = next(line for row, line in zip(rows, lines, strict=True) if "\n" in "".join(row))
    return LineBreakInField(
        f"The row that begins on line {line} has a line break inside a field, and a file of this size is scored "
        "line by line. Replace the line breaks, or upload the rows in files smaller than TransformThresholdBytes."
    )


def _find_oversized(
    rows: Sequence[Sequence[str]], layout: Layout, max_batch_bytes: int, faults: dict[int, str]
) -> dict[int, str]:
    """The rows that are too large for one request, which the other path would not send either."""
    found = {}
    for index, row in enumerate(rows):
        if index in faults or _at_most(sum(map(len, row)), len(row)) <= max_batch_bytes:
            continue
        (line,) = csv_lines([[row[position]] for position in layout.features])
        size = len(line.encode()) + 1
        if size > max_batch_bytes:
            found[index] = f"The row has {size} bytes, a request at most {max_batch_bytes}."
    return found


def _at_most(characters: int, fields: int) -> int:
    """How many bytes of CSV so many characters in so many fields can make."""
    return characters * _BYTES_PER_CHARACTER + fields * _BYTES_PER_FIELD
