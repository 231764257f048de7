"""Scoring a table through an endpoint: in batches, several at a time, answered in the table's order."""

import csv
import io
import threading
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import chain
from operator import attrgetter

from autowatch.records.contract import Contract
from autowatch.scoring.answer import Predictions
from autowatch.scoring.columns import Layout, check_block, match_columns
from autowatch.scoring.endpoint import BatchTimedOut, BatchTooLarge, Endpoint, EndpointError, RowsRefused
from autowatch.tabular.csv_lines import csv_lines, split_lines
from autowatch.tabular.profile import Baseline, ProfileBuilder
from autowatch.tabular.table import Block, Table

_NO_BASELINE = Baseline("", 0, ())


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
    max_batch_rows: int = 8_000
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
        names: the names of the output columns: the table's own in their order (the target under
            `<target>_actual`), then `<target>` and `<target>_probability`.
        lines: for each scored row its own fields as CSV.
        predictions: for each scored row the label and P(positive label).
        rejected: the rows in between that could not be scored, in the table's order.
    """

    row_numbers: Sequence[int]
    names: Sequence[str]
    lines: Sequence[str]
    predictions: Predictions
    rejected: Sequence[Rejected]

    @property
    def columns(self) -> dict[str, Sequence[str]]:
        """For each output column its fields, one for each scored row."""
        own = _columns_of(self.lines, len(self.names) - 2)
        columns = [*own, self.predictions.labels, self.predictions.probabilities]
        return dict(zip(self.names, columns, strict=True))


def score_table(
    table: Table,
    contract: Contract,
    endpoint: Endpoint,
    limits: ScoringLimits,
    profile: ProfileBuilder | None = None,
) -> Iterator[ScoredBatch]:
    """Scores every row of `table`; the batches come in its order, and are worked ahead of by a bounded number.

    Args:
        profile: where the scored rows and their predictions are counted; complete when the last batch has come.

    Raises:
        MissingColumns, ReservedColumns: at once.
        UnreadableFile: while reading on, where the table cannot be read as agreed.
        EndpointError, AnswerMismatch, AnswerUnreadable: while reading on, see `Endpoint.predict`.
    """
    layout = match_columns(table.header, contract)
    return _score_batches(table, layout, endpoint, limits, profile or ProfileBuilder(_NO_BASELINE))


@dataclass(frozen=True)
class _Fault:
    """Why a row has no prediction, in our words and the model's."""

    reason: str
    model_reason: str = ""


_Answer = tuple[Predictions, dict[int, _Fault]]


@dataclass(frozen=True)
class _Batch:
    """Consecutive rows, ready to be sent. Texts, since they take less memory than the fields.

    Attributes:
        row_numbers, lines: of the rows that are sent, their places and where they begin in the file.
        payload: what is sent: the features' fields as CSV.
        own: all their fields as CSV.
        rejected: the rows that are not sent.
    """

    row_numbers: Sequence[int]
    lines: Sequence[int]
    payload: bytes
    own: str
    rejected: Sequence[Rejected]


def _score_batches(
    table: Table, layout: Layout, endpoint: Endpoint, limits: ScoringLimits, profile: ProfileBuilder
) -> Iterator[ScoredBatch]:
    stopped = threading.Event()
    # When one batch has failed, the others must not go on waiting for better times.
    stoppable = replace(endpoint, seconds_left=lambda: 0.0 if stopped.is_set() else endpoint.seconds_left())
    pool = ThreadPoolExecutor(limits.concurrency, thread_name_prefix="score")
    pending: deque[tuple[_Batch, Future[_Answer]]] = deque()
    try:
        for batch in _read_batches(table, layout, limits, profile):
            pending.append((batch, pool.submit(_predict, batch.payload, len(batch.lines), stoppable, limits)))
            if len(pending) >= 2 * limits.concurrency:
                yield _finish(*pending.popleft(), layout, profile)
        while pending:
            yield _finish(*pending.popleft(), layout, profile)
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _read_batches(
    table: Table, layout: Layout, limits: ScoringLimits, profile: ProfileBuilder
) -> Iterator[_Batch]:
    """Blocks of the table are made ready one by one, while their fields are in the processor's cache, and then
    put together until one more would pass a limit."""
    held: list[_Batch] = []
    rows = size = first = 0
    for block in table.blocks(limits.max_batch_rows):
        batch = _prepare(block, first, layout, profile)
        first += len(block.lines)
        rows, size = rows + len(block.lines), size + len(batch.payload)
        if held and (rows > limits.max_batch_rows or size > limits.max_batch_bytes):
            yield _join(held)
            held, rows, size = [], len(block.lines), len(batch.payload)
        held.append(batch)
    if held:
        yield _join(held)


def _prepare(block: Block, rows_before: int, layout: Layout, profile: ProfileBuilder) -> _Batch:
    rows = len(block.lines)
    reasons = check_block(block, layout)
    if reasons:
        fields = list(block.rows())
        kept: Sequence[int] = [index for index in range(rows) if index not in reasons]
        columns: Sequence[Sequence[str]] = _to_columns([fields[index] for index in kept], layout.width)
        rejected = [Rejected(block.lines[index], reasons[index], fields[index]) for index in sorted(reasons)]
    else:
        kept, columns, rejected = range(rows), block.columns, []
    profile.add(_named(columns, layout))
    text = None if reasons else block.text
    return _Batch(
        row_numbers=[rows_before + index + 1 for index in kept],
        lines=[block.lines[index] for index in kept],
        payload=_to_text(csv_lines([columns[position] for position in layout.features])).encode(),
        own=_to_text(csv_lines(columns, whole=False)) if text is None else text,
        rejected=rejected,
    )


def _join(batches: Sequence[_Batch]) -> _Batch:
    return _Batch(
        row_numbers=list(chain.from_iterable(batch.row_numbers for batch in batches)),
        lines=list(chain.from_iterable(batch.lines for batch in batches)),
        payload=b"".join(batch.payload for batch in batches),
        own="".join(batch.own for batch in batches),
        rejected=list(chain.from_iterable(batch.rejected for batch in batches)),
    )


def _finish(batch: _Batch, answer: "Future[_Answer]", layout: Layout, profile: ProfileBuilder) -> ScoredBatch:
    predictions, refused = answer.result()
    lines = split_lines(batch.own)
    if refused:
        fields = _columns_of([lines[index] for index in refused], layout.width)
        profile.take_back(_named(fields, layout))
        batch = _leave_out(batch, refused, list(zip(*fields, strict=True)))
        lines = [line for index, line in enumerate(lines) if index not in refused]
    profile.add_beside({layout.output[-1]: predictions.probabilities})
    return ScoredBatch(batch.row_numbers, layout.output, lines, predictions, batch.rejected)


def _leave_out(batch: _Batch, refused: Mapping[int, _Fault], fields: Sequence[Sequence[str]]) -> _Batch:
    """The batch without the rows that the model refused, whose fields are given."""
    rejected = [
        Rejected(batch.lines[index], fault.reason, row, fault.model_reason)
        for (index, fault), row in zip(refused.items(), fields, strict=True)
    ]
    kept = [index for index in range(len(batch.lines)) if index not in refused]
    return _Batch(
        row_numbers=[batch.row_numbers[index] for index in kept],
        lines=[batch.lines[index] for index in kept],
        payload=batch.payload,
        own=batch.own,
        rejected=sorted([*batch.rejected, *rejected], key=attrgetter("line")),
    )


def _named(columns: Sequence[Sequence[str]], layout: Layout) -> dict[str, Sequence[str]]:
    return {layout.output[position]: columns[position] for position in layout.features}


def _to_columns(rows: Sequence[Sequence[str]], width: int) -> Sequence[Sequence[str]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _columns_of(lines: Sequence[str], width: int) -> Sequence[Sequence[str]]:
    # Readers skip a blank line, which in a table of one column is a row: a last field keeps it from being one.
    rows = list(csv.reader(io.StringIO(_to_text([f"{line}," for line in lines]), newline=""), strict=True))
    return _to_columns(rows, width + 1)[:width]


def _to_text(lines: Sequence[str]) -> str:
    return "\n".join([*lines, ""])


def _predict(payload: bytes, rows: int, endpoint: Endpoint, limits: ScoringLimits) -> _Answer:
    """The predictions of the rows that have one, and why the others have none, by their index.

    A batch that is too large, takes too long or is refused is halved, down to single rows.
    """
    if not rows:
        return Predictions((), ()), {}
    try:
        return _predict_at_once(payload, rows, endpoint, limits), {}
    except (BatchTooLarge, BatchTimedOut, RowsRefused) as error:
        if rows > 1:
            return _predict_halves(payload, rows, endpoint, limits)
        if isinstance(error, BatchTimedOut):
            raise
        return Predictions((), ()), {0: _fault(error)}


def _predict_at_once(payload: bytes, rows: int, endpoint: Endpoint, limits: ScoringLimits) -> Predictions:
    if len(payload) > limits.max_batch_bytes:
        raise BatchTooLarge(f"The row has {len(payload)} bytes, a request at most {limits.max_batch_bytes}.")
    return endpoint.predict(payload, rows)


def _predict_halves(payload: bytes, rows: int, endpoint: Endpoint, limits: ScoringLimits) -> _Answer:
    lines, middle = split_lines(payload.decode()), rows // 2
    halves = _to_text(lines[:middle]).encode(), _to_text(lines[middle:]).encode()
    first, refused_first = _predict(halves[0], middle, endpoint, limits)
    second, refused_second = _predict(halves[1], rows - middle, endpoint, limits)
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
