"""Adding up what the checks of all pieces found, and refusing the file where it cannot be scored."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

from autowatch.errors import AutowatchError
from autowatch.input_file import read_input
from autowatch.objects import ObjectMissing, read_json, write_json
from autowatch.piece_check import CheckedPiece
from autowatch.piece_rows import open_piece, read_piece
from autowatch.pieces import Piece
from autowatch.row_balance import check_rejected
from autowatch.table import LARGEST_FIELD
from autowatch.transform_plan import TransformPlan

_READERS = 16


class PieceMissing(AutowatchError):
    """A piece has not been checked, or not been finished."""


class RefusalUnclear(AutowatchError):
    """A piece was refused, and on a second look there was nothing wrong with it."""


@dataclass(frozen=True)
class AcceptedPiece:
    """What the state FinishPieces is told of a piece.

    Attributes:
        rows: rows in the piece, faulty ones included.
        rejected: rows of it that were not sent.
        rows_before: rows of the file before the piece.
        lines_before: lines of the file before the piece, the header's included.
        begins_rejected: whether the file's first rejected row is one of this piece.
    """

    number: int
    rows: int
    rejected: int
    rows_before: int
    lines_before: int
    begins_rejected: bool


@dataclass(frozen=True)
class Accepted:
    """How many rows the file has, and how many of them are to be scored."""

    rows: int
    to_score: int


def accept_pieces(
    s3: Any, bucket: str, plan: TransformPlan, max_rejected_percent: float, max_batch_bytes: int
) -> Accepted:
    """Adds up the checks and writes the list of pieces to be finished, each with its place among the rows.

    Raises:
        UnreadableFile: the file is refused, for the reason that stands first in it.
        PieceMissing: a piece has not been checked.
    """
    pieces = [Piece.from_json(item) for item in read_json(s3, bucket, plan.work.pieces)]
    checks = [CheckedPiece(**document) for document in read_results(s3, bucket, _keys(plan, pieces))]
    lines_above = plan.header_bytes.count(b"\n")
    accepted: list[AcceptedPiece] = []
    rows = rejected = lines = 0
    first_line, first_reason = 0, ""
    for piece, checked in zip(pieces, checks, strict=True):
        if checked.refused:
            _explain_refusal(s3, bucket, plan, piece, lines, max_batch_bytes)
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
    write_json(s3, bucket, plan.work.accepted, [asdict(each) for each in accepted])
    return Accepted(rows, rows - rejected)


def read_results(s3: Any, bucket: str, keys: Sequence[str]) -> Iterator[Any]:
    """The JSON documents under `keys`, in their order.

    Raises:
        PieceMissing: one is not there.
    """
    with ThreadPoolExecutor(_READERS) as readers:
        try:
            yield from readers.map(lambda key: read_json(s3, bucket, key), keys)
        except ObjectMissing as error:
            raise PieceMissing(
                f"A piece of the file was not worked on: {error} Upload the file again."
            ) from error


def _keys(plan: TransformPlan, pieces: Sequence[Piece]) -> list[str]:
    return [plan.work.checked(piece.number) for piece in pieces]


def _explain_refusal(
    s3: Any, bucket: str, plan: TransformPlan, piece: Piece, lines: int, max_batch_bytes: int
) -> None:
    """Raises what is wrong with a piece, now that the lines before it are counted.

    It reads on behind the piece's end: a row that goes on there shows whether its quotes are closed.
    """
    file = plan.arrival.file
    end = min(file.size, piece.end + 2 * LARGEST_FIELD)
    before = piece.start - len(plan.header_bytes)
    table = open_piece(plan, read_input(s3, bucket, file, piece.start, end), lines, before)
    for _ in read_piece(table, plan.layout, max_batch_bytes):
        pass
    raise RefusalUnclear(
        f"Piece {piece.number} of {file.key} could not be read at first, and now it can. Upload the file again."
    )
