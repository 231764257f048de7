"""How Domino judges drift: bins from the training data, and a divergence for each column.

Documented: Freedman-Diaconis bins, at most 20, plus a guard bin; categories plus "Untrained Classes"; Kullback-Leibler
divergence or the population stability index against a threshold. Assumed: values outside the training range go to the
one guard bin, empty fields and texts in a numeric column are left out, an empty bin counts as a share of 0.0001.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from sandbox.domino.tables import Table

Test = Literal["psi", "kullback-leibler"]
Counts = Mapping[str, Counter[str]]

GUARD_BIN = "(outside)"
UNTRAINED_CLASSES = "Untrained Classes"

_MOST_BINS = 20
_SMALLEST_SHARE = 1e-4


@dataclass(frozen=True)
class Reference:
    """The training data of a model: edges of the bins of numerical columns, and each column's counts by bin."""

    edges: dict[str, list[float]]
    counts: dict[str, Counter[str]]


@dataclass(frozen=True)
class Drift:
    """One column's divergence, and whether it exceeds the threshold."""

    column: str
    divergence: float
    drifted: bool


def make_reference(training: Table) -> Reference:
    """The bins of the training data, which never change afterwards."""
    edges = {column: _freedman_diaconis(sorted(values)) for column, values in training.numbers.items()}
    return Reference(edges, _count(training, edges))


def judge(reference: Reference, current: Counts, test: Test, threshold: float) -> list[Drift]:
    """Every column of the reference, the most drifted first; `current` comes from `count_on`."""
    divergences = {name: _divergence(test, reference.counts[name], current[name]) for name in current}
    drifts = [Drift(column, value, value > threshold) for column, value in divergences.items()]
    return sorted(drifts, key=lambda drift: -drift.divergence)


def count_on(reference: Reference, current: Table) -> dict[str, Counter[str]]:
    """The counts of a table in the reference's bins."""
    counts = _count(current, reference.edges)
    for column in current.categories:
        known = reference.counts[column]
        untrained = sum(count for value, count in counts[column].items() if value not in known)
        counts[column] = Counter({value: counts[column][value] for value in known})
        counts[column][UNTRAINED_CLASSES] = untrained
    return counts


def add_up(several: Iterable[Counts]) -> dict[str, Counter[str]]:
    """The counts of several tables in the same bins, added up."""
    total: dict[str, Counter[str]] = {}
    for counts in several:
        for column, of_column in counts.items():
            total.setdefault(column, Counter()).update(of_column)
    return total


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
    # A column without values has no shares; this test cannot detect that as drift.
    if not reference.total() or not current.total():
        return 0.0
    divergence = 0.0
    for name in reference.keys() | current.keys():
        expected = max(reference[name] / reference.total(), _SMALLEST_SHARE)
        actual = max(current[name] / current.total(), _SMALLEST_SHARE)
        weight = actual - expected if test == "psi" else actual
        divergence += weight * math.log(actual / expected)
    return divergence
