"""Adds up the checks of all pieces, and refuses a file that cannot be scored.

Also: the transform's decisions whether a file goes on to the next state.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeVar

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import read_input
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.arrival import Arrival, output_keys
from autowatch.records.champion import NoChampion
from autowatch.records.keys import Work
from autowatch.scoring.outcome import check_rejected, find_committed, refuse
from autowatch.scoring.transform.check import CheckedPiece
from autowatch.scoring.transform.plan import Piece, TransformPlan, TransformSettings, make_plan
from autowatch.scoring.transform.rows import open_piece, read_piece
from autowatch.tabular.table import LARGEST_FIELD

_Kind = TypeVar("_Kind")

_READERS = 16


class PieceMissing(AutowatchError):
    """A piece has not been checked or not been finished."""


class RefusalUnclear(AutowatchError):
    """A piece was refused, but a second check found nothing wrong with it."""


@dataclass(frozen=True)
class AcceptedPiece:
    """A piece in the input of the state FinishPieces.

    Attributes:
        rows: rows in the piece, including faulty ones.
        rejected: rows of the piece that were not sent.
        rows_before: rows of the file before the piece.
        lines_before: lines of the file before the piece, including the header's.
        begins_rejected: whether the file's first rejected row is in this piece.
    """

    number: int
    rows: int
    rejected: int
    rows_before: int
    lines_before: int
    begins_rejected: bool


@dataclass(frozen=True)
class Accepted:
    """The numbers of rows and of rows to be scored, and the bytes of the longest line."""

    rows: int
    to_score: int
    longest: int


def accept_pieces(
    bucket: Bucket, plan: TransformPlan, max_rejected_percent: float, max_batch_bytes: int
) -> Accepted:
    """Adds up the checks, and writes the list of pieces to finish, each with its place among the rows.

    Raises:
        UnreadableFile: the file is refused, for the fault that comes first in it.
        PieceMissing: a piece has not been checked.
    """
    pieces = bucket.read_as(plan.work.pieces, list[Piece])
    checks = list(read_results(bucket, _keys(plan, pieces), CheckedPiece))
    lines_above = plan.header_bytes.count(b"\n")
    accepted: list[AcceptedPiece] = []
    rows = rejected = lines = 0
    first_line, first_reason = 0, ""
    for piece, checked in zip(pieces, checks, strict=True):
        if checked.refused:
            _explain_refusal(bucket, plan, piece, lines, max_batch_bytes)
        begins = bool(checked.rejected and not rejected)
        if begins:
            first_line = lines_above + lines + checked.first_rejected_line
            first_reason = checked.first_rejected_reason
        accepted.append(
            AcceptedPiece(piece.number, checked.rows, checked.rejected, rows, lines_above + lines, begins)
        )
        rows += checked.rows
        rejected += checked.rejected
        lines += checked.lines
    check_rejected(rows, rejected, max_rejected_percent, first_line, first_reason)
    bucket.write_json(plan.work.accepted, accepted)
    return Accepted(rows, rows - rejected, max(checked.longest for checked in checks))


def read_results(bucket: Bucket, keys: Sequence[str], kind: type[_Kind]) -> Iterator[_Kind]:
    """The JSON documents of one kind under `keys`, in order.

    Raises:
        PieceMissing: one does not exist.
    """
    with ThreadPoolExecutor(_READERS) as readers:
        try:
            yield from readers.map(lambda key: bucket.read_as(key, kind), keys)
        except ObjectMissing as error:
            raise PieceMissing(
                f"A piece of the file was not processed: {error} Upload the file again."
            ) from error


def _keys(plan: TransformPlan, pieces: Sequence[Piece]) -> list[str]:
    return [plan.work.checked(piece.number) for piece in pieces]


def _explain_refusal(
    bucket: Bucket, plan: TransformPlan, piece: Piece, lines: int, max_batch_bytes: int
) -> None:
    """Raises what is wrong with a piece, now that the lines before it are counted.

    It reads past the piece's end: a row that continues there shows whether its quotes are closed.
    """
    file = plan.arrival.file
    end = min(file.size, piece.end + 2 * LARGEST_FIELD)
    before = piece.start - len(plan.header_bytes)
    table = open_piece(plan, read_input(bucket, file, piece.start, end), lines, before)
    for _ in read_piece(table, plan.layout, max_batch_bytes):
        pass
    raise RefusalUnclear(
        f"Piece {piece.number} of {file.key} could not be read at first, but now it can. Upload the file again."
    )


def plan_file(
    bucket: Bucket,
    settings: TransformSettings,
    work: Work,
    arrival: Arrival,
    piece_bytes: int,
    started: datetime,
) -> Literal["check", "refused", "done"]:
    """Plans the transform of a file: its pieces are checked next, unless it is refused or already scored."""
    if find_committed(bucket, output_keys(arrival, settings.predictions_prefix)):
        return "done"
    try:
        make_plan(bucket, work, arrival, piece_bytes, started, settings.neutralise_formulas)
    except (UnreadableFile, NoChampion) as error:
        refuse(bucket, arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "check"


@dataclass(frozen=True)
class Decision:
    """The next step for a file: its rows are scored, there are none to score, or it is refused.

    `longest` is the bytes of its longest line.
    """

    decision: Literal["score", "finish", "refused"]
    longest: int = 0


def accept_file(bucket: Bucket, settings: TransformSettings, plan: TransformPlan) -> Decision:
    """Decides by the results of the checks."""
    try:
        accepted = accept_pieces(bucket, plan, settings.max_rejected_percent, settings.max_batch_bytes)
    except UnreadableFile as error:
        refuse(bucket, plan.arrival, error, settings.metrics_namespace, settings.stack)
        return Decision("refused")
    return Decision("score" if accepted.to_score else "finish", accepted.longest)
