"""Which rows are held out from training: a rule that decides the same for a row in every run.

Also: which rows of a run's hold-out the champion was not trained on.
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
    """The contract's rule for the rows that its run held out.

    Attributes:
        by: `random` holds out the rows with a small enough digest, `newest` the last rows of the file.
        percent: the share of rows held out, in percent.
        columns: the columns in a row's digest, in this order: the user's key or, without one, all columns that the rule
            could rely on. Rows that agree in them are on the same side; other columns may change.
        key: the key of the digest, the same in every stack.
        newest_row: for `newest`, the digest of the last training row, as 16 hexadecimal digits.
    """

    by: HoldoutBy
    percent: int
    columns: tuple[str, ...]
    key: str = _KEY
    newest_row: str | None = None

    def digests(self, columns: Sequence[Sequence[str]]) -> list[int]:
        """A 64-bit number for each row, by BLAKE2b with this rule's key.

        Numbers are hashed by value and missing values as empty, so that `1` and `1.0` are the same row.

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
        """Whether a rule `random` holds out the row with this digest."""
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
        rows: which rows of the hold-out that model was not trained on: numbers from 1, as ranges that include both
            ends; None where that is unknown.
        unknown: why that is unknown.
    """

    champion: str
    rows: tuple[tuple[int, int], ...] | None
    unknown: str = ""

    def numbers(self) -> set[int]:
        """The numbers of the rows, expanded."""
        return {number for first, last in self.rows or () for number in range(first, last + 1)}


def write_unseen_rows(bucket: Bucket, run: str, unseen: UnseenRows) -> None:
    """Stores the unseen rows with the run."""
    bucket.write_json(unseen_key(run), unseen)


def read_unseen_rows(bucket: Bucket, run: str, champion: str) -> UnseenRows:
    """The rows of the run's hold-out that the model of the run `champion` was not trained on."""
    try:
        unseen = bucket.read_as(unseen_key(run), UnseenRows)
    except ObjectMissing:
        unseen = None
    if unseen is None or unseen.champion != champion:
        return UnseenRows(champion, None, "it was not in force when this run began")
    return unseen
