"""What a profile holds of a column beside the counts on its bins, in bounded size: sketches that add up.

They name what the bins only count: the most frequent values never seen in training, and how far numbers lie out of
range. Of an open column, whose values are too many for bins, they hold the lengths of the texts and how many different
ones there are. Scoring imports it, so that nothing here needs much.
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
"""So many values never seen are kept in the end, each with the number of its rows."""

MOST_HELD = 1_000
"""So many are held while rows are added up, so that it does not matter how these were divided."""

MOST_HASHES = 512
"""Of so many hashes the number of different values is known within 4.4 % (one standard error)."""

_LONGEST_TEXT = 80

_HASH_BYTES = HASH_BITS // 8


class ColumnSketch(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is known of a column's values beside the counts on its bins.

    Attributes:
        unknown: the most frequent texts never seen in training, cut at 80 characters, and how many rows have each.
        undercount: by how many rows each of these numbers may be too low; 0 while there were no more than 50 texts.
        low, high: the smallest number below and the largest above the training range; None where there is none.
        lengths: of an open column, how many texts fall into each bin of its lengths.
        hashes: of an open column, the 512 smallest hashes of its different values, rising, in 4 bytes each.
    """

    unknown: dict[str, int] = {}
    undercount: int = 0
    low: float | None = None
    high: float | None = None
    lengths: tuple[int, ...] = ()
    hashes: bytes = b""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return self == EMPTY_SKETCH

    @property
    def by_frequency(self) -> list[tuple[str, int]]:
        """The unknown texts with the numbers of their rows, the most frequent first."""
        return sorted(self.unknown.items(), key=lambda each: (-each[1], each[0]))

    @property
    def distinct_is_exact(self) -> bool:
        """Whether the different values were few enough to be counted."""
        return len(self.hashes) < MOST_HASHES * _HASH_BYTES

    @property
    def distinct(self) -> float:
        """How many different values an open column has: counted, or estimated from the smallest hashes.

        The estimate is the one of Bar-Yossef et al. ("Counting distinct elements in a data stream", 2002) without bias
        (Beyer et al., 2007): (k - 1) / the k-th smallest hash, as a share of the largest possible.
        """
        if self.distinct_is_exact:
            return float(len(self.hashes) // _HASH_BYTES)
        largest = int.from_bytes(self.hashes[-_HASH_BYTES:])
        return (MOST_HASHES - 1) * float(1 << HASH_BITS) / (largest + 1)


EMPTY_SKETCH = ColumnSketch()


def sketch_of(bins: Bins, texts: Mapping[str, int]) -> ColumnSketch:
    """The sketch of a column with these texts, each in so many rows.

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
    """How far these numbers lie out of range. Python reads more spellings of NaN than are missing; they say nothing."""
    present = [number for number in numbers if number == number]
    if not bins.edges or not present or bins.is_probability:
        return EMPTY_SKETCH
    low, high = min(present), max(present)
    return ColumnSketch(
        low=low if low < bins.edges[0] else None, high=high if high > bins.edges[-1] else None
    )


def needs_sketch(bins: Bins, counts: Sequence[int]) -> bool:
    """Whether these counts leave something to be named; for most columns they do not, and it costs nothing."""
    if not isinstance(bins, NumericBins) and bins.memory is not None:
        return True
    return any(counts[position] for position in (*bins.new, *bins.out_of_range))


def frequent(texts: Mapping[str, int], undercount: int = 0, most: int = MOST_HELD) -> ColumnSketch:
    """The most frequent of these texts, as Misra and Gries keep them ("Finding repeated elements", 1982).

    Of more than `most` texts the number of the next one is taken off each, which leaves out the rarer ones. Sums of
    such numbers are too low by no more than what was taken off (Agarwal et al., "Mergeable summaries", 2012).
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
    """The smallest of different hashes, rising, as a sketch holds them."""
    found = nsmallest(MOST_HASHES, set(hashes))
    return struct.pack(f">{len(found)}I", *found)


def add_sketches(sketches: Sequence[ColumnSketch], *, is_last: bool = True) -> ColumnSketch:
    """The sketch of all rows together.

    It comes out the same whatever the rows are divided into, but for the unknown texts where there are more than
    1,000, or where sketches are added that had been the last ones.

    Args:
        sketches: of one column.
        is_last: false where more are to be added, so that many unknown texts are held.
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
