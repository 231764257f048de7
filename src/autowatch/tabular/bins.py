"""Bins: the intervals and values on which a column is counted, frozen from the training data.

This module needs only the standard library, because scoring imports it.

Also: numbers as short, distinct texts for people.
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

# With ten bins, at most a tenth of the rows can shift unseen inside one of them, and the noise of a distance, which
# grows with the square root of the number of bins, stays low enough to judge a thousand rows.
MAX_BINS = 10


MAX_VALUES = 20


MAX_REMEMBERED = 1000


# The share of rows whose value occurred once estimates the share of later rows with an unseen value (Good and Turing).
# Beyond this limit, NEW would say nothing about drift.
_OPEN_SHARE = 0.01


# If all values are rare, the most frequent ones are so by chance, and later rows hold fewer of them.
_FREQUENT_SHARE = 0.01


# More digits of an edge that is not round tell a reader nothing; a value must be recognisable.
_DIGITS_OF_AN_EDGE = 3


_DIGITS_OF_A_VALUE = 6


ColumnKind = Literal["feature", "prediction"]


class NotANumber(AutowatchError):
    """A numeric column contains a text that is neither a number nor a missing value."""


class NumericBins(
    msgspec.Struct, frozen=True, tag_field="type", tag="numeric", omit_defaults=True, dict=True
):
    """The bins, in order: one for each atom, below, the intervals between the edges, above, and missing.

    Attributes:
        means: the mean of the reference rows in each bin, 0 if it is empty; earlier versions stored no means.
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
        """The column's type."""
        return "numeric"

    @property
    def is_probability(self) -> bool:
        """Whether it is a prediction between 0 and 1, to which no number can be an outlier."""
        return self.kind == "prediction" and (self.edges[:1], self.edges[-1:]) == ((0.0,), (1.0,))

    @property
    def out_of_range(self) -> tuple[int, ...]:
        """The positions of the bins for numbers outside the range of the reference rows."""
        below = len(self.atoms)
        return tuple(sorted({below, below + len(self.edges)}))

    @property
    def new(self) -> tuple[int, ...]:
        """The positions of the bins for unseen categories: none."""
        return ()

    def __len__(self) -> int:
        return len(self.atoms) + len(self.edges) + 2

    def labels(self) -> tuple[str, ...]:
        """One text per bin, for people, in the order of the counts."""
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
        """The lower and upper end of each bin, in the order of the counts; None for an open end, and for missing."""
        outer = [None, *self.edges, None]
        return (*((atom, atom) for atom in self.atoms), *pairwise(outer), (None, None))

    def means_of(self, values: Mapping[float, int]) -> tuple[float, ...]:
        """The mean of these numbers in each bin, weighted by their counts; 0 for an empty bin."""
        found: dict[int, Counter[float]] = {}
        for value, times in values.items():
            if math.isfinite(value):
                place = self.bin_of_stretch[bisect_right(self.cuts, value)]
                found.setdefault(place, Counter())[value] = times
        return tuple(_mean(found.get(place, {})) for place in range(len(self)))

    def count(self, texts: Mapping[str, int]) -> list[int]:
        """The counts on these bins of texts, given the number of times that each occurs.

        Raises:
            NotANumber: a text is neither a number nor a missing value.
        """
        values = parse_numbers(self.name, texts, self.form)
        counts = [0] * len(self)
        counts[-1] = sum(times for text, times in texts.items() if text not in values)
        for text, value in values.items():
            # Python accepts more spellings of NaN than the contract lists; none of them is a number.
            place = -1 if value != value else self.bin_of_stretch[bisect_right(self.cuts, value)]
            counts[place] += texts[text]
        return counts

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """The counts on these bins of texts that rarely repeat.

        Raises:
            NotANumber: a text is neither a number nor a missing value.
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
            ValueError: it is neither a number nor a missing value.
        """
        value = self.form.read(text)
        return len(self) - 1 if value is None else self.bin_of_stretch[bisect_right(self.cuts, value)]

    @cached_property
    def cuts(self) -> list[float]:
        """Where the bin changes along the number line: one bisection finds any bin, including an atom's."""
        closed_last = [*self.edges[:-1], *(math.nextafter(edge, math.inf) for edge in self.edges[-1:])]
        around_atoms = [cut for atom in self.atoms for cut in (atom, math.nextafter(atom, math.inf))]
        return sorted({*closed_last, *around_atoms})

    @cached_property
    def bin_of_stretch(self) -> list[int]:
        """The bin of each interval between two cuts; the first interval is below every cut."""
        return [self._bin(value) for value in (-math.inf, *self.cuts)]

    def _bin(self, value: float) -> int:
        if value in self.atoms:
            return self.atoms.index(value)
        interval = bisect_right(self.edges, value)
        if self.edges and value == self.edges[-1]:
            interval -= 1
        return len(self.atoms) + interval


class Memory(msgspec.Struct, frozen=True):
    """What is kept of an open column, which has too many values to store each.

    Attributes:
        seen: a set of the values that the model was trained on.
        lengths: the bins of the texts' lengths in characters, with the counts of all labelled rows.
        fresh: how many rows of the hold-out have a value in that set, and how many do not: the expectation for later
            rows.
        repeats: how many values occur once, twice and so on in the labelled rows, as pairs (times, number of values);
            empty if there were too many to count.
    """

    seen: SeenValues
    lengths: NumericBins
    fresh: tuple[int, int]
    repeats: tuple[tuple[int, int], ...]


class CategoricalBins(
    msgspec.Struct, frozen=True, tag_field="type", tag="categorical", omit_defaults=True, dict=True
):
    """One bin for each value, then OTHER (known, without its own bin), NEW (unknown) and missing.

    Attributes:
        other: the known values without their own bin; empty for an open column.
        open: whether there were too many values to store each.
        memory: of an open column. Earlier versions stored none; then a value without a bin counts as known. In
            `counts`, every value without a bin counts as known in any case.
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
        """The column's type."""
        return "categorical"

    @property
    def out_of_range(self) -> tuple[int, ...]:
        """The positions of the bins for numbers outside the range of the reference rows: none."""
        return ()

    @property
    def new(self) -> tuple[int, ...]:
        """The positions of the bins for unseen categories."""
        return (len(self.values) + 1,)

    def __len__(self) -> int:
        return len(self.values) + 3

    def labels(self) -> tuple[str, ...]:
        """One text per bin, for people, in the order of the counts."""
        return (*self.values, "other known values", "never seen in training", "missing")

    def reading_order(self) -> tuple[int, ...]:
        """The positions of the bins in the order of the counts: most frequent value first."""
        return tuple(range(len(self)))

    def count(self, texts: Mapping[str, int]) -> list[int]:
        """The counts on these bins of texts, given the number of times that each occurs."""
        counts = [0] * len(self)
        for text, times in texts.items():
            counts[self.bin_of(text)] += times
        return counts

    def count_each(self, texts: Sequence[str]) -> list[int]:
        """The counts on these bins of texts that rarely repeat."""
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
        """The position of the bin for unknown values: NEW, or OTHER in an open column."""
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
    """Bins for a numeric column, from the frequency of each number in the reference rows.

    A number with at least 1/`max_bins` of the rows is an atom with its own bin. The other rows are cut at their
    quantiles into intervals of about 1/`max_bins` of all rows each. The outer edges are the smallest and the largest
    number, so that below and above mean out of range, or the `bounds` if they are known, as for a probability. Numbers
    that are not finite are left out.
    """
    # Adding 0.0 turns -0.0 into 0.0, so that the bins do not depend on which came first.
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
    """Bins for a categorical column, from the frequency of each text in the reference rows.

    Up to `max_values` values get their own bins; up to `remembered` more are known as OTHER. A column with more values,
    or in which values that occurred once make up more than 1 % of the rows, is open: there an unseen value is not news,
    and counts as OTHER.

    If there are more values than bins, those with at least 1 % of the rows come first, by descending frequency. The
    remaining bins go to others in an order that is independent of their counts, and in an open column to none: bins
    chosen for their counts would differ from later rows without any drift.
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
    """The numbers that the texts of column `name` write, without missing values.

    Raises:
        NotANumber: a text is neither a number nor a missing value.
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
    # Dividing first prevents the sum of very large numbers from overflowing to infinity.
    rows = sum(values.values())
    return math.fsum(value * (times / rows) for value, times in values.items())


def _regardless_of_counts(text: str) -> tuple[int, str]:
    return crc32(text.encode("utf-8", "surrogatepass")), text


def _quantiles(ascending: list[tuple[float, int]], rows: int, parts: int) -> list[float]:
    """The first number of every part except the first; the parts have as equal numbers of rows as ties allow."""
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
    """Ascending numbers as the shortest texts that still ascend, with at least this many significant digits."""
    for digits in range(fewest_digits, _MOST_DIGITS):
        texts = [_number_text(number, digits) for number in numbers]
        if all(float(before) < float(after) for before, after in pairwise(texts)):
            return texts
    return [_number_text(number, _MOST_DIGITS) for number in numbers]


def _number_text(number: float, digits: int) -> str:
    """The number with this many significant digits, or with all its digits if they are fewer or before the point."""
    exact = f"{number:.{_DIGITS_OF_A_ROUND_NUMBER}g}"
    if float(exact) == number and "e+" not in exact:
        return exact
    rounded = f"{number:.{max(digits, _whole_digits(number))}g}"
    # A number that is rounded up to a power of ten has one more digit; without it, the text would have an exponent.
    return f"{float(rounded):.{max(digits, _whole_digits(float(rounded)))}g}"


def _whole_digits(number: float) -> int:
    """The number of digits before the point; 0 for numbers that are too large to write out."""
    return len(str(int(abs(number)))) if abs(number) < _LARGEST_WRITTEN_OUT else 0
