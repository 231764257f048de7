"""The rows of a table as Arrow arrays, parsed by Arrow or by the csv module."""

import math
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.tabular.arrow.fields import Column, Fields, read_fields
from autowatch.tabular.table import Block, Table


@dataclass(frozen=True)
class Misfit:
    """A row of another width than the header: the line on which it begins, its place among all rows, its fields."""

    line: int
    number: int
    fields: Sequence[str]


@dataclass(frozen=True)
class Rows:
    """Some consecutive rows of a table.

    Attributes:
        columns: by column, the fields of the rows that are as wide as the header.
        lines: for each of these rows the line of the file, from 1, on which it begins (Arrow, int64).
        numbers: its place among all the table's rows, from 1 (Arrow, int64).
        misfits: the rows of another width.
        is_plain: whether the columns are known to contain no quote, comma or line break.
    """

    columns: Sequence[Column]
    lines: Any
    numbers: Any
    misfits: Sequence[Misfit]
    is_plain: bool = False

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def size(self) -> int:
        """The size of the fields in bytes."""
        return sum(int(column.nbytes) for column in self.columns)

    def where(self, mask: Any) -> "Rows":
        """The rows for which `mask`, an Arrow array of booleans, is true, without the misfits."""
        return Rows(
            [pc.filter(column, mask) for column in self.columns],
            pc.filter(self.lines, mask),
            pc.filter(self.numbers, mask),
            misfits=[],
            is_plain=self.is_plain,
        )

    def texts(self) -> Iterator[tuple[int, int, list[str]]]:
        """Line, number and fields of each row except the misfits."""
        fields = zip(*(column.to_pylist() for column in self.columns), strict=True)
        for line, number, row in zip(self.lines.to_pylist(), self.numbers.to_pylist(), fields, strict=True):
            yield line, number, list(row)


def read_rows(table: Table, max_rows: int) -> Generator[Rows]:
    """The rows of `table`, in portions of about one of its chunks, at most `max_rows` each.

    Raises:
        NotUtf8, MalformedCsv, NoRows: as `Table.rows` does.
    """
    before = 0
    for stretch in table.stretches(max_rows, lambda data, line: _read(data, line, table)):
        if isinstance(stretch, Block):
            rows = _from_block(stretch, before)
            before += len(stretch.lines)
        else:
            rows = _in_place(stretch, before)
            before += stretch.rows
        yield from _cut(rows, max_rows)


def _cut(rows: Rows, max_rows: int) -> Iterator[Rows]:
    if len(rows) <= max_rows:
        yield rows
        return
    after = 0.0
    for begin in range(0, len(rows), max_rows):
        end = begin + max_rows
        numbers = rows.numbers[begin:end]
        last = numbers[-1].as_py() if end < len(rows) else math.inf
        misfits = [misfit for misfit in rows.misfits if after < misfit.number <= last]
        columns = [column[begin:end] for column in rows.columns]
        yield Rows(columns, rows.lines[begin:end], numbers, misfits, rows.is_plain)
        after = last


@dataclass(frozen=True)
class _Quick:
    """Rows that Arrow has parsed; each is one line."""

    fields: Fields
    first_line: int

    @property
    def rows(self) -> int:
        return self.fields.rows

    @property
    def lines(self) -> int:
        return self.fields.rows


def _read(data: bytes, line: int, table: Table) -> _Quick | None:
    fields = read_fields(data, table.delimiter, len(table.header))
    return None if fields is None else _Quick(fields, line)


def _in_place(quick: _Quick, before: int) -> Rows:
    places = pa.arange(0, quick.rows)
    if quick.fields.misfits:
        others = pa.array(quick.fields.misfits.keys(), pa.int64())
        places = pc.filter(places, pc.invert(pc.is_in(places, others)))
    misfits = [
        Misfit(quick.first_line + place, before + 1 + place, fields)
        for place, fields in quick.fields.misfits.items()
    ]
    lines, numbers = pc.add(places, quick.first_line), pc.add(places, before + 1)
    return Rows(quick.fields.columns, lines, numbers, misfits, quick.fields.is_plain)


def _from_block(block: Block, before: int) -> Rows:
    places = [place for place in range(len(block.lines)) if place not in block.misfits]
    return Rows(
        [pa.array(column, pa.string()) for column in block.columns],
        pa.array([block.lines[place] for place in places], pa.int64()),
        pa.array([before + 1 + place for place in places], pa.int64()),
        [Misfit(block.lines[place], before + 1 + place, fields) for place, fields in block.misfits.items()],
    )
