"""What a profile holds of a column beside the counts on its bins, in bounded size: sketches that add up.

They name what the bins only count: the most frequent values never seen in training, and how far numbers lie out of
range. Of an open column, whose values are too many for bins, they hold the lengths of the texts and how many different
ones there are. Nothing here needs more than the standard library: scoring imports it.
"""

from array import array
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from sys import byteorder
from typing import Any

from autowatch.tabular.bins import Bins, NumericBins, parse_numbers
from autowatch.tabular.cells import MISSING
from autowatch.tabular.seen import HASH_BITS, value_hash

MOST_UNKNOWN = 50
"""So many values never seen are kept in the end, each with the number of its rows."""

MOST_HELD = 10_000
"""So many are held while rows are added up, so that it does not matter how these were divided."""

MOST_HASHES = 512
"""Of so many hashes the number of different values is known within 4.4 % (one standard error)."""

_LONGEST_TEXT = 80


@dataclass(frozen=True)
class ColumnSketch:
    """What is known of a column's values beside the counts on its bins.

    Attributes:
        unknown: the most frequent texts never seen in training, cut at 80 characters, and how many rows have each.
        undercount: by how many rows each of these numbers may be too low; 0 while there were no more than 50 texts.
        low, high: the smallest number below and the largest above the training range; None where there is none.
        lengths: of an open column, how many texts fall into each bin of its lengths.
        hashes: of an open column, the 512 smallest hashes of its different values, rising.
    """

    unknown: Mapping[str, int] = field(default_factory=dict)
    undercount: int = 0
    low: float | None = None
    high: float | None = None
    lengths: tuple[int, ...] = ()
    hashes: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to say."""
        return self == EMPTY_SKETCH

    @property
    def by_frequency(self) -> list[tuple[str, int]]:
        """The unknown texts with the numbers of their rows, the most frequent first."""
        return sorted(self.unknown.items(), key=lambda each: (-each[1], each[0]))

    @property
    def distinct(self) -> float:
        """How many different values an open column has: counted, or estimated from the smallest hashes.

        The estimate is the one of Bar-Yossef et al. ("Counting distinct elements in a data stream", 2002) without bias
        (Beyer et al., 2007): (k - 1) / the k-th smallest hash, as a share of the largest possible.
        """
        if len(self.hashes) < MOST_HASHES:
            return float(len(self.hashes))
        return (MOST_HASHES - 1) * float(1 << HASH_BITS) / (self.hashes[-1] + 1)

    def to_json(self) -> dict[str, Any]:
        """The column's part of `sketches` in a profile, without what is empty."""
        document = {
            "unknown": [list(each) for each in self.by_frequency],
            "undercount": self.undercount or None,
            "low": self.low,
            "high": self.high,
            "lengths": list(self.lengths),
            "hashes": _to_text(self.hashes),
        }
        return {name: value for name, value in document.items() if value not in ([], "", None)}

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> "ColumnSketch":
        """The inverse of `to_json`."""
        return cls(
            unknown=dict(document.get("unknown", ())),
            undercount=document.get("undercount", 0),
            low=document.get("low"),
            high=document.get("high"),
            lengths=tuple(document.get("lengths", ())),
            hashes=_from_text(document.get("hashes", "")),
        )


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
    if not bins.edges or not present or bins.kind == "prediction":
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
    cut_texts: Counter[str] = Counter()
    for text, times in texts.items():
        cut_texts[text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"] += times
    if len(cut_texts) <= most:
        return ColumnSketch(dict(cut_texts), undercount)
    taken = sorted(cut_texts.values(), reverse=True)[most]
    kept = {text: times - taken for text, times in cut_texts.items() if times > taken}
    return ColumnSketch(kept, undercount + taken)


def smallest(hashes: Iterable[int]) -> tuple[int, ...]:
    """The smallest of different hashes, rising."""
    return tuple(nsmallest(MOST_HASHES, set(hashes)))


def add_sketches(sketches: Sequence[ColumnSketch], *, is_last: bool = True) -> ColumnSketch:
    """The sketch of all rows together.

    It comes out the same whatever the rows are divided into, but for the unknown texts where there are more than
    10,000, or where sketches are added that had been the last ones.

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
        found.unknown,
        found.undercount,
        low=min((each.low for each in sketches if each.low is not None), default=None),
        high=max((each.high for each in sketches if each.high is not None), default=None),
        lengths=tuple(map(sum, zip(*lengths, strict=True))),
        hashes=smallest(value for each in sketches for value in each.hashes),
    )


def _to_text(hashes: Sequence[int]) -> str:
    """The hashes as JSON holds them: 4 bytes each, the lowest first, in base 64."""
    words = array("I", hashes)
    if byteorder == "big":
        words.byteswap()
    return b64encode(words.tobytes()).decode()


def _from_text(text: str) -> tuple[int, ...]:
    words = array("I", b64decode(text, validate=True))
    if byteorder == "big":
        words.byteswap()
    return tuple(words)
