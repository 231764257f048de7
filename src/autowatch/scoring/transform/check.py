"""The check of a piece: checks every row as scoring does, and prepares what can be sent to Batch Transform."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from autowatch.aws.objects import Bucket
from autowatch.aws.reading import read_input
from autowatch.aws.uploads import Range, Upload, copy_range
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.scoring.output import rejected_rows
from autowatch.scoring.rows import CheckedRows
from autowatch.scoring.transform.plan import Piece, TransformPlan
from autowatch.scoring.transform.rows import CHUNK_BYTES, open_piece, read_piece, sent_columns
from autowatch.tabular.arrow.lines import to_csv
from autowatch.tabular.table import NoRows


@dataclass(frozen=True)
class CheckedPiece:
    """What `checked/<number>.json` holds.

    Attributes:
        lines: line ends in the piece.
        rows: rows in the piece, including faulty ones.
        rejected: rows that cannot be sent.
        first_rejected_line: the line on which the first of these begins, from 1 in the piece; 0 if there is none.
        first_rejected_reason: why it cannot be sent.
        refused: whether this piece makes the whole file impossible to score; if so, the other fields mean nothing.
        longest: bytes of its longest line.
    """

    number: int
    lines: int = 0
    rows: int = 0
    rejected: int = 0
    first_rejected_line: int = 0
    first_rejected_reason: str = ""
    refused: bool = False
    longest: int = 0


class _NotAsItIs(AutowatchError):
    """The piece must be rewritten before it can be sent."""


def check_piece(bucket: Bucket, plan: TransformPlan, piece: Piece, max_batch_bytes: int) -> CheckedPiece:
    """Checks the piece, and writes its part of the job's input, its faulty rows and the result.

    A piece is copied inside S3 if all its rows can be sent and Batch Transform and this code cannot differ on where a
    row or field ends (no quotes, carriage returns or blank lines). Any other piece is rewritten.
    """
    try:
        checked = _check(bucket, plan, piece, max_batch_bytes)
    except UnreadableFile:
        # The reason is written later, when the lines before this piece are counted.
        checked = CheckedPiece(piece.number, refused=True)
    bucket.write_json(plan.work.checked(piece.number), checked)
    return checked


def _check(bucket: Bucket, plan: TransformPlan, piece: Piece, max_batch_bytes: int) -> CheckedPiece:
    if plan.rows.as_in_file:
        try:
            return _check_and_copy(bucket, plan, piece, max_batch_bytes)
        except _NotAsItIs:
            return _check_and_rewrite(bucket, plan, piece, max_batch_bytes)
    return _check_and_rewrite(bucket, plan, piece, max_batch_bytes)


def _check_and_copy(bucket: Bucket, plan: TransformPlan, piece: Piece, max_batch_bytes: int) -> CheckedPiece:
    file = plan.arrival.file
    lines = _LineCounter(_only_plain(read_input(bucket, file, piece.start, piece.end, CHUNK_BYTES)))
    rows = 0
    for batch in _read(plan, lines, max_batch_bytes):
        if batch.rejected:
            raise _NotAsItIs(f"Piece {piece.number} has rows to be left out.")
        rows += len(batch.rows)
    if rows:
        source = Range(file.key, piece.start, piece.end)
        copy_range(bucket, source, plan.work.part(piece.number), "text/csv", file.version_id, file.etag)
    return CheckedPiece(piece.number, lines.counted, rows, longest=lines.longest)


def _check_and_rewrite(
    bucket: Bucket, plan: TransformPlan, piece: Piece, max_batch_bytes: int
) -> CheckedPiece:
    lines = _LineCounter(read_input(bucket, plan.arrival.file, piece.start, piece.end, CHUNK_BYTES))
    above = plan.header_bytes.count(b"\n")
    rows = rejected = first_line = 0
    first_reason = ""
    with (
        Upload(bucket, plan.work.part(piece.number), "text/csv") as sent,
        Upload(bucket, plan.work.faulty(piece.number), "text/csv") as faulty,
    ):
        for batch in _read(plan, lines, max_batch_bytes):
            sent.write(to_csv(sent_columns(batch.rows.columns, plan)))
            if batch.rejected and not rejected:
                first_line, first_reason = batch.rejected[0].line - above, batch.rejected[0].reason
            faulty.write(
                rejected_rows(
                    (row.line - above, row.reason, [str(row.number - 1), *row.fields])
                    for row in batch.rejected
                )
            )
            rows += len(batch.rows) + len(batch.rejected)
            rejected += len(batch.rejected)
        for upload in (sent, faulty):
            if not upload.is_empty:
                upload.complete()
    return CheckedPiece(
        piece.number, lines.counted, rows, rejected, first_line, first_reason, longest=lines.longest
    )


def _read(plan: TransformPlan, chunks: Iterable[bytes], max_batch_bytes: int) -> Iterator[CheckedRows]:
    try:
        yield from read_piece(open_piece(plan, chunks), plan.layout, max_batch_bytes)
    except NoRows:
        return  # The piece has only blank lines; other pieces have the file's rows.


def _only_plain(chunks: Iterable[bytes]) -> Iterator[bytes]:
    last = b"\n"
    for chunk in chunks:
        if b'"' in chunk or b"\r" in chunk or b"\n\n" in last + chunk:
            raise _NotAsItIs("The piece has quotes, carriage returns or blank lines.")
        last = chunk[-1:]
        yield chunk


class _LineCounter:
    """Passes chunks on while counting and measuring their lines."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.counted = self.longest = 0
        self._chunks = chunks

    def __iter__(self) -> Iterator[bytes]:
        unended = 0
        for chunk in self._chunks:
            self.counted += chunk.count(b"\n")
            lengths = list(map(len, chunk.split(b"\n")))
            lengths[0] += unended
            unended = lengths[-1]
            self.longest = max(self.longest, *lengths)
            yield chunk
