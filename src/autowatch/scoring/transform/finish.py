"""The finish of a piece: from the rows that Batch Transform has joined to its part of the predictions file."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain, islice
from typing import Any

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import ResumedBody
from autowatch.aws.uploads import Upload
from autowatch.errors import UnreadableFile
from autowatch.records.contract import Contract
from autowatch.scoring.answer import INFERENCE_OUTPUTS, AnswerMismatch, AnswerUnreadable, parse_answer
from autowatch.scoring.output import predictions_header, predictions_rows, rejected_header, rejected_rows
from autowatch.scoring.transform.accept import AcceptedPiece
from autowatch.scoring.transform.plan import TransformPlan
from autowatch.scoring.transform.rows import read_batches
from autowatch.tabular.csv_lines import csv_lines
from autowatch.tabular.profile import Baseline, ProfileBuilder
from autowatch.tabular.table import NoRows, read_table

_CHUNK_BYTES = 256 * 1024


@dataclass(frozen=True)
class FinishedPiece:
    """What `finished/<number>.json` holds: the piece's counts, the sizes of its parts, its profile."""

    scored: int
    rejected: int
    predictions_bytes: int
    rejected_bytes: int
    profile: dict[str, Any]


def finish_piece(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> FinishedPiece:
    """Writes the piece's part of the predictions file and of the rejected file, its counts and its profile.

    Raises:
        AnswerMismatch: Batch Transform gave more or fewer rows than it was given.
        AnswerUnreadable: they do not have the form of the rows sent with the four inference outputs behind.
    """
    builder = ProfileBuilder(Baseline.from_json(bucket.read_json(plan.champion.baseline_key)))
    builder.add(dict.fromkeys(plan.layout.output, ()))  # Without a row, too, the columns are there.
    scored = 0
    with (
        Upload(bucket, plan.work.predictions(piece.number), "text/csv") as predictions,
        Upload(bucket, plan.work.rejected(piece.number), "text/csv") as rejected,
    ):
        if piece.number == 1:
            predictions.write(predictions_header(plan.layout.output))
        numbers = _row_numbers(bucket, plan, piece)
        for columns in _scored_columns(bucket, plan, piece):
            count = len(columns[plan.layout.output[-1]])
            taken = list(islice(numbers, count))
            if len(taken) < count:
                raise _mismatch(piece)
            predictions.write(predictions_rows(plan.arrival, taken, columns))
            builder.add(columns)
            scored += count
        if next(numbers, None) is not None:
            raise _mismatch(piece)
        _write_rejected(bucket, plan, piece, rejected)
        for upload in (predictions, rejected):
            if not upload.is_empty:
                upload.complete()
        finished = FinishedPiece(
            scored, piece.rejected, predictions.size, rejected.size, builder.build().to_json()
        )
    bucket.write_json(plan.work.finished(piece.number), asdict(finished))
    return finished


def _scored_columns(
    bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece
) -> Iterator[Mapping[str, Sequence[str]]]:
    """The columns of the scored rows, some rows at a time, as `ScoredBatch.columns` has them."""
    if piece.rows == piece.rejected:
        return
    place = {position: index for index, position in enumerate(plan.rows.order)}
    width = len(place)
    for rows in _read_rows(bucket, plan.work.joined(piece.number), width + len(INFERENCE_OUTPUTS)):
        if set(map(len, rows)) != {width + len(INFERENCE_OUTPUTS)}:
            raise AnswerUnreadable(
                f"Batch Transform did not give {width} columns and the four outputs "
                f"{', '.join(INFERENCE_OUTPUTS)}. Set SAGEMAKER_INFERENCE_OUTPUT of its model to these."
            )
        columns = list(zip(*rows, strict=True))
        own = [columns[place[position]] for position in range(width)]
        yield dict(
            zip(plan.layout.output, [*own, *_read_answer(columns[width:], plan.contract)], strict=True)
        )


def _read_answer(outputs: Sequence[Sequence[str]], contract: Contract) -> tuple[Sequence[str], Sequence[str]]:
    text = "\n".join(csv_lines(outputs))
    predictions = parse_answer(text, len(outputs[0]), contract.labels, contract.positive_label)
    return predictions.labels, predictions.probabilities


def _row_numbers(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> Iterator[int]:
    """The place of each row that was sent among all the file's rows, from 1."""
    faulty = (index for _, _, index, *_ in _faulty_rows(bucket, plan, piece))
    left_out = next(faulty, None)
    for index in range(piece.rows):
        if left_out is not None and index == int(left_out):
            left_out = next(faulty, None)
        else:
            yield piece.rows_before + index + 1


def _write_rejected(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece, rejected: Upload) -> None:
    if piece.begins_rejected:
        rejected.write(rejected_header(plan.columns))
    for line, reason, _, *fields in _faulty_rows(bucket, plan, piece):
        rejected.write(rejected_rows([(piece.lines_before + int(line), reason, fields)]))


def _faulty_rows(bucket: Bucket, plan: TransformPlan, piece: AcceptedPiece) -> Iterator[list[str]]:
    if piece.rejected:
        for rows in _read_rows(bucket, plan.work.faulty(piece.number), 3):
            yield from rows


def _read_rows(bucket: Bucket, key: str, width: int) -> Iterator[list[list[str]]]:
    """The rows of a work object, some at a time."""
    names = ",".join(f"c{number}" for number in range(width)) + "\n"
    body = ResumedBody.of_key(bucket, key)
    chunks = iter(lambda: body.read(_CHUNK_BYTES), b"")
    try:
        for rows, _ in read_batches(read_table(chain([names.encode()], chunks))):
            yield rows
    except NoRows:
        return
    except UnreadableFile as error:
        raise AnswerUnreadable(f"What was written to {key} is not CSV.") from error


def _mismatch(piece: AcceptedPiece) -> AnswerMismatch:
    return AnswerMismatch(
        f"Batch Transform was given {piece.rows - piece.rejected} rows of piece {piece.number} "
        "and gave back more or fewer."
    )
