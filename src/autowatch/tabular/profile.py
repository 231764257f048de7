"""Profiles: exact counts of a table's values on the bins of a baseline.

Two profiles on the same bins add up to the profile of both tables together. So scoring writes one for each file, and
monitoring only adds them. This module needs only the standard library, because scoring imports it.

Also: adding up many profiles of one run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import add as add_integers

import msgspec

from autowatch.errors import AutowatchError
from autowatch.tabular.bins import (
    Bins,
    CategoricalBins,
    ColumnKind,
    categorical_bins,
    numeric_bins,
    parse_numbers,
)
from autowatch.tabular.cells import PLAIN_FORM, FeatureType, NumberForm
from autowatch.tabular.sketches import EMPTY_SKETCH, ColumnSketch, add_sketches, needs_sketch, sketch_of

PROFILE_VERSION = 1


_PENDING_TEXTS = 4096


_SAMPLE_TEXTS = 200


class ProfilesDiffer(AutowatchError):
    """Two profiles count on different bins, so they cannot be added up or compared."""


class UnequalColumns(AutowatchError):
    """The columns of one batch have different numbers of values."""


@dataclass(frozen=True)
class Baseline:
    """What `models/<run>/baseline.json` holds: the reference for comparison with scored rows.

    Attributes:
        bins: identifies the set of bins: the start of a SHA-256 of everything except the counts.
        columns: each with the number of reference rows in its bins.

    Raises:
        ProfilesDiffer: another version of Autowatch wrote it, with bins of a different meaning.
    """

    profile_version: int = field(default=PROFILE_VERSION, kw_only=True)
    run: str
    bins: str = field(default="", init=False)
    rows: int
    columns: tuple[Bins, ...]

    def __post_init__(self) -> None:
        digest = _digest(self.columns)
        if self.profile_version != PROFILE_VERSION or self.bins not in ("", digest):
            raise ProfilesDiffer(
                f"The baseline of run {self.run} was not written by this version of Autowatch. "
                "Train again to make a new one."
            )
        object.__setattr__(self, "bins", digest)


def _digest(columns: Iterable[Bins]) -> str:
    description = []
    for column in columns:
        described = msgspec.to_builtins(column)
        for measured in ("counts", "means"):
            described.pop(measured, None)
        if isinstance(column, CategoricalBins) and column.memory:
            lengths = column.memory.lengths
            described["memory"] = [column.memory.seen.digest, lengths.atoms, lengths.edges]
        description.append(described)
    text = json.dumps(
        {"profile_version": PROFILE_VERSION, "columns": description}, sort_keys=True, allow_nan=False
    )
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Profile:
    """What a `.profile.json` holds: how many rows fall into each bin of each column.

    A column's counts add up to `rows`, or to less if some rows came without that column. Most columns have no sketch,
    because their bins say everything.
    """

    profile_version: int = field(default=PROFILE_VERSION, kw_only=True)
    run: str
    bins: str
    rows: int
    columns: dict[str, tuple[int, ...]]
    sketches: dict[str, ColumnSketch] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if max(map(sum, self.columns.values()), default=0) > self.rows:
            raise ValueError("a column's counts add up to more than the rows")


@dataclass(frozen=True)
class CsvProfile:
    """The profile of the rows of a CSV file that scoring would accept, and the number of other rows."""

    profile: Profile
    rows_in: int
    rows_rejected: int


class ProfileBuilder:
    """Counts batches of rows on the bins of a baseline.

    Equal texts are counted before any of them is parsed, which takes tens of nanoseconds per value if values repeat. A
    column whose values rarely repeat is parsed value by value.
    """

    def __init__(self, baseline: Baseline) -> None:
        self._baseline = baseline
        self._columns = [_ColumnCounter(column) for column in baseline.columns]
        self._rows = 0

    def add(self, columns: Mapping[str, Sequence[str]]) -> None:
        """Counts one batch.

        Args:
            columns: by column name, the unparsed field of each row, in the same order for all columns. Columns that the
                baseline lacks are ignored.

        Raises:
            UnequalColumns: the columns have different lengths.
            NotANumber: a numeric column holds a text that is not a number; `build` may be the first to raise it.
        """
        self._rows += _length(columns)
        for column in self._columns:
            texts = columns.get(column.bins.name)
            if texts is not None:
                column.add(texts)

    def build(self) -> Profile:
        """The profile of all batches so far; more may follow.

        Raises:
            NotANumber: a numeric column holds a text that is not a number.
        """
        columns = {column.bins.name: tuple(column.counts()) for column in self._columns if column.present}
        sketches = {
            column.bins.name: add_sketches([column.sketch])
            for column in self._columns
            if not column.sketch.is_empty
        }
        return Profile(self._baseline.run, self._baseline.bins, self._rows, columns, sketches)


class _ColumnCounter:
    """One column's counts and sketch, and texts that are counted but not yet assigned to bins."""

    def __init__(self, bins: Bins) -> None:
        self.bins = bins
        self.present = False
        self.sketch = EMPTY_SKETCH
        self._counts = [0] * len(bins)
        self._pending: Counter[str] = Counter()

    def add(self, texts: Sequence[str]) -> None:
        self.present = True
        sample = texts[:_SAMPLE_TEXTS]
        if 2 * len(set(sample)) > len(sample):
            counts = self.bins.count_each(texts)
            self._put(counts, Counter(texts) if needs_sketch(self.bins, counts) else {})
            return
        self._pending.update(texts)
        if len(self._pending) > _PENDING_TEXTS:
            self._settle()

    def counts(self) -> list[int]:
        self._settle()
        return self._counts

    def _settle(self) -> None:
        self._put(self.bins.count(self._pending), self._pending)
        self._pending = Counter()

    def _put(self, counts: list[int], texts: Mapping[str, int]) -> None:
        self._counts = list(map(add_integers, self._counts, counts))
        if texts and needs_sketch(self.bins, counts):
            self.sketch = add_sketches([self.sketch, sketch_of(self.bins, texts)], is_last=False)


def _length(columns: Mapping[str, Sequence[str]]) -> int:
    lengths = {len(texts) for texts in columns.values()}
    if len(lengths) > 1:
        raise UnequalColumns(
            f"The columns of one batch have between {min(lengths)} and {max(lengths)} values."
        )
    return max(lengths, default=0)


def baseline_column(
    name: str,
    kind: ColumnKind,
    feature_type: FeatureType,
    texts: Mapping[str, int],
    form: NumberForm = PLAIN_FORM,
    bounds: tuple[float, float] | None = None,
) -> Bins:
    """A column's bins with their counts, from the frequency of each text in the reference rows, including missing ones.

    Args:
        bounds: the known limits of a numeric column's values, if any.

    Raises:
        NotANumber: a numeric column holds a text that is not a number.
    """
    if feature_type == "numeric":
        values = _value_counts(name, texts, form)
        numbers = numeric_bins(name, kind, values, form=form, bounds=bounds)
        return msgspec.structs.replace(
            numbers, counts=tuple(numbers.count(texts)), means=numbers.means_of(values)
        )
    categories = categorical_bins(name, kind, texts)
    return msgspec.structs.replace(categories, counts=tuple(categories.count(texts)))


PROBABILITY_BOUNDS = (0.0, 1.0)


def with_predictions(baseline: Baseline, columns: Sequence[Bins]) -> Baseline:
    """The baseline with the columns of the predictions after its features, replacing earlier ones."""
    features = (column for column in baseline.columns if column.kind != "prediction")
    return replace(baseline, columns=(*features, *columns))


def add(first: Profile, second: Profile) -> Profile:
    """The profile of both tables together.

    Raises:
        ProfilesDiffer: the profiles count on different bins.
    """
    return total((first, second))


def total(profiles: Iterable[Profile], *, is_last: bool = True) -> Profile:
    """The sum of all profiles.

    Args:
        profiles: at least one.
        is_last: false if more will be added, so that sketches still keep more.

    Raises:
        ProfilesDiffer: the profiles count on different bins.
        ValueError: there is no profile, so the bins are unknown.
    """
    remaining = iter(profiles)
    first = next(remaining, None)
    if first is None:
        raise ValueError("the total of no profiles has no bins")
    return _total_of(first, remaining, is_last)


def _total_of(first: Profile, remaining: Iterator[Profile], is_last: bool) -> Profile:
    rows, columns = first.rows, {name: list(counts) for name, counts in first.columns.items()}
    sketches = {name: [sketch] for name, sketch in first.sketches.items()}
    for profile in remaining:
        if profile.bins != first.bins:
            raise ProfilesDiffer(
                f"A profile of run {profile.run} and one of run {first.run} count on different bins. "
                "Add up the profiles of one run only."
            )
        rows += profile.rows
        for name, counts in profile.columns.items():
            sums = columns.get(name)
            columns[name] = list(counts) if sums is None else list(map(add_integers, sums, counts))
        for name, sketch in profile.sketches.items():
            sketches.setdefault(name, []).append(sketch)
    return Profile(
        first.run,
        first.bins,
        rows,
        {name: tuple(counts) for name, counts in columns.items()},
        {name: add_sketches(many, is_last=is_last) for name, many in sketches.items()},
    )


def _value_counts(name: str, texts: Mapping[str, int], form: NumberForm) -> Counter[float]:
    values: Counter[float] = Counter()
    for text, value in parse_numbers(name, texts, form).items():
        values[value] += texts[text]
    return values


# Adding up pending counts in bulk takes half the time of adding each on arrival.
_MOST_WAITING = 64


class ProfileSum:
    """The sum of the profiles added so far, without keeping them."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._bins: str | None = None
        self._rows = 0
        self._waiting = 0
        self._columns: dict[str, list[Sequence[int]]] = {}
        self._lengths: dict[str, int] = {}
        self._sketches: dict[str, list[ColumnSketch]] = {}

    def add(self, profile: Profile) -> None:
        """Adds a profile.

        Raises:
            ProfilesDiffer: it counts on other bins than the earlier ones.
        """
        lengths = dict(zip(profile.columns, map(len, profile.columns.values()), strict=True))
        if self._bins not in (None, profile.bins) or self._differ(lengths):
            raise ProfilesDiffer(
                f"Two profiles of run {self._run} count on different bins. Remove the manifest of the odd one, and "
                "upload its input file again."
            )
        self._bins = profile.bins
        self._lengths |= lengths
        self._rows += profile.rows
        for name, counts in profile.columns.items():
            self._columns.setdefault(name, []).append(counts)
        for name, sketch in profile.sketches.items():
            self._sketches.setdefault(name, []).append(sketch)
        self._waiting += 1
        if self._waiting == _MOST_WAITING:
            self._add_up()

    def _differ(self, lengths: dict[str, int]) -> bool:
        return lengths != self._lengths and lengths | self._lengths != self._lengths | lengths

    def build(self, *, is_last: bool = True) -> Profile:
        """The profile of all rows so far; at least one profile must have been added.

        Args:
            is_last: false if the result will be added to others, so that its sketches keep more.
        """
        self._add_up()
        columns = {name: tuple(sums) for name, (sums,) in self._columns.items()}
        sketches = {name: add_sketches(sums, is_last=is_last) for name, sums in self._sketches.items()}
        return Profile(self._run, self._bins or "", self._rows, columns, sketches)

    def _add_up(self) -> None:
        self._waiting = 0
        for name, many in self._columns.items():
            self._columns[name] = [list(map(sum, zip(*many, strict=True)))]
        for name, sketches in self._sketches.items():
            self._sketches[name] = [add_sketches(sketches, is_last=False)]
