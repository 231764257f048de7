"""Sketches: what a profile holds of a column besides its counts, in bounded size, and which can be added up.

They name what the bins only count: the most frequent unseen values, and how far numbers are out of range. For an open
column, which has too many values for bins, they hold the lengths of its texts and estimate the number of different
ones. This module needs little, because scoring imports it.
"""

import struct
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from heapq import nsmallest

import msgspec

from autowatch.tabular.bins import Bins, NumericBins, parse_numbers
from autowatch.tabular.cells import MISSING, cut
from autowatch.tabular.seen import HASH_BITS, value_hash

MOST_UNKNOWN = 50
"""The number of unseen values in a final sketch, each with its number of rows."""

MOST_HELD = 1_000
"""The number of unseen values while rows are added up; large, so that it does not matter how the rows were divided."""

MOST_HASHES = 512
"""This many hashes give the number of different values within 4.4 % (one standard error)."""

_LONGEST_TEXT = 80

_HASH_BYTES = HASH_BITS // 8


class ColumnSketch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a column's values besides its counts.

    Attributes:
        unknown: the most frequent texts not seen in training, cut to 80 characters, and how many rows have each.
        undercount: by how many rows each of these numbers may be too low; 0 up to 50 texts.
        low, high: the smallest number below and the largest above the training range; None if there is none.
        lengths: for an open column, how many texts fall into each bin of lengths.
        hashes: for an open column, the 512 smallest hashes of its values, ascending, 4 bytes each.
    """

    unknown: dict[str, int] = {}
    undercount: int = 0
    low: float | None = None
    high: float | None = None
    lengths: tuple[int, ...] = ()
    hashes: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to report."""
        return self == EMPTY_SKETCH

    @property
    def by_frequency(self) -> list[tuple[str, int]]:
        """The unseen texts with their numbers of rows, by descending frequency."""
        return sorted(self.unknown.items(), key=lambda each: (-each[1], each[0]))

    @property
    def distinct_is_exact(self) -> bool:
        """Whether there are so few different values that they were counted."""
        return len(self.hashes) < MOST_HASHES * _HASH_BYTES

    @property
    def distinct(self) -> float:
        """The number of different values in an open column: counted, or estimated from the smallest hashes.

        The estimate is that of Bar-Yossef et al. ("Counting distinct elements in a data stream", 2002), made unbiased
        (Beyer et al., 2007): (k - 1) / the k-th smallest hash, as a share of the largest possible hash.
        """
        if self.distinct_is_exact:
            return float(len(self.hashes) // _HASH_BYTES)
        largest = int.from_bytes(self.hashes[-_HASH_BYTES:])
        return (MOST_HASHES - 1) * float(1 << HASH_BITS) / (largest + 1)


EMPTY_SKETCH = ColumnSketch()


def sketch_of(bins: Bins, texts: Mapping[str, int]) -> ColumnSketch:
    """The sketch of a column with these texts, given the number of rows of each.

    Raises:
        NotANumber: a numeric column holds a text that is neither a number nor missing.
    """
    if isinstance(bins, NumericBins):
        return sketch_of_numbers(bins, parse_numbers(bins.name, texts, bins.form).values())
    new = bins.new[0]
    unknown = {text: times for text, times in texts.items() if bins.bin_of(text) == new}
    if bins.memory is None:
        return frequent(unknown)
    present = {text: times for text, times in texts.items() if text not in MISSING}
    lengths: Counter[str] = Counter()
    for text, times in present.items():
        lengths[str(len(text))] += times
    found = frequent(unknown)
    return ColumnSketch(
        found.unknown,
        found.undercount,
        lengths=tuple(bins.memory.lengths.count(lengths)),
        hashes=smallest(map(value_hash, present)),
    )


def sketch_of_numbers(bins: NumericBins, numbers: Iterable[float]) -> ColumnSketch:
    """How far these numbers are out of range, ignoring spellings of NaN that only Python accepts."""
    present = [number for number in numbers if number == number]
    if not bins.edges or not present or bins.is_probability:
        return EMPTY_SKETCH
    low, high = min(present), max(present)
    return ColumnSketch(
        low=low if low < bins.edges[0] else None, high=high if high > bins.edges[-1] else None
    )


def needs_sketch(bins: Bins, counts: Sequence[int]) -> bool:
    """Whether these counts leave something to name. For most columns they do not, and no sketch is built."""
    if not isinstance(bins, NumericBins) and bins.memory is not None:
        return True
    return any(counts[position] for position in (*bins.new, *bins.out_of_range))


def frequent(texts: Mapping[str, int], undercount: int = 0, most: int = MOST_HELD) -> ColumnSketch:
    """The most frequent of these texts, by Misra and Gries ("Finding repeated elements", 1982).

    If there are more than `most` texts, the count of the next one is subtracted from all, which drops the rarer ones.
    Sums of such counts are too low by at most what was subtracted (Agarwal et al., "Mergeable summaries", 2012).
    """
    cut_texts = texts if max(map(len, texts), default=0) <= _LONGEST_TEXT else _cut(texts)
    if len(cut_texts) <= most:
        return ColumnSketch(dict(cut_texts), undercount)
    taken = sorted(cut_texts.values(), reverse=True)[most]
    kept = {text: times - taken for text, times in cut_texts.items() if times > taken}
    return ColumnSketch(kept, undercount + taken)


def _cut(texts: Mapping[str, int]) -> Counter[str]:
    cut_texts: Counter[str] = Counter()
    for text, times in texts.items():
        cut_texts[cut(text, _LONGEST_TEXT)] += times
    return cut_texts


def smallest(hashes: Iterable[int]) -> bytes:
    """The smallest distinct hashes, ascending, as a sketch holds them."""
    found = nsmallest(MOST_HASHES, set(hashes))
    return struct.pack(f">{len(found)}I", *found)


def add_sketches(sketches: Sequence[ColumnSketch], *, is_last: bool = True) -> ColumnSketch:
    """The sketch of all rows together.

    The result does not depend on how the rows are divided, except for the unseen texts if there are more than 1,000 or
    if final sketches are added.

    Args:
        sketches: of one column.
        is_last: false if more will be added, so that more unseen texts are kept.
    """
    unknown: Counter[str] = Counter()
    for each in sketches:
        unknown.update(each.unknown)
    found = frequent(
        unknown,
        sum(each.undercount for each in sketches),
        MOST_UNKNOWN if is_last else MOST_HELD,
    )
    lengths = [each.lengths for each in sketches if each.lengths]
    return ColumnSketch(
        dict(found.by_frequency) if is_last else found.unknown,
        found.undercount,
        low=min((each.low for each in sketches if each.low is not None), default=None),
        high=max((each.high for each in sketches if each.high is not None), default=None),
        lengths=tuple(map(sum, zip(*lengths, strict=True))),
        hashes=smallest(value for each in sketches for (value,) in struct.iter_unpack(">I", each.hashes)),
    )
