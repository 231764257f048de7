"""Bins: what a column's values are counted on, frozen from the training data.

Nothing here needs more than the standard library: scoring imports it.

Numbers as texts for people: short, and told apart.
"""

import math
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property, partial
from itertools import pairwise
from typing import Literal
from zlib import crc32

import msgspec

from autowatch.errors import AutowatchError
from autowatch.tabular.cells import MISSING, PLAIN_FORM, FeatureType, NumberForm, missing_values
from autowatch.tabular.seen import SeenValues, value_hash

# With ten bins at most a tenth of the rows can move about inside one of them unseen, and the noise of a
# distance, which grows with the square root of the number of bins, stays low enough to judge a thousand
# rows.
MAX_BINS = 10


MAX_VALUES = 20


MAX_REMEMBERED = 1000


# The share of rows whose value occurred once estimates the share of later rows with a value never seen
# (Good and Turing). Beyond this, NEW would say nothing about drift.
_OPEN_SHARE = 0.01


# Of values that all are rare, the most frequent ones are so by chance, and later rows hold fewer of them.
_FREQUENT_SHARE = 0.01


# More digits of an edge that is no round number tell a reader nothing; a value must be recognised.
_DIGITS_OF_AN_EDGE = 3


_DIGITS_OF_A_VALUE = 6


ColumnKind = Literal["feature", "prediction"]


class NotANumber(AutowatchError):
    """A numeric column holds a text that is neither a number nor one of the texts for a missing value."""


class NumericBins(
    msgspec.Struct, frozen=True, tag_field="type", tag="numeric", omit_defaults=True, dict=True
):
    """One bin for each atom, then below, the intervals between the edges, above, and missing.

    Attributes:
        means: the mean of the reference rows in each bin, 0 where there is none; older versions kept no means.
    """

    name: str
    kind: ColumnKind
    atoms: tuple[float, ...]
    edges: tuple[float, ...]
    form: NumberForm = PLAIN_FORM
    counts: tuple[int, ...] = ()
    means: tuple[float, ...] = ()

    @property
    def type(self) -> FeatureType:
        """How the column's texts are read."""
        return "numeric"

    @property
    def is_probability(self) -> bool:
        """Whether it is a prediction from 0 to 1, which no number is far outside of."""
        return self.kind == "prediction" and (self.edges[:1], self.edges[-1:]) == ((0.0,), (1.0,))

    @property
    def out_of_range(self) -> tuple[int, ...]:
        """The positions of the bins for numbers beyond those of the reference rows."""
        below = len(self.atoms)
        return tuple(sorted({below, below + len(self.edges)}))

    @property
    def new(self) -> tuple[int, ...]:
        """The positions of the bins for categories never seen: none."""
        return ()

    def __len__(self) -> int:
        return len(self.atoms) + len(self.edges) + 2

    def labels(self) -> tuple[str, ...]:
        """One text for people for each bin, in the order of the counts."""
        atoms = rising_texts(self.atoms, _DIGITS_OF_A_VALUE)
        edges = rising_texts(self.edges, _DIGITS_OF_AN_EDGE)
        if not edges:
            ranges = ["any number"]
        else:
            between = [f"{low} to {high}" for low, high in pairwise(edges)]
            ranges = [f"below {edges[0]}", *between, f"above {edges[-1]}"]
        return (*(f"exactly {atom}" for atom in atoms), *ranges, "missing")

    def reading_order(self) -> tuple[int, ...]:
        """The positions of the bins along the number line, atoms between their neighbours; missing is last."""
        return tuple(dict.fromkeys([*self.bin_of_stretch, *range(len(self))]))

    def ends(self) -> tuple[tuple[float | None, float | None], ...]:
        """Where each bin begins and ends, in the order of the counts; None where it has no end, and for missing."""
        outer = [None, *self.edges, None]
        return (*((atom, atom) for atom in self.atoms), *pairwise(outer), (None, None))

    def means_of(self, values: Mapping[float, int]) -> tuple[float, ...]:
        """The mean of these numbers in each bin, each so many times; 0 where there is none."""
        found: dict[int, Counter[float]] = {}
        for value, times in values.items():
            if math.isfinite(value):
                place = self.bin_of_stretch[bisect_right(self.cuts, value)]
                found.setdefault(place, Counter())[value] = times
        return tuple(_mean(found.get(place, {})) for place in range(len(self)))

    def count(self, texts: Mapping[str, int]) -> list[int]:
        """The counts on these bins of texts that occur so many times.

        Raises:
            NotANumber: a text is neither a number nor missing.
        """
        values = parse_numbers(self.name, texts, self.form)
        counts = [0] * len(self)
        counts[-1] = sum(times for text, times in texts.items() if text not in values)
        for text, value in values.items():
            # Python reads more spellings of NaN than the contract lists; none of them is a number.
            place = -1 if value != value else self.bin_of_stretch[bisect_right(self.cuts, value)]
            counts[place] += texts[text]
        return counts

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """The counts on these bins of texts that are mostly different from each other.

        Raises:
            NotANumber: a text is neither a number nor missing.
        """
        if not self.form.is_plain:
            return self.count(Counter(texts))
        try:
            values = list(map(float, texts))
        except ValueError:
            return self.count(Counter(texts))
        if math.isnan(sum(values)):
            return self.count(Counter(texts))
        counts = [0] * len(self)
        for slot, times in Counter(map(partial(bisect_right, self.cuts), values)).items():
            counts[self.bin_of_stretch[slot]] += times
        return counts

    def bin_of(self, text: str) -> int:
        """The position of the bin of a text.

        Raises:
            ValueError: it is neither a number nor missing.
        """
        value = self.form.read(text)
        return len(self) - 1 if value is None else self.bin_of_stretch[bisect_right(self.cuts, value)]

    @cached_property
    def cuts(self) -> list[float]:
        """Where the bin changes along the number line: one bisection finds any bin, an atom's included."""
        closed_last = [*self.edges[:-1], *(math.nextafter(edge, math.inf) for edge in self.edges[-1:])]
        around_atoms = [cut for atom in self.atoms for cut in (atom, math.nextafter(atom, math.inf))]
        return sorted({*closed_last, *around_atoms})

    @cached_property
    def bin_of_stretch(self) -> list[int]:
        """The bin of each stretch between two cuts; the first one lies below every cut."""
        return [self._bin(value) for value in (-math.inf, *self.cuts)]

    def _bin(self, value: float) -> int:
        if value in self.atoms:
            return self.atoms.index(value)
        interval = bisect_right(self.edges, value)
        if self.edges and value == self.edges[-1]:
            interval -= 1
        return len(self.atoms) + interval


class Memory(msgspec.Struct, frozen=True):
    """What is kept of an open column, whose values are too many to remember each.

    Attributes:
        seen: a set of the values that the model was trained on.
        lengths: the bins of the texts' lengths in characters, with the counts of all labelled rows.
        fresh: how many of the hold-out's rows have a value of that set, and how many have another: what is to be
            expected of later rows.
        repeats: how many values occur once, twice and so on in the labelled rows, as pairs of the times and the number
            of values; none where there were too many to count.
    """

    seen: SeenValues
    lengths: NumericBins
    fresh: tuple[int, int]
    repeats: tuple[tuple[int, int], ...]


class CategoricalBins(
    msgspec.Struct, frozen=True, tag_field="type", tag="categorical", omit_defaults=True, dict=True
):
    """One bin for each value, then OTHER (known, without a bin of its own), NEW (not known) and missing.

    Attributes:
        other: the known values without a bin of their own; none of an open column.
        open: whether there were too many values to remember each.
        memory: of an open column; older versions kept none, and then a value without a bin counts as known. Its
            `counts` have every value without a bin as known in any case.
    """

    name: str
    kind: ColumnKind
    values: tuple[str, ...]
    other: tuple[str, ...]
    open: bool
    counts: tuple[int, ...] = ()
    memory: Memory | None = None

    @property
    def type(self) -> FeatureType:
        """How the column's texts are read."""
        return "categorical"

    @property
    def out_of_range(self) -> tuple[int, ...]:
        """The positions of the bins for numbers beyond those of the reference rows: none."""
        return ()

    @property
    def new(self) -> tuple[int, ...]:
        """The positions of the bins for categories never seen."""
        return (len(self.values) + 1,)

    def __len__(self) -> int:
        return len(self.values) + 3

    def labels(self) -> tuple[str, ...]:
        """One text for people for each bin, in the order of the counts."""
        return (*self.values, "other known values", "never seen in training", "missing")

    def reading_order(self) -> tuple[int, ...]:
        """The positions of the bins in the order of the counts: the most frequent value first."""
        return tuple(range(len(self)))

    def count(self, texts: Mapping[str, int]) -> list[int]:
        """The counts on these bins of texts that occur so many times."""
        counts = [0] * len(self)
        for text, times in texts.items():
            counts[self.bin_of(text)] += times
        return counts

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """The counts on these bins of texts that are mostly different from each other."""
        if self.memory:
            return self.count(Counter(texts))
        counts = [0] * len(self)
        for bin_index, times in Counter(map(self._bin_of_text.get, texts)).items():
            counts[self.unknown if bin_index is None else bin_index] += times
        return counts

    def bin_of(self, text: str) -> int:
        """The position of the bin of a text."""
        position = self._bin_of_text.get(text, self.unknown)
        if position == self.unknown and self.memory and not self.memory.seen.holds(value_hash(text)):
            return self.new[0]
        return position

    @cached_property
    def _bin_of_text(self) -> dict[str, int]:
        bins = {value: position for position, value in enumerate(self.values)}
        bins |= dict.fromkeys(self.other, len(self.values))
        return bins | dict.fromkeys(MISSING, len(self) - 1)

    @property
    def unknown(self) -> int:
        """The position of the bin for values that are not known: NEW, or OTHER of an open column."""
        return len(self.values) if self.open else len(self.values) + 1


Bins = NumericBins | CategoricalBins


def numeric_bins(
    name: str,
    kind: ColumnKind,
    values: Mapping[float, int],
    max_bins: int = MAX_BINS,
    form: NumberForm = PLAIN_FORM,
    bounds: tuple[float, float] | None = None,
) -> NumericBins:
    """Bins for a numeric column, from how often each number occurs in the reference rows.

    A number with at least 1/`max_bins` of the rows is an atom with a bin of its own; the other rows are
    cut at their quantiles into intervals of about 1/`max_bins` of all rows each. The outer edges are the
    smallest and the largest number, so that below and above mean out of range; or the `bounds`, where they are
    known, as those of a probability are. Numbers that are not finite are left out.
    """
    # Adding 0.0 turns -0.0 into 0.0, so that the bins do not depend on which of the two came first.
    finite = {value + 0.0: times for value, times in values.items() if math.isfinite(value) and times > 0}
    total = sum(finite.values())
    atoms = tuple(sorted(value for value, times in finite.items() if times * max_bins >= total))
    rest = sorted((value, times) for value, times in finite.items() if times * max_bins < total)
    rest_total = sum(times for _, times in rest)
    intervals = max(1, round(rest_total * max_bins / total)) if total else 1
    outer = set(bounds) if bounds else {bound(finite) for bound in (min, max) if finite}
    inner = (edge for edge in _quantiles(rest, rest_total, intervals) if min(outer) < edge < max(outer))
    return NumericBins(name, kind, atoms, tuple(sorted(outer.union(inner))), form)


def categorical_bins(
    name: str,
    kind: ColumnKind,
    counts: Mapping[str, int],
    max_values: int = MAX_VALUES,
    remembered: int = MAX_REMEMBERED,
) -> CategoricalBins:
    """Bins for a categorical column, from how often each text occurs in the reference rows.

    Up to `max_values` values get bins of their own; up to `remembered` further ones are known as OTHER. A
    column with more of them, or where values that occurred once make up more than 1 % of the rows, is open:
    there a value never seen is nothing new, and counts as OTHER.

    Where there are more values than bins, those with at least 1 % of the rows come first, the most frequent
    foremost. Others are taken for what is left in an order that has nothing to do with their counts, and in
    an open column not at all: bins chosen for their counts would differ from later rows without any drift.
    """
    missing = MISSING
    known = {value: times for value, times in counts.items() if value not in missing and times > 0}
    by_frequency = sorted(known, key=lambda value: (-known[value], value))
    rows, more = sum(known.values()), len(known) - max_values
    once = sum(times == 1 for times in known.values())
    is_open = more > remembered or (more > 0 and once > _OPEN_SHARE * rows)
    if more > 0:
        frequent = [value for value in by_frequency if known[value] >= _FREQUENT_SHARE * rows][:max_values]
        rare = () if is_open else sorted(set(known).difference(frequent), key=_regardless_of_counts)
        own = {*frequent, *rare[: max_values - len(frequent)]}
    else:
        own = set(known)
    values = tuple(value for value in by_frequency if value in own)
    other = () if is_open else tuple(sorted(set(known) - own))
    return CategoricalBins(name, kind, values, other, is_open)


def parse_numbers(name: str, texts: Iterable[str], form: NumberForm) -> dict[str, float]:
    """The numbers that the texts of column `name` stand for, without the missing ones.

    Raises:
        NotANumber: a text is neither a number nor missing.
    """
    missing = missing_values(form)
    present = [text for text in texts if text not in missing]
    try:
        return dict(
            zip(present, map(float, map(form.plain, present) if form.is_styled else present), strict=True)
        )
    except ValueError:
        # The original message quotes the text, and a row's values stay out of messages and logs.
        raise NotANumber(
            f"Column {name!r} is numeric, but holds a text that is not a number. Reject such rows first."
        ) from None


def _mean(values: Mapping[float, int]) -> float:
    # Dividing first keeps numbers near the largest possible from adding up to infinity.
    rows = sum(values.values())
    return math.fsum(value * (times / rows) for value, times in values.items())


def _regardless_of_counts(text: str) -> tuple[int, str]:
    return crc32(text.encode("utf-8", "surrogatepass")), text


def _quantiles(ascending: list[tuple[float, int]], rows: int, parts: int) -> list[float]:
    """The first number of every part but the first, for parts as equal in rows as ties allow."""
    cuts, below, part = [], 0, 1
    for value, times in ascending:
        while part < parts and below * parts >= part * rows:
            cuts.append(value)
            part += 1
        below += times
    return cuts


_MOST_DIGITS = 17


_DIGITS_OF_A_ROUND_NUMBER = 5


_LARGEST_WRITTEN_OUT = 1e15


def rising_texts(numbers: Sequence[float], fewest_digits: int) -> list[str]:
    """Rising numbers as texts with at least so many significant digits, as short as they can be and still rise."""
    for digits in range(fewest_digits, _MOST_DIGITS):
        texts = [_number_text(number, digits) for number in numbers]
        if all(float(before) < float(after) for before, after in pairwise(texts)):
            return texts
    return [_number_text(number, _MOST_DIGITS) for number in numbers]


def _number_text(number: float, digits: int) -> str:
    """The number with so many significant digits, and with all that it has if these are few or before the point."""
    exact = f"{number:.{_DIGITS_OF_A_ROUND_NUMBER}g}"
    if float(exact) == number and "e+" not in exact:
        return exact
    rounded = f"{number:.{max(digits, _whole_digits(number))}g}"
    # What is rounded up to a power of ten has a digit more, for want of which it would have an exponent.
    return f"{float(rounded):.{max(digits, _whole_digits(float(rounded)))}g}"


def _whole_digits(number: float) -> int:
    """How many digits stand before the point; 0 of numbers that are too large to be written out."""
    return len(str(int(abs(number)))) if abs(number) < _LARGEST_WRITTEN_OUT else 0
