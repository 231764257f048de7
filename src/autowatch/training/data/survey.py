"""The first pass over training data: surveys their columns and the label of each row.

It also counts the rows that repeat an earlier one, in 8 bytes a row, and computes the digests by which rows are held
out.
"""

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from autowatch.records.holdout import HoldoutRule
from autowatch.training.data.columns import ColumnReader, ColumnSurvey
from autowatch.training.data.labels import TargetLabels
from autowatch.training.data.table import TrainingTable, labelled_rows

_TEXTS_BYTES = 1_200_000_000
"""The most bytes for the distinct texts of all columns.

Each row takes 18 bytes more, or 26 if the champion held rows out by other columns.
"""


@dataclass(frozen=True)
class TrainingSurvey:
    """The result of the first pass. All fields except `unlabelled_rows` are about labelled rows only.

    Attributes:
        columns: the survey of each column by name, in the header's order.
        labels: the target's distinct values in the order of their first rows, up to a thousand.
        row_labels: for each row, the position of its label among these; 0 for labels beyond the thousand.
        unlabelled_rows: how many rows have no label, and are left out.
        duplicate_rows: how many rows repeat an earlier one in every column.
        row_digests: the digests of each row by the given rules.
        digest: the SHA-256 of the files' bytes.
    """

    columns: dict[str, ColumnSurvey]
    labels: TargetLabels
    row_labels: "array[int]"
    unlabelled_rows: int
    duplicate_rows: int
    row_digests: "RowDigests"
    digest: str


def survey_rows(table: TrainingTable, target: str, rules: Sequence[HoldoutRule]) -> TrainingSurvey:
    """Surveys all rows of `table`, whose header has the column `target` and those of the rules.

    Memory is bounded except for a few bytes per row: a column whose distinct texts exceed its share of 1.2 GB is
    estimated from a sample of its texts.

    Raises:
        UnreadableFile, UnfitTrainingFile: the rows cannot be read.
    """
    position = table.header.index(target)
    readers = [ColumnReader(name, _TEXTS_BYTES // len(table.header)) for name in table.header]
    labels, row_labels = TargetLabels(target), array("H")
    duplicates, row_digests = DuplicateRows(), RowDigests(table.header, rules)
    rows_read = 0
    for block in table.blocks():
        rows_read += len(block[position])
        labels.note_missing(block[position], table.lines, table.file)
        *columns, lines = labelled_rows([*block, table.lines], position)
        row_labels.extend(labels.add(columns[position], lines, table.file))
        duplicates.add(zip(*columns, strict=True))
        row_digests.add(columns)
        for reader, column in zip(readers, columns, strict=True):
            reader.add(column, lines)
    return TrainingSurvey(
        columns={name: reader.survey() for name, reader in zip(table.header, readers, strict=True)},
        labels=labels,
        row_labels=row_labels,
        unlabelled_rows=rows_read - len(row_labels),
        duplicate_rows=duplicates.count(),
        row_digests=row_digests,
        digest=table.digest,
    )


_BUCKETS = 256


class DuplicateRows:
    """Counts duplicate rows by a 64-bit hash of each row.

    The hashes are kept in 256 buckets, so that only a 256th of them is in a set at a time. The probability that two
    different rows among n have the same hash is n squared / 2 to the 65th: one in 400,000 for ten million.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._rows = 0

    def add(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Adds rows."""
        for row_hash in map(hash, rows):
            self._buckets[row_hash % _BUCKETS].append(row_hash)
            self._rows += 1

    def count(self) -> int:
        """How many rows repeat an earlier one."""
        return self._rows - sum(len(set(bucket)) for bucket in self._buckets)


class RowDigests:
    """The digests of each row by some rules; rules with the same columns and key share theirs."""

    def __init__(self, header: Sequence[str], rules: Sequence[HoldoutRule]) -> None:
        self._rules = {(rule.columns, rule.key): rule for rule in rules}
        self._places = {each: [header.index(name) for name in each[0]] for each in self._rules}
        self._digests = {each: array("Q") for each in self._rules}

    def add(self, columns: Sequence[Sequence[str]]) -> None:
        """Adds rows, column by column in the header's order."""
        for each, digests in self._digests.items():
            digests.extend(self._rules[each].digests([columns[place] for place in self._places[each]]))

    def of(self, rule: HoldoutRule) -> Sequence[int]:
        """The digest of each row."""
        return self._digests[rule.columns, rule.key]
