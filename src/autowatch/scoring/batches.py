"""Scores a table through an endpoint: in concurrent batches, whose results are in the table's order."""

import csv
import io
from collections.abc import Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from operator import attrgetter
from threading import Event
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.records.contract import Contract
from autowatch.scoring.ahead import work_ahead
from autowatch.scoring.answer import Predictions
from autowatch.scoring.answer_columns import decide_labels
from autowatch.scoring.columns import Layout, check_written_names, match_columns
from autowatch.scoring.endpoint import Endpoint
from autowatch.scoring.requests import Answer, Rejected, ScoringLimits, request_predictions
from autowatch.scoring.rows import RowChecker, columns_to_check, model_columns, profile_of, with_counts
from autowatch.tabular.arrow.counts import ColumnCounter
from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.arrow.lines import (
    ended,
    join,
    join_in_orders,
    quoted,
    to_csv,
    to_lines,
    without_formulas,
)
from autowatch.tabular.arrow.rows import Rows, read_rows
from autowatch.tabular.profile import Baseline, Profile, total
from autowatch.tabular.table import Table

_NO_BASELINE = Baseline("", 0, ())


@dataclass(frozen=True)
class ScoredBatch:
    """Some consecutive rows of a table, scored.

    Attributes:
        row_numbers: the place of each scored row among all the table's rows, from 1 (Arrow, int64).
        layout: the names of the table's columns and of the predictions'.
        lines: for each scored row its own fields as CSV, as predictions files write them (Arrow, texts).
        predictions: those of the scored rows (Arrow, texts).
        rejected: the rows that could not be scored, in the table's order.
        profile: the counts of the scored rows.
    """

    row_numbers: Any
    layout: Layout
    lines: Column
    predictions: Predictions
    rejected: Sequence[Rejected]
    profile: Profile


def score_table(
    table: Table,
    contract: Contract,
    endpoint: Endpoint,
    limits: ScoringLimits,
    baseline: Baseline = _NO_BASELINE,
    size: int = 0,
    neutralise: bool = False,
) -> Generator[ScoredBatch]:
    """Scores every row of `table`. Batches come in its order; a bounded number of them is prepared ahead.

    Args:
        table: the rows.
        contract: the model's columns and labels.
        endpoint: the endpoint of the model.
        limits: how much is sent and held at once.
        baseline: the bins on which the scored rows are counted.
        size: the table's size in bytes, so that the last requests can be smaller; 0 if it is unknown.
        neutralise: whether fields and labels are written as by `no_formula`. The model receives them unchanged.

    Raises:
        MissingColumns, ReservedColumns: at once.
        UnreadableFile: during iteration, if the table cannot be read.
        EndpointError, AnswerMismatch, AnswerUnreadable: during iteration, see `Endpoint.predict`.
    """
    return _score_batches(_Scoring(table, contract, limits, baseline, size, neutralise), endpoint)


@dataclass(frozen=True)
class _Batch:
    """Consecutive rows, ready to send.

    Attributes:
        numbers, lines: the places of the rows that are sent, and the lines on which they begin.
        payload: what is sent: the features' fields as CSV.
        own: all fields of these rows as CSV.
        rejected: the rows that are not sent.
        profile: the counts of the rows that are sent.
        neutralised: as `own`, without formulas; None if that is the same.
    """

    numbers: Any
    lines: Any
    payload: bytes
    own: Column
    rejected: Sequence[Rejected]
    profile: Profile
    neutralised: Column | None = None

    @property
    def size(self) -> int:
        """Its size in bytes."""
        neutralised = 0 if self.neutralised is None else int(self.neutralised.nbytes)
        return len(self.payload) + int(self.own.nbytes) + neutralised

    @property
    def written(self) -> Column:
        """All their fields as CSV, as predictions files write them."""
        return self.own if self.neutralised is None else self.neutralised


def _score_batches(scoring: "_Scoring", endpoint: Endpoint) -> Generator[ScoredBatch]:
    stopped = Event()
    # When one batch has failed, the others must not keep waiting to retry.
    stoppable = replace(endpoint, seconds_left=lambda: 0.0 if stopped.is_set() else endpoint.seconds_left())

    def send(batch: _Batch) -> tuple[_Batch, Answer]:
        answer = request_predictions(
            batch.payload, len(batch.numbers), stoppable, scoring.limits.max_batch_bytes
        )
        # While it waits to be written, it need not keep what was sent.
        return replace(batch, payload=b""), answer

    size = attrgetter("size")
    with closing(work_ahead(scoring.batches(), send, scoring.limits.concurrency, size, stopped)) as answered:
        for batch, answer in answered:
            yield scoring.finish(batch, answer)


class _Scoring:
    """What happens to rows before they are sent, in one thread, and to the answers, in another."""

    def __init__(
        self,
        table: Table,
        contract: Contract,
        limits: ScoringLimits,
        baseline: Baseline,
        size: int,
        neutralise: bool,
    ) -> None:
        self.limits = limits
        self._table, self._contract, self._baseline = table, contract, baseline
        self._neutralise = neutralise
        self._layout = layout = match_columns(table.header, contract)
        if neutralise:
            check_written_names(layout)
        columns = columns_to_check(layout, baseline)
        self._checker = RowChecker(layout.width, columns)
        self._requests = _RequestSizes(limits, size)
        counted = {column.name: column for column in baseline.columns}
        self._prediction_counters = {
            place: ColumnCounter(counted[name])
            for place, name in enumerate(layout.predicted)
            if name in counted
        }
        # Answers are processed in another thread than rows, so they need their own counters, which remember texts.
        self._recounters = {
            position: ColumnCounter(bins) for position, bins in columns.items() if bins.name in counted
        }

    def batches(self) -> Generator[_Batch]:
        """Rows are prepared while they are in the processor's cache, and then combined into requests."""
        held: list[_Batch] = []
        rows = size = 0
        for read in read_rows(self._table, self.limits.max_batch_rows):
            batch = self._prepare(read)
            self._requests.made(len(batch.payload), self._table.bytes_read)
            rows, size = rows + len(batch.numbers), size + len(batch.payload)
            if held and (
                rows > self.limits.max_batch_rows or self._requests.is_full(size, len(batch.payload))
            ):
                yield _join(held)
                self._requests.sent(size - len(batch.payload))
                held, rows, size = [], len(batch.numbers), len(batch.payload)
            held.append(batch)
        yield _join(held)

    def finish(self, batch: _Batch, answer: Answer) -> ScoredBatch:
        """The scored rows and their counts."""
        lines, numbers, rejected, profile = batch.written, batch.numbers, batch.rejected, batch.profile
        if answer.faults:
            own = batch.own
            refused = pc.is_in(pa.arange(0, len(own)), pa.array(answer.faults, pa.int64()))
            rejected = _with_refused(batch, answer, _fields_of(pc.filter(own, refused).to_pylist()))
            own, lines, numbers = (pc.filter(each, pc.invert(refused)) for each in (own, lines, numbers))
            profile = self._recount(own)
        columns = (
            _joined([part.columns[place] for part in answer.parts])
            for place in range(len(self._layout.predicted))
        )
        predictions = decide_labels(Predictions(tuple(columns)), self._contract)
        counts = {
            counter.bins.name: counter.count(predictions.columns[place])
            for place, counter in self._prediction_counters.items()
        }
        profile = with_counts(profile, counts)
        if self._neutralise:
            labels = without_formulas(predictions.labels)
            predictions = Predictions((labels, *predictions.columns[1:]))
        return ScoredBatch(numbers, self._layout, lines, predictions, rejected, profile)

    def _prepare(self, rows: Rows) -> _Batch:
        checked = self._checker.check(rows)
        rows, layout = checked.rows, self._layout
        columns = rows.columns if rows.is_plain else [quoted(column) for column in rows.columns]
        if layout.forms or len(layout.features) == 1:
            own, payload = join(columns), to_csv(model_columns(rows.columns, layout))
        else:
            own, features = join_in_orders(columns, layout.features)
            payload = ended(features)
        profile = profile_of(self._baseline, len(own), checked.counts)
        neutralised = _neutralised(rows.columns) if self._neutralise else None
        return _Batch(rows.numbers, rows.lines, payload, own, checked.rejected, profile, neutralised)

    def _recount(self, lines: Column) -> Profile:
        """The profile of the remaining rows of a batch, given as CSV: sketches cannot be subtracted."""
        rows = _fields_of(lines.to_pylist())
        counts = {
            counter.bins.name: counter.count(pa.array([row[position] for row in rows], pa.string()))
            for position, counter in self._recounters.items()
        }
        return profile_of(self._baseline, len(rows), counts)


_SMALLEST_REQUEST = 64_000
_FIRST_REQUEST = 800_000
_LARGEST_REQUEST = 1_600_000
_GROWTH = 1.5


class _RequestSizes:
    """How many bytes the next request should have.

    The first requests are small, so that all connections to the endpoint are soon busy, and so are the last ones, so
    that all finish at about the same time. A small table is spread over all of them.
    """

    def __init__(self, limits: ScoringLimits, table_bytes: int) -> None:
        self._places, self._table_bytes = limits.concurrency, table_bytes
        self._most = limits.max_batch_bytes
        self._largest = min(limits.max_batch_bytes, _LARGEST_REQUEST)
        self._growing = float(_FIRST_REQUEST)
        self._made = self._sent = self._read = 0

    def made(self, payload_bytes: int, bytes_read: int) -> None:
        """Records what has been prepared, and how much of the table has been read for it."""
        self._made += payload_bytes
        self._read = bytes_read

    def sent(self, payload_bytes: int) -> None:
        """Records a request."""
        self._sent += payload_bytes
        self._growing *= _GROWTH

    def is_full(self, payload_bytes: int, last_bytes: int) -> bool:
        """Whether the next request, with this many bytes, is nearer to its target without the last rows."""
        is_larger = payload_bytes - last_bytes / 2 > self._next_size
        return is_larger or payload_bytes > self._most

    @property
    def _next_size(self) -> float:
        total = self._made * max(1.0, self._table_bytes / max(self._read, 1))
        smallest = min(_FIRST_REQUEST, max(_SMALLEST_REQUEST, total / self._places))
        share = (total - self._sent) / self._places if self._table_bytes else self._largest
        return min(self._largest, self._growing, max(smallest, share))


def _join(batches: Sequence[_Batch]) -> _Batch:
    if len(batches) == 1:
        return batches[0]
    return _Batch(
        numbers=pa.concat_arrays([batch.numbers for batch in batches]),
        lines=pa.concat_arrays([batch.lines for batch in batches]),
        payload=b"".join([batch.payload for batch in batches]),
        own=pa.concat_arrays([batch.own for batch in batches]),
        rejected=[row for batch in batches for row in batch.rejected],
        profile=total((batch.profile for batch in batches), is_last=False),
        neutralised=None
        if all(batch.neutralised is None for batch in batches)
        else pa.concat_arrays([batch.written for batch in batches]),
    )


def _neutralised(columns: Sequence[Column]) -> Column | None:
    """The rows as CSV without formulas; None if they contain none."""
    written = [without_formulas(column) for column in columns]
    is_same = all(new is old for new, old in zip(written, columns, strict=True))
    return None if is_same else to_lines(written)


def _joined(parts: Iterable[Any]) -> Column:
    """The texts of several lists or arrays as one array."""
    arrays = [part if isinstance(part, pa.Array) else pa.array(part, pa.string()) for part in parts]
    return pa.concat_arrays(arrays) if arrays else pa.array([], pa.string())


def _with_refused(batch: _Batch, answer: Answer, fields: Sequence[Sequence[str]]) -> list[Rejected]:
    """The rejected rows of a batch together with those that the model refused, whose fields are given."""
    places = sorted(answer.faults)
    lines, numbers = (pc.take(each, places).to_pylist() for each in (batch.lines, batch.numbers))
    refused = [
        Rejected(line, number, answer.faults[place].reason, row, answer.faults[place].model_reason)
        for place, line, number, row in zip(places, lines, numbers, fields, strict=True)
    ]
    return sorted([*batch.rejected, *refused], key=attrgetter("line"))


def _fields_of(lines: Sequence[str]) -> list[list[str]]:
    # Parsers skip a blank line, which in a table with one column is a row; a last field prevents that.
    text = "".join(f"{line},\n" for line in lines)
    return [row[:-1] for row in csv.reader(io.StringIO(text, newline=""), strict=True)]
