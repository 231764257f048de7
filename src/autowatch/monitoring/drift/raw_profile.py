"""The profile of a raw CSV file: the counts that scoring would have written for it."""

from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from autowatch.scoring.columns import Layout, check_block
from autowatch.tabular.profile import Baseline, Profile, ProfileBuilder, add
from autowatch.tabular.raw.counts import RawCounter, RawCounts
from autowatch.tabular.raw.fields import split_fields
from autowatch.tabular.table import LARGEST_FIELD, Block, Table, read_table

# One block is being counted and one waits, while the next one is read.
_MOST_PENDING = 2

# So few bytes that what is computed of a column of a block stays in the processor's cache.
_BLOCK_BYTES = 3 << 19
_LARGER_THAN_ANY_ARRAY = 31 << 20


@dataclass(frozen=True)
class RawProfile:
    """The profile of the rows that could have been scored, and how many there were besides."""

    profile: Profile
    rows_in: int
    rows_rejected: int


class Readable(Protocol):
    """A file, or the body of S3's answer."""

    def read(self, amount: int, /) -> bytes:
        """The next bytes, at most so many; none at the end."""


def profile_csv(stream: Readable, baseline: Baseline) -> RawProfile:
    """Counts the rows of a CSV file, as docs/formats.md describes input files, on the bins of a baseline.

    Rows that scoring would reject are left out. Columns that the file lacks are absent from the profile. Memory
    does not grow with the file.

    Raises:
        UnreadableFile: the file cannot be read as agreed.
    """
    _keep_freed_memory()
    table = read_table(iter(lambda: stream.read(_BLOCK_BYTES), b""))
    with ThreadPoolExecutor(max_workers=1) as counting:
        plain = _PlainBlocks(table, baseline, counting)
        others = _OtherBlocks(table, baseline)
        for stretch in table.stretches(LARGEST_FIELD, plain.take):
            if isinstance(stretch, Block):
                others.add(stretch)
        profile = add(others.builder.build(), plain.build())
    return RawProfile(profile, table.rows_read, table.rows_read - profile.rows)


def _keep_freed_memory() -> None:
    """Has the allocator keep what one block frees for the next one.

    That of glibc hands arrays back to the kernel, which takes as long to bring their pages again as numpy to fill them,
    until it has seen a larger one freed. Nothing is written to this one, so that it takes no memory.
    """
    np.empty(_LARGER_THAN_ANY_ARRAY, np.uint8)


class _Taken(NamedTuple):
    """How many rows are being counted, and on how many lines, blank ones among them."""

    rows: int
    lines: int


class _PlainBlocks:
    """The blocks that need no csv module: while `counting` counts one, the next one is split into its fields."""

    def __init__(self, table: Table, baseline: Baseline, counting: Executor) -> None:
        self._table, self._baseline, self._counting = table, baseline, counting
        self._bins = [column.bins for column in baseline.columns]
        self._counter: RawCounter | None = None
        self._columns = {
            bins.name: np.zeros(len(bins), np.int64) for bins in self._bins if bins.name in table.header
        }
        self._rows = 0
        self._pending: deque[Future[RawCounts]] = deque()

    def take(self, data: bytes, _line: int) -> _Taken | None:
        """Has some rows counted, and says how many there are; None if they are not plain."""
        try:
            data.decode()
        except UnicodeDecodeError:
            return None
        fields = split_fields(data, self._table.delimiter, len(self._table.header))
        if fields is None:
            return None
        if self._counter is None:
            self._counter = RawCounter(self._table.header, self._bins, sample=fields)
        while len(self._pending) >= _MOST_PENDING:
            self._add(self._pending.popleft().result())
        self._pending.append(self._counting.submit(self._counter.count, fields))
        return _Taken(len(fields) + fields.misfits, fields.lines)

    def build(self) -> Profile:
        """The profile of every text taken."""
        while self._pending:
            self._add(self._pending.popleft().result())
        columns = {name: tuple(counts.tolist()) for name, counts in self._columns.items()}
        return Profile(self._baseline.run, self._baseline.digest, self._rows, columns)

    def _add(self, counts: RawCounts) -> None:
        self._rows += counts.rows
        for name, column in counts.columns.items():
            self._columns[name] += column


class _OtherBlocks:
    """The blocks that the csv module has read."""

    def __init__(self, table: Table, baseline: Baseline) -> None:
        self._header, self._layout = table.header, _layout(table.header, baseline)
        self.builder = ProfileBuilder(baseline)

    def add(self, block: Block) -> None:
        """Counts the rows of a block that scoring would not reject."""
        columns = _columns_without(block, check_block(block, self._layout))
        self.builder.add(dict(zip(self._header, columns, strict=True)))


def _layout(header: Sequence[str], baseline: Baseline) -> Layout:
    numbers = {column.bins.name for column in baseline.columns if column.bins.type == "numeric"}
    numeric = {position: name for position, name in enumerate(header) if name in numbers}
    return Layout(width=len(header), features=(), numeric=numeric, output=())


def _columns_without(block: Block, faults: dict[int, str]) -> Sequence[Sequence[str]]:
    if len(faults) == len(block.misfits):
        return block.columns
    rows = [row for index, row in enumerate(block.rows()) if index not in faults]
    return list(zip(*rows, strict=True)) if rows else [()] * len(block.columns)
