"""Scoring a table through an endpoint: in batches, several at a time, answered in the table's order."""

import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from operator import itemgetter

from autowatch.answer import Predictions
from autowatch.contract import Contract
from autowatch.csv_lines import csv_lines
from autowatch.endpoint import BatchTimedOut, BatchTooLarge, Endpoint, EndpointError, RowsRefused
from autowatch.layout import Layout, check_rows, match_columns
from autowatch.table import Table


@dataclass(frozen=True)
class ScoringLimits:
    """How much is sent and held at once.

    Attributes:
        max_batch_bytes: the most bytes of one request; a serverless endpoint takes 4 MB.
        max_batch_rows: the most rows of one request; it bounds the memory, since at most 2 x `concurrency`
            batches are held.
        concurrency: the most requests at a time.
    """

    max_batch_bytes: int = 4_000_000
    max_batch_rows: int = 2_000
    concurrency: int = 8


@dataclass(frozen=True)
class Rejected:
    """A row that has no prediction: where it begins in the file, why, and its fields as they came.

    `model_reason` is what the model said, empty if it was not asked. It may quote the row: not for logs.
    """

    line: int
    reason: str
    fields: Sequence[str]
    model_reason: str = ""


@dataclass(frozen=True)
class ScoredBatch:
    """Some consecutive rows of a table, scored.

    Attributes:
        row_numbers: the place of each scored row among all the table's rows, from 1.
        columns: for each output column its fields, one for each scored row: the table's own columns in their
            order (the target under `<target>_actual`), then `<target>` and `<target>_probability`.
        rejected: the rows in between that could not be scored, in the table's order.
    """

    row_numbers: Sequence[int]
    columns: Mapping[str, Sequence[str]]
    rejected: Sequence[Rejected]


def score_table(
    table: Table, contract: Contract, endpoint: Endpoint, limits: ScoringLimits
) -> Iterator[ScoredBatch]:
    """Scores every row of `table`; the batches come in its order, and are worked ahead of by a bounded number.

    Raises:
        MissingColumns, ReservedColumns: at once.
        UnreadableFile: while reading on, where the table cannot be read as agreed.
        EndpointError, AnswerMismatch, AnswerUnreadable: while reading on, see `Endpoint.predict`.
    """
    return _score_batches(table, match_columns(table.header, contract), endpoint, limits)


@dataclass(frozen=True)
class _Fault:
    """Why a row has no prediction, in our words and the model's."""

    reason: str
    model_reason: str = ""


@dataclass
class _Batch:
    """Consecutive rows as they were read; `first` is the number of the first one."""

    first: int
    rows: list[list[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)


def _score_batches(
    table: Table, layout: Layout, endpoint: Endpoint, limits: ScoringLimits
) -> Iterator[ScoredBatch]:
    stopped = threading.Event()
    # When one batch has failed, the others must not go on waiting for better times.
    stoppable = replace(endpoint, seconds_left=lambda: 0.0 if stopped.is_set() else endpoint.seconds_left())
    pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="score")
    pending: deque[Future[ScoredBatch]] = deque()
    try:
        for batch in _read_batches(table, limits):
            pending.append(pool.submit(_score_batch, batch, layout, stoppable, limits))
            if len(pending) >= 2 * limits.concurrency:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _read_batches(table: Table, limits: ScoringLimits) -> Iterator[_Batch]:
    batch = _Batch(first=1)
    begun_at = table.bytes_read
    for row in table.rows:
        batch.rows.append(row)
        batch.lines.append(table.line)
        if len(batch.rows) >= limits.max_batch_rows or table.bytes_read - begun_at >= limits.max_batch_bytes:
            yield batch
            batch = _Batch(first=batch.first + len(batch.rows))
            begun_at = table.bytes_read
    if batch.rows:
        yield batch


def _score_batch(batch: _Batch, layout: Layout, endpoint: Endpoint, limits: ScoringLimits) -> ScoredBatch:
    faults = {index: _Fault(reason) for index, reason in check_rows(batch.rows, layout).items()}
    kept, columns = _keep(batch.rows, layout.width, faults)
    lines = csv_lines([columns[position] for position in layout.features])
    predictions, refused = _predict(lines, endpoint, limits)
    if refused:
        faults.update({kept[index]: fault for index, fault in refused.items()})
        kept, columns = _keep(batch.rows, layout.width, faults)
    fields = [*columns, predictions.labels, predictions.probabilities]
    return ScoredBatch(
        row_numbers=[batch.first + index for index in kept],
        columns=dict(zip(layout.output, fields, strict=True)),
        rejected=[
            Rejected(batch.lines[index], fault.reason, batch.rows[index], fault.model_reason)
            for index, fault in sorted(faults.items(), key=itemgetter(0))
        ],
    )


def _keep(
    rows: Sequence[Sequence[str]], width: int, faults: Mapping[int, _Fault]
) -> tuple[Sequence[int], Sequence[Sequence[str]]]:
    """The indices of the rows without a fault, and these rows as columns."""
    if faults:
        kept: Sequence[int] = [index for index in range(len(rows)) if index not in faults]
        rows = [rows[index] for index in kept]
    else:
        kept = range(len(rows))
    return kept, list(zip(*rows, strict=True)) if rows else [()] * width


def _predict(
    lines: Sequence[str], endpoint: Endpoint, limits: ScoringLimits
) -> tuple[Predictions, dict[int, _Fault]]:
    """The predictions of the lines that have one, and why the others have none, by their index.

    A batch that is too large, takes too long or is refused is halved, down to single rows.
    """
    if not lines:
        return Predictions((), ()), {}
    try:
        return _predict_at_once(lines, endpoint, limits), {}
    except (BatchTooLarge, BatchTimedOut, RowsRefused) as error:
        if len(lines) > 1:
            return _predict_halves(lines, endpoint, limits)
        if isinstance(error, BatchTimedOut):
            raise
        return Predictions((), ()), {0: _fault(error)}


def _predict_at_once(lines: Sequence[str], endpoint: Endpoint, limits: ScoringLimits) -> Predictions:
    payload = "\n".join([*lines, ""]).encode()
    if len(payload) > limits.max_batch_bytes:
        raise BatchTooLarge(f"The row has {len(payload)} bytes, a request at most {limits.max_batch_bytes}.")
    return endpoint.predict(payload, len(lines))


def _predict_halves(
    lines: Sequence[str], endpoint: Endpoint, limits: ScoringLimits
) -> tuple[Predictions, dict[int, _Fault]]:
    middle = len(lines) // 2
    first, refused_first = _predict(lines[:middle], endpoint, limits)
    second, refused_second = _predict(lines[middle:], endpoint, limits)
    return (
        Predictions(
            [*first.labels, *second.labels],
            [*first.probabilities, *second.probabilities],
        ),
        refused_first | {middle + index: fault for index, fault in refused_second.items()},
    )


def _fault(error: EndpointError) -> _Fault:
    if isinstance(error, RowsRefused):
        return _Fault("The model refused the row.", error.reason)
    return _Fault(str(error))
