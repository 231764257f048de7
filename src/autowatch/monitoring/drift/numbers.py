"""Estimates of a numeric column's mean and quantiles from its bins, for the training data and for scored rows.

Only the bin counts of scored rows are known. The mean assumes that the rows of a bin have the mean of its training
rows; quantiles assume that they are spread evenly. Both are accurate as long as values inside the bins have not moved.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from autowatch.tabular.bins import NumericBins
from autowatch.tabular.sketches import ColumnSketch


@dataclass(frozen=True)
class NumberFigures:
    """Figures of a numeric column, in the column's unit; None if unknown.

    `low` and `high` are the smallest and the largest number.
    """

    mean: float | None
    median: float | None
    low: float | None
    high: float | None


End = tuple[float | None, float | None]


def bin_ends(bins: NumericBins, sketch: ColumnSketch) -> list[End]:
    """The interval in which the rows of each bin are assumed to lie, in the order of the counts; None for missing.

    Bins out of range reach to the most extreme number. The first and the last bin within range are narrowed to the mean
    of their training rows plus or minus its distance to the nearer end: with a long tail, most of such a bin is empty.
    """
    ends: list[End] = list(bins.ends())
    below, above = len(bins.atoms), len(bins) - 2
    if bins.edges:
        ends[below], ends[above] = (sketch.low, bins.edges[0]), (bins.edges[-1], sketch.high)
    for place in {below + 1, above - 1}:
        if below < place < above and bins.means and bins.counts[place]:
            ends[place] = _around(bins.means[place], *ends[place])
    return ends


def _around(mean: float, low: float | None, high: float | None) -> End:
    if low is None or high is None or not low < high:
        return low, high
    half = max(min(mean - low, high - mean), 0.0)
    return mean - half, mean + half


def figures_to_json(bins: NumericBins, counts: Sequence[int], sketch: ColumnSketch) -> dict[str, Any]:
    """The figures of the reference rows and of the rows with these counts, in the form of `drift.json`."""
    if not bins.edges:
        return {}
    ends = bin_ends(bins, sketch)
    least, most = (None, None) if bins.kind == "prediction" else (bins.edges[0], bins.edges[-1])
    reference = NumberFigures(_mean(bins, bins.counts, ends), quantile(bins.counts, ends, 0.5), least, most)
    current = NumberFigures(_mean(bins, counts, ends), quantile(counts, ends, 0.5), sketch.low, sketch.high)
    return {"reference": asdict(reference), "current": asdict(current)}


def _mean(bins: NumericBins, counts: Sequence[int], ends: Sequence[End]) -> float | None:
    rows = sum(counts[:-1])
    if not bins.means or not rows:
        return None
    total = 0.0
    for position, count in enumerate(counts[:-1]):
        if not count:
            continue
        mean = bins.means[position] if bins.counts[position] else _middle(ends[position])
        if mean is None:
            return None
        total += mean * (count / rows)
    return total


def _middle(end: End) -> float | None:
    low, high = end
    return None if low is None or high is None else low / 2 + high / 2


def quantile(counts: Sequence[int], ends: Sequence[End], share: float) -> float | None:
    """The number below which this share of the rows lies; None without rows, or if rows lie in an unbounded bin.

    Args:
        counts: of each bin, missing values last.
        ends: the interval of each bin.
        share: from 0 to 1.
    """
    pieces = [(*end, count) for end, count in zip(ends[:-1], counts[:-1], strict=True) if count]
    bounded = [(low, high, count) for low, high, count in pieces if low is not None and high is not None]
    rows = sum(count for _, _, count in pieces)
    if not bounded or len(bounded) < len(pieces):
        return None
    knots = sorted({end for low, high, _ in bounded for end in (low, high)})
    steps = list(_cumulated(bounded, knots))
    wanted = share * rows
    for (before, (_, below)), (after, (at, _)) in pairwise(zip(knots, steps, strict=True)):
        if below >= wanted:
            return before
        if at >= wanted:
            return before + (after - before) * (wanted - below) / (at - below)
    return knots[-1]


def _cumulated(
    pieces: Sequence[tuple[float, float, int]], knots: Sequence[float]
) -> Iterator[tuple[float, float]]:
    """For each knot, the number of rows below it and the number of rows at or below it."""
    for knot in knots:
        below = sum(count * _part_below(low, high, knot) for low, high, count in pieces)
        on = sum(count for low, high, count in pieces if low == high == knot)
        yield below, below + on


def _part_below(low: float, high: float, knot: float) -> float:
    if high <= knot and low < knot:
        return 1.0
    return max(0.0, (knot - low) / (high - low)) if high > low else 0.0
