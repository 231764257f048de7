"""Surveys a column in one pass: its type, its missing values, and its distinct values.

Also: counts how often each text occurs in a column, in bounded memory.
"""

import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from autowatch.tabular.cells import (
    MISSING,
    PLAIN_FORM,
    FeatureType,
    NumberForm,
    missing_values,
    number_forms,
    to_number,
)


@dataclass(frozen=True)
class StrayText:
    """A text in a numeric column, read as a missing value: how often it occurs, and its first line."""

    text: str
    times: int
    line: int


@dataclass(frozen=True)
class ColumnSurvey:
    """A column of the training data.

    Attributes:
        name: its name in the header.
        type: numeric if nearly every value present is a number of one form.
        missing: how many rows have no value.
        distinct: how many different values it has; estimated if not `distinct_is_exact`.
        distinct_is_exact: whether all values were counted.
        texts: how many rows each text represents; the bins are made from these counts.
        form: how a numeric column writes its numbers.
        stray: the texts among its numbers, the most frequent first.
        doubt: why a column that seems to hold numbers is read as texts; otherwise empty.
    """

    name: str
    type: FeatureType
    missing: int
    distinct: int
    distinct_is_exact: bool
    texts: Mapping[str, int]
    form: NumberForm = PLAIN_FORM
    stray: tuple[StrayText, ...] = ()
    doubt: str = ""

    @property
    def is_constant(self) -> bool:
        """Whether every row has the same value or none, so that a model can learn nothing from the column."""
        return self.distinct + (self.missing > 0) < 2


class ColumnReader:
    """Surveys a column block by block in about `max_bytes`."""

    def __init__(self, name: str, max_bytes: int) -> None:
        self._name = name
        self._counts = TextCounts(max_bytes, kept=MISSING)
        self._bounds: list[tuple[float, str]] = []
        self._first_lines: dict[str, int] = {}

    def add(self, texts: Sequence[str], lines: Sequence[int]) -> None:
        """Adds the column's fields in some rows, and the lines on which these rows begin."""
        numbers = []
        for text in self._counts.add(texts):
            try:
                numbers.append((to_number(text), text))
            except ValueError:
                if text not in MISSING and len(self._first_lines) < _MOST_LINES_KEPT:
                    self._first_lines.setdefault(text, lines[texts.index(text)])
        known = [*self._bounds, *numbers]
        self._bounds = [min(known), max(known)] if known else []

    def survey(self) -> ColumnSurvey:
        """The survey of all rows added."""
        texts = self._counts.weights()
        found = find_form(texts)
        form = found.form or PLAIN_FORM
        if found.form and not form.is_styled:
            # Texts that were not kept are included: they occur again in the second pass.
            form = (
                replace(form, missing=tuple(sorted(self._first_lines))) if self._first_lines else PLAIN_FORM
            )
            # The outer bins end at the smallest and the largest number, even if those were not kept.
            texts = dict.fromkeys((text for _, text in self._bounds), 1) | texts
        missing = missing_values(form)
        return ColumnSurvey(
            name=self._name,
            type="numeric" if found.form else "categorical",
            missing=sum(map(self._counts.times, missing)),
            distinct=self._counts.distinct(ignored=missing),
            distinct_is_exact=self._counts.is_exact,
            texts=texts,
            form=form,
            stray=self._stray(form),
            doubt=found.doubt,
        )

    def _stray(self, form: NumberForm) -> tuple[StrayText, ...]:
        stray = (
            StrayText(text, self._counts.times(text), self._first_lines.get(text, 0)) for text in form.missing
        )
        return tuple(sorted(stray, key=lambda each: (-each.times, each.text)))


_MOST_LINES_KEPT = 1_000
"""The most texts, other than plain numbers, whose first line is kept."""


@dataclass(frozen=True)
class FoundForm:
    """The form of a column's numbers; None for texts, with a doubt if these might be numbers after all."""

    form: NumberForm | None
    doubt: str = ""


_NEARLY_ALL = 0.95
"""A column is numeric if at least this share of its present values are numbers."""

_MOST_STRAY_TEXTS = 100

_FIRST_LOOK = 500
"""A form that can read none of this many most frequent texts is ruled out."""


def find_form(texts: Mapping[str, int]) -> FoundForm:
    """How a column writes its numbers, if nearly all of its values are numbers of one form.

    Plain numbers take precedence. If two other forms read the same texts as different numbers (`1,234` is 1.234 or
    1234), the column is read as texts.
    """
    present = {text: times for text, times in texts.items() if text not in MISSING}
    if not present:
        return FoundForm(None)
    total = sum(present.values())
    some = sorted(present, key=lambda text: (-present[text], text))[:_FIRST_LOOK]
    readings = {form: _read(form, present) for form in number_forms(some) if _read(form, some)}
    shares: dict[NumberForm, float] = {
        form: sum(map(present.__getitem__, read)) / total for form, read in readings.items()
    }
    fitting = [
        form
        for form, share in shares.items()
        if share >= _NEARLY_ALL and len(present) - len(readings[form]) <= _MOST_STRAY_TEXTS
    ]
    if PLAIN_FORM in fitting:
        fitting = [PLAIN_FORM]
    if not fitting:
        return FoundForm(None, _doubt(readings, present, total))
    first = fitting[0]
    if any(_differ(readings[first], readings[other]) for other in fitting[1:]):
        return FoundForm(
            None,
            "its numbers can be read in two ways: a comma or a point may begin decimals or group thousands",
        )
    stray = tuple(sorted(set(present) - set(readings[first])))
    return FoundForm(replace(first, missing=stray) if stray else first)


def _read(form: NumberForm, texts: Iterable[str]) -> dict[str, float]:
    numbers: dict[str, float] = {}
    for text in texts:
        try:
            number = form.read(text)
        except ValueError:
            continue
        if number is not None:
            numbers[text] = number
    return numbers


def _differ(first: Mapping[str, float], second: Mapping[str, float]) -> bool:
    return any(first[text] != second[text] for text in first.keys() & second.keys())


def _doubt(readings: Mapping[NumberForm, Mapping[str, float]], present: Mapping[str, int], total: int) -> str:
    """Why texts are not read as numbers although nearly all of them are numbers in some form."""
    some = {form: read for form, read in readings.items() if sum(map(present.__getitem__, read)) > 0}
    any_form = set().union(*some.values()) if some else set()
    if sum(map(present.__getitem__, any_form)) / total < _NEARLY_ALL:
        return ""
    if len(present) - len(any_form) > _MOST_STRAY_TEXTS:
        return ""
    return "its numbers are written in more than one form"


_ENTRY_BYTES = 120
"""Bytes of a dictionary entry without its text, measured on CPython 3.13 just after the dictionary has grown."""


_FREQUENT_SHARE = 0.001


_FEWEST_ROWS = 10_000
"""The share is taken of at least this number of rows: among a thousand rows, every text would be frequent."""


_HASH_BITS = 32


class TextCounts:
    """Counts texts exactly while they fit into `max_bytes`, and afterwards a fair sample of them.

    The sample is Wegman's (Flajolet, "On adaptive sampling", Computing 43, 1990): whenever the memory is full, only
    texts whose hash ends with one more zero bit are kept. The count of a kept text is exact in any order of the rows,
    and the number of different texts is estimated with a relative error of about 1.2 / sqrt(texts kept). Texts with at
    least a thousandth of the rows when the memory fills up are always kept.
    """

    def __init__(self, max_bytes: int, kept: Collection[str] = ()) -> None:
        self._max_bytes, self._kept = max_bytes, kept
        self._counts: Counter[str] = Counter()
        self._rows = self._bytes = self._zero_bits = 0

    @property
    def is_exact(self) -> bool:
        """Whether every text is counted, so that nothing is estimated."""
        return self._zero_bits == 0

    def add(self, texts: Sequence[str]) -> list[str]:
        """Counts `texts`, and returns those that occur for the first time, each once."""
        self._rows += len(texts)
        counts = Counter(texts)
        new = [text for text in counts if text not in self._counts]
        taken = new
        if not self.is_exact:
            taken = [text for text in new if self._is_sampled(text) or text in self._kept]
            for text in set(new).difference(taken):
                del counts[text]
        self._counts.update(counts)
        self._bytes += _cost(taken)
        while self._bytes > self._max_bytes and self._zero_bits < _HASH_BITS:
            self._thin_out()
        return new

    def times(self, text: str) -> int:
        """How often `text` occurred; always exact for the texts passed as `kept`."""
        return self._counts[text]

    def distinct(self, ignored: Collection[str]) -> int:
        """How many different texts occurred, without those `ignored`; estimated if not `is_exact`."""
        texts = self._counts.keys() - set(ignored)
        sampled = sum(map(self._is_sampled, texts))
        return (sampled << self._zero_bits) + len(texts) - sampled

    def weights(self) -> dict[str, int]:
        """How many rows each kept text represents: its own and, for a sampled text, those of the dropped texts."""
        if self.is_exact:
            return dict(self._counts)
        return {
            text: times << self._zero_bits
            if self._is_sampled(text) and not self._is_frequent(times)
            else times
            for text, times in self._counts.items()
        }

    def _thin_out(self) -> None:
        """Drops half of the rare texts."""
        self._zero_bits += 1
        self._counts = Counter(
            {
                text: times
                for text, times in self._counts.items()
                if self._is_frequent(times) or text in self._kept or self._is_sampled(text)
            }
        )
        self._bytes = _cost(self._counts)

    def _is_frequent(self, times: int) -> bool:
        return times >= _FREQUENT_SHARE * max(self._rows, _FEWEST_ROWS)

    def _is_sampled(self, text: str) -> bool:
        # Python's own hash differs between processes, which would change the bins.
        return not zlib.crc32(text.encode()) & ((1 << self._zero_bits) - 1)


def _cost(texts: Iterable[str]) -> int:
    return sum(sys.getsizeof(text) + _ENTRY_BYTES for text in texts)
