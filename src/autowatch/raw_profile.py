"""The profile of a raw CSV file: the counts that scoring would have written for it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

from autowatch.layout import Layout, check_block
from autowatch.profile import Baseline, Profile, ProfileBuilder, add
from autowatch.raw_counts import RawCounts
from autowatch.raw_fields import split_fields
from autowatch.table import Block, read_table

# So few bytes that what is computed of a block stays in the processor's cache.
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class RawProfile:
    """The profile of the rows that could have been scored, and how many there were besides."""

    profile: Profile
    rows_in: int
    rows_rejected: int


def profile_csv(stream: BinaryIO, baseline: Baseline) -> RawProfile:
    """Counts the rows of a CSV file, as docs/formats.md describes input files, on the bins of a baseline.

    Rows that scoring would reject are left out. Columns that the file lacks are absent from the profile. Memory
    does not grow with the file.

    Raises:
        UnreadableFile: the file cannot be read as agreed.
    """
    table = read_table(iter(lambda: stream.read(_BLOCK_BYTES), b""))
    layout = _layout(table.header, baseline)
    counts = RawCounts(table.header, [column.bins for column in baseline.columns])

    def count(text: str) -> int | None:
        fields = split_fields(text, table.delimiter, layout.width)
        return None if fields is None else counts.add(fields)

    builder = ProfileBuilder(baseline)
    builder.add(dict.fromkeys(table.header, ()))
    rejected = 0
    for block in table.blocks(_BLOCK_BYTES, count):
        faults = check_block(block, layout)
        rejected += len(faults)
        builder.add(dict(zip(table.header, _columns_without(block, faults), strict=True)))
    columns = {name: tuple(column) for name, column in counts.columns().items()}
    quickly = Profile(baseline.run, baseline.digest, counts.rows, columns)
    return RawProfile(add(builder.build(), quickly), table.rows_read, rejected + counts.rejected)


def _layout(header: Sequence[str], baseline: Baseline) -> Layout:
    numbers = {column.bins.name for column in baseline.columns if column.bins.type == "numeric"}
    numeric = {position: name for position, name in enumerate(header) if name in numbers}
    return Layout(width=len(header), features=(), numeric=numeric, output=())


def _columns_without(block: Block, faults: dict[int, str]) -> Sequence[Sequence[str]]:
    if len(faults) == len(block.misfits):
        return block.columns
    rows = [row for index, row in enumerate(block.rows()) if index not in faults]
    return list(zip(*rows, strict=True)) if rows else [()] * len(block.columns)
