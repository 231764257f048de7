"""How many texts of an Arrow column fall into each bin, and which of them are not numbers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import add
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.bins import Bins, CategoricalBins, NumericBins
from autowatch.tabular.cells import LARGEST_NUMBER, MISSING, PLAIN_NUMBER

# So many different texts are looked up one by one; more of them are sooner read all at once.
_FEW_TEXTS = 400
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class ColumnCounts:
    """The counts on a column's bins, and the texts that are left out since they are neither numbers nor missing."""

    counts: list[int]
    faulty: list[str]


class ColumnCounter:
    """Counts the texts of one column, many at a time. It remembers the bins of texts that it has met."""

    def __init__(self, bins: Bins) -> None:
        self.bins = bins
        self._bin_of: dict[str, int | None] = {}

    def count(self, column: Column) -> ColumnCounts:
        """The counts of some rows."""
        found = column.value_counts()
        texts, times = found.field(0), found.field(1)
        if len(texts) <= _FEW_TEXTS:
            return self._look_up(zip(texts.to_pylist(), times.to_pylist(), strict=True))
        if isinstance(self.bins, NumericBins):
            if not self.bins.form.is_plain:
                return self._look_up(zip(texts.to_pylist(), times.to_pylist(), strict=True))
            return self._count_numbers(self.bins, texts, times)
        return self._count_categories(self.bins, texts, times)

    def _look_up(self, texts: Iterable[tuple[str, int]]) -> ColumnCounts:
        counts = [0] * len(self.bins)
        faulty = []
        if len(self._bin_of) > _MOST_REMEMBERED:
            self._bin_of.clear()
        for text, times in texts:
            try:
                position = self._bin_of[text]
            except KeyError:
                position = self._bin_of[text] = self._find(text)
            if position is None:
                faulty.append(text)
            else:
                counts[position] += times
        return ColumnCounts(counts, faulty)

    def _find(self, text: str) -> int | None:
        try:
            return self.bins.bin_of(text)
        except ValueError:
            return None

    def _count_numbers(self, bins: NumericBins, texts: Column, times: Any) -> ColumnCounts:
        """How many lie at or above each cut is counted cut by cut; what is not written plainly is looked up."""
        try:
            numbers = pc.cast(texts, pa.float64())
        except pa.ArrowInvalid:
            plain = pc.match_substring_regex(texts, PLAIN_NUMBER)
            rest = self._look_up(_pairs(texts, times, pc.invert(plain)))
            texts, times = pc.filter(texts, plain), pc.filter(times, plain)
            numbers = pc.cast(texts, pa.float64())
        else:
            rest = ColumnCounts([0] * len(bins), [])
        finite = pc.less_equal(pc.abs(numbers), LARGEST_NUMBER)
        if finite.false_count:
            more = self._look_up(_pairs(texts, times, pc.invert(finite)))
            rest = ColumnCounts(list(map(add, rest.counts, more.counts)), [*rest.faulty, *more.faulty])
            numbers, times = pc.filter(numbers, finite), pc.filter(times, finite)
        at_or_above = [_total(times), *_at_or_above(bins.cuts, numbers, times), 0]
        for position, (these, next_ones) in zip(bins.bin_of_stretch, pairwise(at_or_above), strict=True):
            rest.counts[position] += these - next_ones
        return rest

    def _count_categories(self, bins: CategoricalBins, texts: Column, times: Any) -> ColumnCounts:
        known = pa.array([*bins.values, *bins.other, *MISSING], pa.string())
        is_known = pc.is_in(texts, known)
        counted = self._look_up(_pairs(texts, times, is_known))
        counted.counts[bins.unknown] += _total(times) - sum(counted.counts)
        return counted


def _at_or_above(cuts: Sequence[float], numbers: Any, times: Any) -> Iterator[int]:
    """For each cut how many numbers lie at or above it."""
    alone = _total(times) == len(numbers)
    for cut in cuts:
        mask = pc.greater_equal(numbers, cut)
        yield mask.true_count if alone else _total(pc.filter(times, mask))


def _pairs(texts: Column, times: Any, mask: Any) -> Iterable[tuple[str, int]]:
    return zip(pc.filter(texts, mask).to_pylist(), pc.filter(times, mask).to_pylist(), strict=True)


def _total(times: Any) -> int:
    return pc.sum(times).as_py() or 0
