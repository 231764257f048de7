"""The profile of a raw CSV file. Another function counts its rows, since Arrow and scipy do not fit in one function."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import msgspec

from autowatch.aws.functions import ask_function
from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.errors import UnreadableFile
from autowatch.scoring.transform.plan import Piece, cut_pieces
from autowatch.tabular.profile import CsvProfile, total

_PIECE_BYTES = 1 << 30
_PIECES_AT_ONCE = 16


class RawFileRefused(UnreadableFile):
    """The file is not a valid input file."""


@dataclass(frozen=True)
class CsvProfiler:
    """Invokes the function that counts CSV files of the bucket.

    Attributes:
        client: boto3's `lambda` client, with the function's time limit and a connection for each piece.
        function: the name of the function.
        bucket: the bucket of the files.
    """

    client: Any
    function: str
    bucket: Bucket

    def __call__(self, file: ObjectVersion, run: str) -> CsvProfile:
        """Counts the rows of a file on the bins of a run; the pieces of a large file are counted in parallel.

        If a piece cannot be read, the whole file is counted at once: the file may have been cut at a line break inside
        quotes.

        Raises:
            RawFileRefused: the file is malformed.
            FunctionFailed: see `ask_function`.
        """
        pieces = cut_pieces(self.bucket, file, 0, _PIECE_BYTES) if file.size > _PIECE_BYTES else []
        counted = self._count_pieces(file, run, pieces) if pieces else None
        if counted is None:
            answer = self._ask(file, run)
            if "refused" in answer:
                raise RawFileRefused(answer["refused"])
            counted = msgspec.convert(answer, CsvProfile)
        return counted

    def _count_pieces(self, file: ObjectVersion, run: str, pieces: Sequence[Piece]) -> CsvProfile | None:
        with ThreadPoolExecutor(_PIECES_AT_ONCE) as pool:
            answers = list(
                pool.map(lambda piece: self._ask(file, run, start=piece.start, end=piece.end), pieces)
            )
        if any("refused" in answer for answer in answers):
            return None
        parts = [msgspec.convert(answer, CsvProfile) for answer in answers]
        return CsvProfile(
            total(part.profile for part in parts),
            sum(part.rows_in for part in parts),
            sum(part.rows_rejected for part in parts),
        )

    def _ask(self, file: ObjectVersion, run: str, **piece: int) -> dict[str, Any]:
        return ask_function(self.client, self.function, {"file": asdict(file), "run": run, **piece})
