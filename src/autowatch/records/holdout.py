"""Which rows are held out from training: a rule that gives the same answer for a row in every run.

Which rows of a run's hold-out the champion was not trained on either.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.keys import unseen_key
from autowatch.tabular.cells import MISSING, to_number

HoldoutBy = Literal["random", "newest"]

_KEY = "autowatch holdout 1"
_PERSON = b"autowatch"
_BETWEEN_CELLS = "\x1f"


@dataclass(frozen=True)
class HoldoutRule:
    """What a contract says of the rows that its run held out.

    Attributes:
        by: `random` holds a row out where its digest is small enough, `newest` the last rows of the file.
        percent: how many of a hundred rows are held out.
        columns: what a row's digest is made of, in this order: the user's key, or else all columns that the rule
            could rely on. Rows that agree there are on one side, and other columns may change.
        key: the key of the digest, the same in every stack.
        newest_row: of `newest` the digest of the last row that was trained on, as 16 hexadecimal digits.
    """

    by: HoldoutBy
    percent: int
    columns: tuple[str, ...]
    key: str = _KEY
    newest_row: str | None = None

    def digests(self, columns: Sequence[Sequence[str]]) -> list[int]:
        """A number of 64 bits for each row, by BLAKE2b with this rule's key.

        A number counts by its value and a missing value as nothing, so that `1` and `1.0` are the same row.

        Args:
            columns: the cells of the rule's columns, in its order.
        """
        key = self.key.encode()
        rows = map(_BETWEEN_CELLS.join, zip(*map(_canonical_cells, columns), strict=True))
        return [
            int.from_bytes(blake2b(row.encode(), digest_size=8, key=key, person=_PERSON).digest())
            for row in rows
        ]

    def takes(self, digest: int) -> bool:
        """Whether a rule by chance holds out the row with this digest."""
        return digest < (self.percent << 64) // 100


def _canonical_cells(texts: Sequence[str]) -> list[str]:
    known = {text: _canonical(text) for text in set(texts)}
    return [known[text] for text in texts]


def _canonical(text: str) -> str:
    if text in MISSING:
        return ""
    try:
        # Adding zero makes -0.0 the same as 0.0.
        return repr(to_number(text) + 0.0)
    except ValueError:
        return text.strip()


@dataclass(frozen=True)
class UnseenRows:
    """What `models/<run>/unseen.json` holds.

    Attributes:
        champion: the run whose model was in force when the run began.
        rows: which rows of the hold-out that model was not trained on: numbers from 1, as ranges with both ends
            included; None where that is not known.
        unknown: why it is not known.
    """

    champion: str
    rows: tuple[tuple[int, int], ...] | None
    unknown: str = ""

    def numbers(self) -> set[int]:
        """The numbers of the rows."""
        return {number for first, last in self.rows or () for number in range(first, last + 1)}


def write_unseen_rows(bucket: Bucket, run: str, unseen: UnseenRows) -> None:
    """Keeps it with the run."""
    bucket.write_json(unseen_key(run), unseen)


def read_unseen_rows(bucket: Bucket, run: str, champion: str) -> UnseenRows:
    """Which rows of the run's hold-out the model of the run `champion` was not trained on."""
    try:
        unseen = bucket.read_as(unseen_key(run), UnseenRows)
    except ObjectMissing:
        unseen = None
    if unseen is None or unseen.champion != champion:
        return UnseenRows(champion, None, "it was not in force when this run began")
    return unseen
