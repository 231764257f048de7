"""The finish of a piece: makes its part of the predictions file from the rows that Batch Transform has joined."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import ResumedBody
from autowatch.aws.uploads import Upload
from autowatch.errors import UnreadableFile
from autowatch.scoring.answer import AnswerMismatch, AnswerUnreadable, outputs_asked_for
from autowatch.scoring.answer_columns import decide_labels, read_columns
from autowatch.scoring.output import predictions_header, rejected_header, rejected_rows
from autowatch.scoring.rows import RowChecker, columns_to_check, no_rows, predictions_rows, profile_of
from autowatch.scoring.transform.accept import AcceptedPiece
from autowatch.scoring.transform.plan import TransformPlan
from autowatch.scoring.transform.rows import CHUNK_BYTES, ROWS_AT_ONCE
from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.arrow.lines import to_lines, without_formulas
from autowatch.tabular.arrow.rows import Rows, read_rows
from autowatch.tabular.profile import Baseline, Profile, ProfileSum
from autowatch.tabular.table import NoRows, Table, read_table

Item = TypeVar("Item")


@dataclass(frozen=True)
class FinishedPiece:
    """What `finished/<number>.json` holds: the piece's counts, the sizes of its parts, and its profile."""

    scored: int
    rejected: int
    predictions_bytes: int
    rejected_bytes: int
    profile: Profile


def finish_piece(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> FinishedPiece:
    """Writes the piece's part of the predictions file and of the rejected file, its counts and its profile.

    Raises:
        AnswerMismatch: Batch Transform returned more or fewer rows than it was sent.
        AnswerUnreadable: they are not the sent rows followed by the inference outputs.
    """
    baseline = bucket.read_as(plan.champion.baseline_key, Baseline)
    counter = _Counter(plan, baseline)
    numbers = _row_numbers(bucket, plan, piece)
    scored = 0
    with (
        Upload(bucket, plan.work.predictions(piece.number), "text/csv") as predictions,
        Upload(bucket, plan.work.rejected(piece.number), "text/csv") as rejected,
    ):
        if piece.number == 1:
            row_id = plan.contract.row_id_in(plan.columns)
            layout = plan.layout
            predictions.write(predictions_header(layout.own, row_id, layout.predicted, plan.neutralise))
        for columns in _scored_columns(bucket, plan, piece):
            own, (label, *rest) = columns[: plan.layout.width], columns[plan.layout.width :]
            taken = numbers[scored : scored + len(label)]
            if len(taken) < len(label):
                raise _mismatch(piece)
            if plan.neutralise:
                *own, label = map(without_formulas, [*own, label])
            predictions.write(predictions_rows(plan.arrival, taken, to_lines(own), [label, *rest]))
            counter.add(columns, taken)
            scored += len(taken)
        if scored < len(numbers):
            raise _mismatch(piece)
        _write_rejected(bucket, plan, piece, rejected)
        for upload in (predictions, rejected):
            if not upload.is_empty:
                upload.complete()
        finished = FinishedPiece(
            scored, piece.rejected, predictions.size, rejected.size, counter.profile.build(is_last=False)
        )
    bucket.write_json(plan.work.finished(piece.number), finished)
    return finished


class _Counter:
    """The counts of the scored rows."""

    def __init__(self, plan: TransformPlan, baseline: Baseline) -> None:
        self._baseline = baseline
        columns = columns_to_check(plan.layout, baseline)
        counted = {column.name: column for column in baseline.columns}
        columns.update(
            (place, counted[name])
            for place, name in enumerate(plan.layout.predicted, start=plan.layout.width)
            if name in counted
        )
        self._checker = RowChecker(plan.layout.width + len(plan.layout.predicted), columns)
        self.profile = ProfileSum(baseline.run)
        # Even without rows, the columns are present.
        self.profile.add(no_rows(baseline, (bins.name for bins in columns.values())))

    def add(self, columns: Sequence[Column], numbers: Any) -> None:
        checked = self._checker.check(Rows(columns, numbers, numbers, misfits=[]))
        if checked.rejected:
            raise AnswerUnreadable("Batch Transform returned other fields than it was sent.")
        self.profile.add(profile_of(self._baseline, len(numbers), checked.counts))


def _scored_columns(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> Iterator[Sequence[Column]]:
    """The columns of the scored rows, their own and then the model's, in blocks of rows."""
    if piece.rows == piece.rejected:
        return
    order = list(plan.rows.order)
    width, problem = len(order), plan.contract.problem
    table = _open(bucket, plan.work.joined(piece.number), width + len(problem.outputs))
    for rows in _naming(read_rows(table, ROWS_AT_ONCE), plan.work.joined(piece.number)):
        if rows.misfits:
            raise AnswerUnreadable(
                f"Batch Transform did not return {width} columns and {outputs_asked_for(problem)}"
            )
        own = [rows.columns[order.index(position)] for position in range(plan.layout.width)]
        predictions = decide_labels(read_columns(rows.columns[width:], problem), plan.contract)
        yield [*own, *predictions.columns]


def _row_numbers(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> Any:
    """The place of each sent row among all the file's rows, from 1 (Arrow, int64)."""
    numbers = pa.arange(0, piece.rows)
    if piece.rejected:
        faulty = array("q", (int(index) for _, _, index, *_ in _faulty_rows(bucket, plan, piece)))
        numbers = pc.filter(numbers, pc.invert(pc.is_in(numbers, pa.array(faulty, pa.int64()))))
    return pc.add(numbers, piece.rows_before + 1)


def _write_rejected(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece, rejected: Upload) -> None:
    if piece.begins_rejected:
        rejected.write(rejected_header(plan.columns))
    for line, reason, _, *fields in _faulty_rows(bucket, plan, piece):
        rejected.write(rejected_rows([(piece.lines_before + int(line), reason, fields)]))


def _faulty_rows(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> Iterator[list[str]]:
    if piece.rejected:
        key = plan.work.faulty(piece.number)
        yield from _naming(_open(bucket, key, 3).rows, key)


def _open(bucket: Bucket, key: str, width: int) -> Table:
    """A work object as a table, with a header from the plan."""
    names = ",".join(f"c{number}" for number in range(width)) + "\n"
    body = ResumedBody.of_key(bucket, key)
    chunks = iter(lambda: body.read(CHUNK_BYTES), b"")
    return read_table(chain([names.encode()], chunks))


def _naming(rows: Iterator[Item], key: str) -> Iterator[Item]:
    try:
        yield from rows
    except NoRows:
        return
    except UnreadableFile as error:
        raise AnswerUnreadable(f"What was written to {key} is not CSV.") from error


def _mismatch(piece: AcceptedPiece) -> AnswerMismatch:
    return AnswerMismatch(
        f"Batch Transform was sent {piece.rows - piece.rejected} rows of piece {piece.number} "
        "and returned more or fewer."
    )
