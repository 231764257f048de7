"""The labels of one day under `monitoring/labels/`: one fragment for each labels file and run."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.aws.reading import read_input
from autowatch.aws.uploads import Upload
from autowatch.records.contract import Contract
from autowatch.records.keys import LABEL_FRAGMENTS_PREFIX, day_folder
from autowatch.tabular.csv_lines import csv_line
from autowatch.tabular.table import read_table

_ROWS_AT_ONCE = 100_000
_DIGITS = 16


@dataclass(frozen=True)
class Fragment:
    """One object with labels; the fragments of a run are in order of arrival."""

    run: str
    file: ObjectVersion


@dataclass(frozen=True)
class FileLabels:
    """The actual values of the rows of one predictions file, at most one for each row.

    Attributes:
        rows: shape (n,), int: the rows' numbers in the input, from 1, ascending.
        labels: shape (n,), float: the indexes of their labels in the contract's labels or, in regression, the numbers.
    """

    rows: np.ndarray
    labels: np.ndarray


def write_fragment(
    bucket: Bucket,
    *,
    day: str,
    name: str,
    contract: Contract,
    labels: Iterable[tuple[str, FileLabels]],
) -> None:
    """Writes the labels of rows that the contract's run scored on `day`.

    Args:
        name: of the object in the folder of the day and the run.
        labels: pairs of the id prefix of a predictions file and its labels.
    """
    key = f"{day_folder(LABEL_FRAGMENTS_PREFIX, day)}run={contract.run}/{name}"
    endings = [f"{csv_line(['', label])}\n" for label in contract.labels]

    def ending(value: float) -> str:
        return endings[int(value)] if endings else f",{value!r}\n"

    with Upload(bucket, key, "text/csv; charset=utf-8") as upload:
        upload.write(f"{csv_line([contract.row_id, contract.actual_column])}\n".encode())
        for id_prefix, of_file in labels:
            for start in range(0, len(of_file.rows), _ROWS_AT_ONCE):
                part = slice(start, start + _ROWS_AT_ONCE)
                rows, values = of_file.rows[part].tolist(), of_file.labels[part].tolist()
                lines = [f"{id_prefix}-{row}{ending(value)}" for row, value in zip(rows, values, strict=True)]
                upload.write("".join(lines).encode())
        upload.complete()


def list_fragments(bucket: Bucket, day: str) -> list[Fragment]:
    """The fragments with labels of rows that were scored on `day`."""
    prefix = f"{day_folder(LABEL_FRAGMENTS_PREFIX, day)}run="
    return [
        Fragment(
            item["Key"].removeprefix(prefix).partition("/")[0],
            ObjectVersion(item["Key"], None, item["ETag"].strip('"'), item["Size"]),
        )
        for item in bucket.list(prefix)
    ]


def read_fragments(
    bucket: Bucket, fragments: Iterable[Fragment], labels: Sequence[str], files: Mapping[str, int]
) -> dict[int, FileLabels]:
    """Reads the labels in the fragments of one run; if a row has several, the last one counts.

    Args:
        labels: those of the run's contract; empty in regression.
        files: the number of each predictions file by its id prefix; labels of other files are ignored.

    Returns:
        The labels of each file by its number.
    """
    places = {label: place for place, label in enumerate(labels)}
    value_of: Callable[[str], float] = places.__getitem__ if places else float
    gathered = GatheredLabels()
    for fragment in fragments:
        for identifiers, texts in _read(bucket, fragment.file):
            gathered.add(
                (files[identifier[:_DIGITS]], int(identifier[_DIGITS + 1 :]), value_of(text))
                for identifier, text in zip(identifiers, texts, strict=True)
                if identifier[:_DIGITS] in files
            )
    return gathered.by_file()


class GatheredLabels:
    """Labels in order of arrival, in 16 bytes each."""

    def __init__(self) -> None:
        self._parts: list[np.ndarray] = []

    def add(self, labels: Iterable[tuple[int, int, float]]) -> int:
        """Adds labels as (file's number, row's number, index of the label or the number); returns how many."""
        part = np.fromiter(labels, _LABEL)
        self._parts.append(part)
        return len(part)

    def by_file(self) -> dict[int, FileLabels]:
        """The labels of each file by its number; if a row has several, the last one counts. Call it once."""
        labels = np.concatenate([np.empty(0, _LABEL), *self._parts])
        self._parts.clear()
        labels = labels[np.lexsort((labels["row"], labels["file"]))]
        is_last = np.ones(len(labels), bool)
        if len(labels):
            same = (labels["file"][1:] == labels["file"][:-1]) & (labels["row"][1:] == labels["row"][:-1])
            is_last[:-1] = ~same
        labels = labels[is_last]
        numbers, starts = np.unique(labels["file"], return_index=True)
        parts = np.split(labels, starts[1:]) if len(labels) else []
        return {
            int(number): FileLabels(part["row"].astype(np.int64), part["label"])
            for number, part in zip(numbers, parts, strict=True)
        }


_LABEL = np.dtype([("file", np.uint32), ("row", np.uint32), ("label", np.float64)])


def _read(bucket: Bucket, file: ObjectVersion) -> Iterator[tuple[Sequence[str], Sequence[str]]]:
    for block in read_table(read_input(bucket, file), delimiter=",").blocks(_ROWS_AT_ONCE):
        identifiers, texts = block.columns
        yield identifiers, texts
