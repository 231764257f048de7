"""Further comparisons of open columns: values never seen in training, text lengths, and the number of distinct values.

An open column has too many values for bins. Most of its rows share one bin, which does not change when one value
replaces another. docs/drift.md has the reasons and the error rates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autowatch.monitoring.drift.moved import BinShare, what_moved
from autowatch.monitoring.drift.statistics import distance, distance_threshold, p_of_rise, p_value, shares
from autowatch.tabular.bins import Bins, CategoricalBins, Memory, NumericBins
from autowatch.tabular.sketches import MOST_HASHES, ColumnSketch

# The number of distinct values counts as moved at three times the distance for shares: a change by about a fifth.
_TIMES_THE_DISTANCE = 3

# The normal approximation is poor below this number of values.
_FEWEST_VALUES = 10

# The relative standard error of a distinct count estimated from the smallest hashes (Beyer et al., 2007).
_ERROR_OF_ESTIMATE = 1 / math.sqrt(MOST_HASHES - 2)


@dataclass(frozen=True)
class Aspect:
    """One comparison of a column with the reference; its statistics are None where there is nothing to compare.

    Attributes:
        what: the name of the comparison.
        p_value: the probability of so large a difference by chance.
        distance: the size of the difference, from 0 to 1.
        threshold: the lowest distance that counts as large.
        moved: the difference in words; empty if the column's bins say it.
        p_adjusted: the p-value, corrected over the comparisons of all columns.
    """

    what: str
    p_value: float | None
    distance: float | None
    threshold: float | None
    moved: str = ""
    p_adjusted: float | None = None

    @property
    def size(self) -> float:
        """The distance as a multiple of its threshold: 1 at the threshold, 0 without rows."""
        return self.distance / self.threshold if self.distance is not None and self.threshold else 0.0

    def drifts(self, significance: float) -> bool:
        """Whether the difference is both significant and large."""
        return self.p_adjusted is not None and self.p_adjusted < significance and self.size >= 1


def memory_of(column: Bins) -> Memory | None:
    """The memory of an open column; None for other columns, and if an older version wrote the baseline."""
    return column.memory if isinstance(column, CategoricalBins) else None


def with_known(column: Bins, counts: Sequence[int]) -> list[int]:
    """The counts with an open column's new values in the bin of the known ones, as in the reference."""
    merged = list(counts)
    if isinstance(column, CategoricalBins) and column.memory:
        (new,) = column.new
        merged[column.unknown] += merged[new]
        merged[new] = 0
    return merged


def expected_shares(column: Bins) -> np.ndarray:
    """The expected share of later rows in each bin: the reference's; for new values, the hold-out's."""
    expected = shares(column.counts)
    memory = memory_of(column)
    if isinstance(column, CategoricalBins) and memory and sum(memory.fresh):
        new = (1 - expected[-1]) * memory.fresh[1] / sum(memory.fresh)
        expected[column.new[0]] = min(new, expected[column.unknown])
        expected[column.unknown] -= expected[column.new[0]]
    return expected


def open_aspects(column: Bins, counts: Sequence[int], sketch: ColumnSketch, large: float) -> list[Aspect]:
    """The further comparisons of an open column; empty for other columns, and for open ones without a memory.

    Args:
        column: the column.
        counts: of the scored rows on its bins.
        sketch: of the scored rows.
        large: the lowest distance that counts as large if there are many rows.
    """
    memory = memory_of(column)
    if not memory:
        return []
    present = sum(counts[:-1])
    (new,) = column.new
    aspects = [_never_seen(memory.fresh, (present - counts[new], counts[new]), large)]
    if present and sketch.lengths:
        aspects.append(_lengths(memory.lengths, sketch.lengths, large))
        aspects += _distinct(memory, present, sketch, large)
    return aspects


def _never_seen(fresh: tuple[int, int], now: tuple[int, int], large: float) -> Aspect:
    """Compares the share of values never seen in training with their share among the hold-out's rows."""
    before_share, now_share = shares(fresh)[1], shares(now)[1]
    known = sum(fresh) and sum(now)
    rose = now_share > before_share
    return Aspect(
        "values never seen in training",
        p_of_rise(fresh[1], sum(fresh), now[1], sum(now)) if known else None,
        (distance(fresh, now) if rose else 0.0) if known else None,
        distance_threshold(fresh, now, large),
    )


def _lengths(bins: NumericBins, now: Sequence[int], large: float) -> Aspect:
    before = bins.counts
    shown = zip(bins.labels(), shares(before).tolist(), shares(now).tolist(), strict=True)
    moved = what_moved([BinShare(*each) for each in shown])
    return Aspect(
        "lengths of the texts",
        p_value(before, now),
        distance(before, now),
        distance_threshold(before, now, large),
        f"number of characters {moved}" if moved else "",
    )


def _distinct(memory: Memory, rows: int, sketch: ColumnSketch, large: float) -> list[Aspect]:
    """Compares the number of distinct values with the mean number in as many reference rows.

    The distance is 1 - smaller / larger. As for shares, its threshold includes what chance adds. There is no comparison
    if there are more rows than in the reference.
    """
    values = sum(number for _, number in memory.repeats)
    all_rows = sum(times * number for times, number in memory.repeats)
    expected = expected_distinct(memory.repeats, rows)
    if not values or rows > all_rows or expected < _FEWEST_VALUES:
        return []
    found = sketch.distinct
    variance = variance_of_distinct(memory.repeats, rows)
    if not sketch.distinct_is_exact:
        variance += (_ERROR_OF_ESTIMATE * expected) ** 2
    z = abs(found - expected) / math.sqrt(max(variance, 1.0))
    about = "" if sketch.distinct_is_exact else "about "
    return [
        Aspect(
            "different values",
            math.erfc(z / math.sqrt(2)),
            1 - min(found, expected) / max(found, expected),
            math.sqrt((_TIMES_THE_DISTANCE * large) ** 2 + variance / expected**2),
            f"different values: {expected:,.0f} expected → {about}{found:,.0f}",
        )
    ]


def expected_distinct(repeats: Sequence[tuple[int, int]], rows: int) -> float:
    """The mean number of distinct values in a random sample of the rows that `repeats` describes (rarefaction).

    Args:
        repeats: pairs of a number of occurrences and how many values occur that often.
        rows: the sample's size; with more rows than `repeats` describes, all values count as found.
    """
    all_rows = sum(times * number for times, number in repeats)
    left_out = max(0.0, 1 - rows / all_rows) if all_rows else 0.0
    return sum(number * (1 - left_out**times) for times, number in repeats)


def variance_of_distinct(repeats: Sequence[tuple[int, int]], rows: int) -> float:
    """An upper bound of that number's variance: its increase when the number of independently drawn rows doubles.

    A value with t expected occurrences has the variance exp(-t) (1 - exp(-t)) under Poisson's law, which is that
    increase. Since the expectation also comes from a sample, the variance is multiplied by 1 + rows / all rows.
    """
    all_rows = sum(times * number for times, number in repeats)
    if not all_rows:
        return 0.0
    once = expected_distinct(repeats, rows)
    # Rarefaction cannot exceed the reference rows; each value found then gets the variance of a rare one.
    increase = once if 2 * rows > all_rows else expected_distinct(repeats, 2 * rows) - once
    return increase * (1 + rows / all_rows)
