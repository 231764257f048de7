"""The profile of a raw CSV file: the counts that scoring would have written, without an endpoint."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import chain
from operator import attrgetter
from threading import Event
from typing import Any

import msgspec

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import read_input
from autowatch.errors import UnreadableFile
from autowatch.records.contract import PREDICTION_DATE_COLUMN
from autowatch.records.keys import baseline_key
from autowatch.scoring.ahead import work_ahead
from autowatch.scoring.rows import RowChecker, no_rows, profile_of
from autowatch.scoring.transform.plan import cut_header
from autowatch.tabular.arrow.rows import read_rows
from autowatch.tabular.bins import Bins, NumericBins
from autowatch.tabular.profile import Baseline, CsvProfile, ProfileSum
from autowatch.tabular.table import NoRows, Table, read_table

_CHUNK_BYTES = 1024 * 1024
_ROWS_AT_ONCE = 50_000


def answer_profile(
    bucket: Bucket, file: ObjectVersion, run: str, start: int, end: int | None
) -> dict[str, Any]:
    """The profile of a file, or of the whole lines from byte `start` to `end`, as a JSON document.

    If the file cannot be read, the document has the reason under `refused`.
    """
    baseline = bucket.read_as(baseline_key(run), Baseline)
    try:
        table = read_table(_chunks(bucket, file, start, end))
        document: dict[str, Any] = msgspec.to_builtins(
            profile_table(table, baseline, is_piece=end is not None)
        )
        return document
    except UnreadableFile as error:
        return {"refused": str(error)}


def profile_table(table: Table, baseline: Baseline, is_piece: bool = False) -> CsvProfile:
    """Counts the rows of a table on a baseline's bins. Memory does not grow with the table.

    Rows that scoring would reject are left out. Columns that the table lacks are absent from the profile.

    Args:
        table: the rows of an input file or a predictions file.
        baseline: the bins.
        is_piece: whether the table may have no rows.

    Raises:
        UnreadableFile: the table cannot be read.
    """
    columns = {column.name: column for column in baseline.columns if _is_told(column, table.header)}
    places = {place: columns[name] for place, name in enumerate(table.header) if name in columns}
    checker = RowChecker(len(table.header), places)
    total = ProfileSum(baseline.run)
    total.add(no_rows(baseline, (bins.name for bins in places.values())))
    rejected = 0
    try:
        # While some rows are counted, the next ones are being read.
        rows = read_rows(table, _ROWS_AT_ONCE)
        with closing(work_ahead(rows, checker.check, 1, attrgetter("size"), Event())) as all_checked:
            for checked in all_checked:
                rejected += len(checked.rejected)
                total.add(profile_of(baseline, len(checked.rows), checked.counts))
    except NoRows:
        if not is_piece:
            raise
    return CsvProfile(total.build(), table.rows_read, rejected)


def _is_told(column: Bins, header: Sequence[str]) -> bool:
    """Whether a file with this header contains what the column is about.

    The predicted and the true column may both have the target's name. Only predictions files contain the former under
    it.
    """
    is_label = column.kind == "prediction" and not (isinstance(column, NumericBins) and column.is_probability)
    return not is_label or PREDICTION_DATE_COLUMN in header


def _chunks(bucket: Bucket, file: ObjectVersion, start: int, end: int | None) -> Iterator[bytes]:
    if end is None:
        return read_input(bucket, file, chunk_bytes=_CHUNK_BYTES)
    header = cut_header(read_input(bucket, file))
    if end <= len(header):
        return iter([header])
    return chain([header], read_input(bucket, file, max(start, len(header)), end, _CHUNK_BYTES))
