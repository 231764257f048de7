"""Counts how many texts of an Arrow column fall into each bin, and finds those that are not numbers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from typing import Any
from zlib import crc32

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.bins import Bins, CategoricalBins, Memory, NumericBins
from autowatch.tabular.cells import LARGEST_NUMBER, MISSING, PLAIN_NUMBER
from autowatch.tabular.seen import LAST_SHIFT, MIXING, PLACE_SHIFT, PLACES, SeenValues
from autowatch.tabular.sketches import (
    EMPTY_SKETCH,
    MOST_HASHES,
    MOST_HELD,
    ColumnSketch,
    add_sketches,
    frequent,
    needs_sketch,
    sketch_of,
    sketch_of_numbers,
    smallest,
)

# Up to this many distinct texts are looked up one by one; more are parsed faster all at once.
_FEW_TEXTS = 400
_MOST_REMEMBERED = 20_000


@dataclass(frozen=True)
class ColumnCounts:
    """The counts on a column's bins, its sketch, and the texts that are neither numbers nor missing.

    Such texts are not counted, and then there is no sketch: their rows must be removed first.
    """

    counts: list[int]
    faulty: list[str]
    sketch: ColumnSketch = EMPTY_SKETCH


class ColumnCounter:
    """Counts the texts of one column in batches. It remembers the bins of texts that it has seen."""

    def __init__(self, bins: Bins) -> None:
        self.bins = bins
        self._bin_of: dict[str, int | None] = {}
        self._repeats = True

    @cached_property
    def _known(self) -> Any:
        """The values of a column that is not open, and the texts for a missing value."""
        bins = self.bins
        values = () if isinstance(bins, NumericBins) else (*bins.values, *bins.other)
        return pa.array([*values, *MISSING], pa.string())

    def count(self, column: Column) -> ColumnCounts:
        """The counts and the sketch of some rows. If numbers rarely repeat, later calls do not look for equal ones."""
        if self._repeats:
            found = column.value_counts()
            texts, times = found.field(0), found.field(1)
            if isinstance(self.bins, NumericBins) and self.bins.form.is_plain:
                self._repeats = 2 * len(texts) <= len(column)
        else:
            texts, times = column, pa.repeat(1, len(column))
        if isinstance(self.bins, CategoricalBins) and self.bins.memory:
            return self._count_open(self.bins, self.bins.memory, texts, times)
        if isinstance(self.bins, CategoricalBins) and len(texts) > _FEW_TEXTS:
            return self._count_categories(self.bins, texts, times)
        if isinstance(self.bins, NumericBins) and len(texts) > _FEW_TEXTS and self.bins.form.is_plain:
            return self._count_numbers(self.bins, texts, times)
        pairs = list(zip(texts.to_pylist(), times.to_pylist(), strict=True))
        counted = self._look_up(pairs)
        if counted.faulty or not needs_sketch(self.bins, counted.counts):
            return counted
        return replace(counted, sketch=sketch_of(self.bins, dict(pairs)))

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
        """Counts, for each cut, the numbers at or above it; numbers in other forms are looked up."""
        others: list[tuple[str, int]] = []
        try:
            numbers = pc.cast(texts, pa.float64())
        except pa.ArrowInvalid:
            plain = pc.match_substring_regex(texts, PLAIN_NUMBER)
            others += _pairs(texts, times, pc.invert(plain))
            texts, times = pc.filter(texts, plain), pc.filter(times, plain)
            numbers = pc.cast(texts, pa.float64())
        finite = pc.less_equal(pc.abs(numbers), LARGEST_NUMBER)
        if finite.false_count:
            others += _pairs(texts, times, pc.invert(finite))
            numbers, times = pc.filter(numbers, finite), pc.filter(times, finite)
        rest = self._look_up(others)
        at_or_above = [_total(times), *_at_or_above(bins.cuts, numbers, times), 0]
        for position, (these, next_ones) in zip(bins.bin_of_stretch, pairwise(at_or_above), strict=True):
            rest.counts[position] += these - next_ones
        if rest.faulty or not needs_sketch(bins, rest.counts):
            return rest
        bounds = [number for number in pc.min_max(numbers).as_py().values() if number is not None]
        sketches = [sketch_of_numbers(bins, bounds), sketch_of(bins, dict(others))]
        return replace(rest, sketch=add_sketches(sketches, is_last=False))

    def _count_categories(self, bins: CategoricalBins, texts: Column, times: Any) -> ColumnCounts:
        is_known = pc.is_in(texts, self._known)
        counted = self._look_up(_pairs(texts, times, is_known))
        new = _total(times) - sum(counted.counts)
        if not new:
            return counted
        counted.counts[bins.unknown] += new
        if bins.open:
            return counted
        unknown = pc.invert(is_known)
        return replace(counted, sketch=_frequent(pc.filter(texts, unknown), pc.filter(times, unknown)))

    def _count_open(self, bins: CategoricalBins, memory: Memory, texts: Column, times: Any) -> ColumnCounts:
        """Values without a bin are looked up in the set of those seen in training."""
        missing = pc.is_in(texts, pa.array(MISSING, pa.string()))
        counts = [0] * len(bins)
        counts[-1] = _total(pc.filter(times, missing))
        if missing.true_count:
            present = pc.invert(missing)
            texts, times = pc.filter(texts, present), pc.filter(times, present)
        hashes = _hashes(texts)
        seen = pc.take(_bits(memory.seen), pc.shift_right(hashes, pa.scalar(PLACE_SHIFT, pa.uint32())))
        if bins.values:
            own = pc.index_in(texts, pa.array(bins.values, pa.string()))
            for position, several in zip(own.to_pylist(), times.to_pylist(), strict=True):
                if position is not None:
                    counts[position] += several
            seen = pc.or_(seen, pc.is_valid(own))
        new = pc.invert(seen)
        new_times = pc.filter(times, new)
        counts[bins.new[0]] = _total(new_times)
        counts[bins.unknown] = _total(times) - sum(counts[: bins.unknown]) - counts[bins.new[0]]
        sketch = msgspec.structs.replace(
            _frequent(pc.filter(texts, new), new_times),
            lengths=_count_lengths(memory.lengths, texts, times),
            hashes=_smallest(hashes),
        )
        return ColumnCounts(counts, [], sketch)


def _frequent(texts: Column, times: Any) -> ColumnSketch:
    """The most frequent of these texts, without creating Python objects of all."""
    taken = 0
    if len(texts) > MOST_HELD:
        next_one = pc.select_k_unstable(times, MOST_HELD + 1, [("", "descending")])[-1]
        taken = times[next_one.as_py()].as_py()
        more = pc.greater(times, taken)
        texts, times = pc.filter(texts, more), pc.subtract(pc.filter(times, more), taken)
    return frequent(dict(zip(texts.to_pylist(), times.to_pylist(), strict=True)), taken)


def _count_lengths(bins: NumericBins, texts: Column, times: Any) -> tuple[int, ...]:
    lengths = pc.utf8_length(texts)
    found = {
        str(length): _total(pc.filter(times, pc.equal(lengths, length)))
        for length in lengths.unique().to_pylist()
    }
    return tuple(bins.count(found))


def _hashes(texts: Column) -> Any:
    """`value_hash` of each text (Arrow, uint32)."""
    mixed = pa.array(map(crc32, texts.cast(pa.binary()).to_pylist()), pa.uint32())
    for shift, factor in MIXING:
        folded = pc.bit_wise_xor(mixed, pc.shift_right(mixed, pa.scalar(shift, pa.uint32())))
        mixed = pc.multiply(folded, pa.scalar(factor, pa.uint32()))
    return pc.bit_wise_xor(mixed, pc.shift_right(mixed, pa.scalar(LAST_SHIFT, pa.uint32())))


def _smallest(hashes: Any) -> bytes:
    if len(hashes) > MOST_HASHES:
        hashes = hashes.unique()
        hashes = pc.take(hashes, pc.select_k_unstable(hashes, MOST_HASHES, [("", "ascending")]))
    return smallest(hashes.to_pylist())


def _bits(seen: SeenValues) -> Any:
    """The set as an Arrow array of booleans, without a copy."""
    return pa.Array.from_buffers(pa.bool_(), PLACES, [None, pa.py_buffer(seen.bits)])


def _at_or_above(cuts: Sequence[float], numbers: Any, times: Any) -> Iterator[int]:
    """For each cut, how many numbers are at or above it."""
    alone = _total(times) == len(numbers)
    for cut in cuts:
        mask = pc.greater_equal(numbers, cut)
        yield mask.true_count if alone else _total(pc.filter(times, mask))


def _pairs(texts: Column, times: Any, mask: Any) -> Iterable[tuple[str, int]]:
    return zip(pc.filter(texts, mask).to_pylist(), pc.filter(times, mask).to_pylist(), strict=True)


def _total(times: Any) -> int:
    return pc.sum(times).as_py() or 0
