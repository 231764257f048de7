"""Reads several training files as one table."""

import hashlib
from collections.abc import Iterator, Sequence
from itertools import compress
from typing import Any

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import read_input
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.tabular.cells import MISSING
from autowatch.tabular.table import Table

_ROWS_AT_ONCE = 10_000


class UnfitTrainingFile(AutowatchError):
    """The training file cannot be trained on as it is; the message says what to change."""


class HeadersDiffer(UnfitTrainingFile):
    """Two files under a prefix differ in their columns or the order of these."""


class RaggedRow(UnfitTrainingFile):
    """A row has more or fewer fields than the header."""


class TrainingTable:
    """The rows of all files, to be read once.

    Attributes:
        header: the names of the columns, the same in each file.
        lines: the lines on which the rows of the latest block begin.
        file: the key of the file of these rows; empty if there is only one file.
        digest: the SHA-256 of the bytes read so far; of all content once all rows are read.
    """

    def __init__(self, bucket: Bucket, files: Sequence[ObjectVersion]) -> None:
        self._bucket, self._files = bucket, files
        self._hash = hashlib.sha256()
        self.lines: Sequence[int] = ()
        self.file = ""
        self._first = self._open(files[0])
        self.header = self._first.header

    @property
    def digest(self) -> str:
        """64 hexadecimal digits."""
        return self._hash.hexdigest()

    def blocks(self) -> Iterator[Sequence[Sequence[str]]]:
        """The rows in blocks of many rows: their fields column by column, in the header's order.

        Raises:
            UnreadableFile: a file is not a CSV of the documented form; the message names the file.
            HeadersDiffer, RaggedRow: the rows do not form one table.
        """
        for file in self._files:
            table = self._first if file is self._files[0] else self._open(file)
            if table.header != self.header:
                raise HeadersDiffer(
                    f"{file.key} does not have the columns of {self._files[0].key} in the same order: "
                    f"{_first_difference(self.header, table.header)}. Give all files under the prefix one header."
                )
            yield from self._blocks_of(file, table)

    def _open(self, file: ObjectVersion) -> Table:
        try:
            return Table(self._chunks(file))
        except UnreadableFile as error:
            raise _naming(file, error) from error

    def _chunks(self, file: ObjectVersion) -> Iterator[bytes]:
        for chunk in read_input(self._bucket, file):
            self._hash.update(chunk)
            yield chunk

    def _blocks_of(self, file: ObjectVersion, table: Table) -> Iterator[Sequence[Sequence[str]]]:
        try:
            for block in table.blocks(_ROWS_AT_ONCE):
                for index, fields in block.misfits.items():
                    raise RaggedRow(
                        f"Line {block.lines[index]} of {file.key} has {len(fields)} fields, but the header has "
                        f"{len(self.header)}. Correct or remove that row."
                    )
                self.lines = block.lines
                self.file = file.key if len(self._files) > 1 else ""
                yield block.columns
        except UnreadableFile as error:
            raise _naming(file, error) from error


def _first_difference(expected: Sequence[str], found: Sequence[str]) -> str:
    place = next(
        (
            place
            for place, pair in enumerate(zip(expected, found, strict=False), start=1)
            if pair[0] != pair[1]
        ),
        None,
    )
    if place is None:
        return f"it has {len(found)} columns instead of {len(expected)}"
    return f"column {place} is not {expected[place - 1]!r}"


def labelled_rows(columns: Sequence[Sequence[Any]], target: int) -> Sequence[Sequence[Any]]:
    """The columns without the rows whose field in column `target` is missing."""
    if MISSING.isdisjoint(columns[target]):
        return columns
    kept = [text not in MISSING for text in columns[target]]
    return [list(compress(column, kept)) for column in columns]


def _naming(file: ObjectVersion, error: UnreadableFile) -> UnreadableFile:
    return type(error)(f"{file.key} cannot be trained on. {error}")
