"""How Domino judges drift: bins made on the training data, and a divergence for each column.

Documented: Freedman-Diaconis bins, at most 20, plus a guard bin; categories plus "Untrained Classes"; Kullback-Leibler
divergence or the population stability index against a threshold. Assumed: what lies outside the training range goes
to the one guard bin, empty fields and texts in a numeric column are left out, an empty bin counts as a share of 0.0001.
"""

import csv
import itertools
import math
from array import array
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Test = Literal["psi", "kullback-leibler"]
ValueType = Literal["numerical", "categorical"]

GUARD_BIN = "(outside)"
UNTRAINED_CLASSES = "Untrained Classes"

_MOST_BINS = 20
_SMALLEST_SHARE = 1e-4
_ROWS_TO_GUESS_TYPES = 1000


class TableUnusable(Exception):
    """A file that Domino cannot ingest; the message says why."""


@dataclass(frozen=True)
class Table:
    """What is kept of a file: the numbers of each numerical column, the counts of each categorical one."""

    rows: int
    numbers: dict[str, array[float]]
    categories: dict[str, Counter[str]]


@dataclass(frozen=True)
class Reference:
    """The training data of a model: edges of the bins of numerical columns, and each column's counts by bin."""

    edges: dict[str, list[float]]
    counts: dict[str, Counter[str]]


@dataclass(frozen=True)
class Drift:
    """One column's divergence, and whether it is over the threshold."""

    column: str
    divergence: float
    drifted: bool


def make_reference(training: Table) -> Reference:
    """The bins of the training data, which never change afterwards."""
    edges = {column: _freedman_diaconis(sorted(values)) for column, values in training.numbers.items()}
    return Reference(edges, _count(training, edges))


def judge(reference: Reference, current: Table, test: Test, threshold: float) -> list[Drift]:
    """Every column of the reference, the most drifted first."""
    counts = _count(current, reference.edges)
    for column in current.categories:
        known = reference.counts[column]
        untrained = sum(count for value, count in counts[column].items() if value not in known)
        counts[column] = Counter({value: counts[column][value] for value in known})
        counts[column][UNTRAINED_CLASSES] = untrained
    divergences = {column: _divergence(test, reference.counts[column], counts[column]) for column in counts}
    drifts = [Drift(column, value, value > threshold) for column, value in divergences.items()]
    return sorted(drifts, key=lambda drift: -drift.divergence)


def read_table(path: Path, columns: Mapping[str, ValueType]) -> Table:
    """The declared columns of a CSV file with a header row; others are ignored.

    Raises:
        TableUnusable: a declared column is missing, or this is no UTF-8 CSV file.
    """
    numbers = {name: array("d") for name, kind in columns.items() if kind == "numerical"}
    categories: dict[str, Counter[str]] = {name: Counter() for name in columns if name not in numbers}
    rows = 0
    for row in _rows(path, columns):
        rows += 1
        for name, values in numbers.items():
            number = _number(row[name])
            if number is not None:
                values.append(number)
        for name, counts in categories.items():
            if row[name]:
                counts[row[name]] += 1
    return Table(rows, numbers, categories)


def guess_columns(path: Path, without: str) -> dict[str, ValueType]:
    """Every column of a CSV file but one, numerical where its first fields are numbers.

    Raises:
        TableUnusable: this is no UTF-8 CSV file with a header.
    """
    kinds: dict[str, ValueType] = {}
    for row in itertools.islice(_rows(path, ()), _ROWS_TO_GUESS_TYPES):
        for name, text in row.items():
            if text and (_number(text) is None or kinds.get(name) == "categorical"):
                kinds[name] = "categorical"
            elif text:
                kinds[name] = "numerical"
    return {name: kind for name, kind in kinds.items() if name != without}


def _rows(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows by column name. The delimiter is the one of `,` and `;` that the header has more of."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = ";" if header.count(";") > header.count(",") else ","
            reader = csv.DictReader(file, delimiter=delimiter, restval="")
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                raise TableUnusable(f"The file lacks declared columns: {', '.join(missing)}.")
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableUnusable(f"The file is no UTF-8 CSV: {error}.") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _freedman_diaconis(values: list[float]) -> list[float]:
    """The edges of equally wide bins of twice the interquartile range over the cube root of the count."""
    if not values:
        return []
    low, high = values[0], values[-1]
    spread = values[(3 * len(values)) // 4] - values[len(values) // 4]
    width = 2 * spread / len(values) ** (1 / 3)
    bins = min(max(math.ceil((high - low) / width), 1), _MOST_BINS) if width else 1
    return [low + (high - low) * step / bins for step in range(bins)] + [high]


def _count(table: Table, edges: Mapping[str, list[float]]) -> dict[str, Counter[str]]:
    counts = {
        column: Counter(_bin(value, edges[column]) for value in table.numbers[column]) for column in edges
    }
    return counts | {column: Counter(values) for column, values in table.categories.items()}


def _bin(value: float, edges: list[float]) -> str:
    if not edges or not edges[0] <= value <= edges[-1]:
        return GUARD_BIN
    return str(min(bisect_right(edges, value), len(edges) - 1))


def _divergence(test: Test, reference: Counter[str], current: Counter[str]) -> float:
    """PSI, or the Kullback-Leibler divergence of the current shares from the reference's (natural logarithm)."""
    # A column without a single value has no shares; that is no drift that this test can see.
    if not reference.total() or not current.total():
        return 0.0
    divergence = 0.0
    for name in reference.keys() | current.keys():
        expected = max(reference[name] / reference.total(), _SMALLEST_SHARE)
        actual = max(current[name] / current.total(), _SMALLEST_SHARE)
        weight = actual - expected if test == "psi" else actual
        divergence += weight * math.log(actual / expected)
    return divergence
