"""What is compared of an open column beside its bins: values never seen, lengths, and how many different ones.

Its values are too many to have bins, so most of them are in one bin, and one value in place of another moves nothing
there. docs/drift.md has the reasons and the error rates.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autowatch.monitoring.drift.moved import BinShare, what_moved
from autowatch.monitoring.drift.statistics import distance, distance_threshold, p_of_rise, p_value, shares
from autowatch.tabular.bins import Bins, CategoricalBins, Memory, NumericBins
from autowatch.tabular.sketches import MOST_HASHES, ColumnSketch

# A number of different values counts as moved from three times the distance of a column's shares on: by a fifth.
_TIMES_THE_DISTANCE = 3

# The normal approximation needs more values than a handful.
_FEWEST_VALUES = 10

# The relative standard error of a number that was estimated from the smallest hashes (Beyer et al., 2007).
_ERROR_OF_ESTIMATE = 1 / math.sqrt(MOST_HASHES - 2)


@dataclass(frozen=True)
class Aspect:
    """One comparison of a column with the reference; its statistics are None where there is nothing to compare.

    Attributes:
        what: which one it is.
        p_value: how probable so large a difference is by chance.
        distance: how large it is, from 0 to 1.
        threshold: from which distance on it counts as large.
        moved: the difference in words; empty where the column's bins say it.
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
        """How far the difference lies beyond its threshold: 1 on the threshold, 0 without rows."""
        return self.distance / self.threshold if self.distance is not None and self.threshold else 0.0

    def drifts(self, significance: float) -> bool:
        """Whether the difference is both significant and large."""
        return self.p_adjusted is not None and self.p_adjusted < significance and self.size >= 1


def memory_of(column: Bins) -> Memory | None:
    """What is remembered of an open column; None of others, and where an older version kept nothing."""
    return column.memory if isinstance(column, CategoricalBins) else None


def with_known(column: Bins, counts: Sequence[int]) -> list[int]:
    """The counts on the bins of an open column with new values among the known ones, as in the reference."""
    merged = list(counts)
    if isinstance(column, CategoricalBins) and column.memory:
        (new,) = column.new
        merged[column.unknown] += merged[new]
        merged[new] = 0
    return merged


def expected_shares(column: Bins) -> np.ndarray:
    """The share of later rows that is to be expected in each bin: the reference's, and of new values the hold-out's."""
    expected = shares(column.counts)
    memory = memory_of(column)
    if isinstance(column, CategoricalBins) and memory and sum(memory.fresh):
        new = (1 - expected[-1]) * memory.fresh[1] / sum(memory.fresh)
        expected[column.new[0]] = min(new, expected[column.unknown])
        expected[column.unknown] -= expected[column.new[0]]
    return expected


def open_aspects(column: Bins, counts: Sequence[int], sketch: ColumnSketch, large: float) -> list[Aspect]:
    """What is compared of an open column beside its bins; nothing of other columns, and without anything remembered.

    Args:
        column: the column.
        counts: of the scored rows on its bins.
        sketch: of the scored rows.
        large: the distance from which a difference of many rows counts as large.
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
    """Values that the model was not trained on: more of them than among the hold-out's rows."""
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
    """How many different values the rows have, beside how many so many rows of the reference have on average.

    The distance is what the smaller number lacks of the larger. Its threshold holds what chance adds, as that of shares
    does. Nothing is said of more rows than the reference has.
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
    """How many different values so many rows have on average, drawn from those that `repeats` describes (rarefaction).

    Args:
        repeats: how many values occur so many times, as pairs of the times and the number of values.
        rows: at most as many as these are together; beyond them all values are taken for found.
    """
    all_rows = sum(times * number for times, number in repeats)
    left_out = max(0.0, 1 - rows / all_rows) if all_rows else 0.0
    return sum(number * (1 - left_out**times) for times, number in repeats)


def variance_of_distinct(repeats: Sequence[tuple[int, int]], rows: int) -> float:
    """By how much that number varies: for rows drawn independently the increase to twice the rows, at most.

    (With a value's expected times t, Poisson's law gives a variance of exp(-t) (1 - exp(-t)), which is that increase.)
    The expectation, too, comes from a sample: a share of rows / all rows of the variance is added for it.
    """
    all_rows = sum(times * number for times, number in repeats)
    if not all_rows:
        return 0.0
    once = expected_distinct(repeats, rows)
    # Beyond the reference rows rarefaction stops, and each value found is taken to vary as one that is rare.
    increase = once if 2 * rows > all_rows else expected_distinct(repeats, 2 * rows) - once
    return increase * (1 + rows / all_rows)
