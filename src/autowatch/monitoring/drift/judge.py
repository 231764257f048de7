"""Drift: whether scored rows still look like the rows that the model was trained on.

A column drifts if the difference is both significant and large. With many rows, every difference is significant; with
few rows, noise alone is large. docs/drift.md has the reasons and the error rates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

import numpy as np
from scipy.stats import false_discovery_control

from autowatch.monitoring.drift.aspects import Aspect, expected_shares, memory_of, open_aspects, with_known
from autowatch.monitoring.drift.beyond import Beyond, beyond
from autowatch.monitoring.drift.moved import BinShare, what_moved
from autowatch.monitoring.drift.numbers import bin_ends, figures_to_json
from autowatch.monitoring.drift.statistics import (
    distance,
    distance_threshold,
    p_of_rise,
    p_value,
    population_stability_index,
    shares,
)
from autowatch.records.verdicts import AlarmKind, ColumnVerdict, DriftVerdict
from autowatch.tabular.bins import Bins, CategoricalBins, ColumnKind, NumericBins
from autowatch.tabular.cells import FeatureType
from autowatch.tabular.profile import Baseline, Profile, ProfilesDiffer
from autowatch.tabular.sketches import EMPTY_SKETCH, ColumnSketch

# An alarm concerns one share and is not corrected over the columns, so it needs stronger evidence than the verdict.
_ALARM_SIGNIFICANCE = 0.001


# The kinds of alarms whose messages name values.
_NAMED = ("new categories", "out of range")


# A column with at least this share of new values holds identifiers: the share can hardly rise further.
_HARDLY_REPEATS = 0.9


# Floating-point sums of weights such as 0.1 are slightly off.
_ROUNDING = 1e-9


Weights = Literal["equal", "model"]


@dataclass(frozen=True)
class ColumnRules:
    """When a difference of one column counts; distance and rises are between 0 and 1.

    `importance` is the column's weight in the overall verdict. A column with importance 0 is judged and shown but does
    not influence the verdict.
    """

    distance: float = 0.07
    missing_rise: float = 0.03
    new_rise: float = 0.01
    out_of_range_rise: float = 0.01
    importance: float = 1.0


@dataclass(frozen=True)
class ColumnDrift:
    """The judgement of one column; the statistics are None where there are no rows to compute them from.

    `reason` says why a column has no verdict; it is empty if there is one. The bins are in reading order, those of a
    numeric column along the number line. If a column is compared in several aspects, the statistics are those of the
    worst one. `numbers` has a numeric column's mean, median and extremes, in the form of `drift.json`.
    """

    name: str
    kind: ColumnKind
    type: FeatureType
    importance: float
    verdict: ColumnVerdict
    reason: str
    p_value: float | None
    p_adjusted: float | None
    js: float | None
    js_threshold: float | None
    psi: float | None
    missing_reference: float
    missing_current: float
    new: float
    out_of_range: float
    bins: tuple[BinShare, ...]
    beyond: Beyond
    moved: str
    aspects: tuple[Aspect, ...] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def size(self) -> float:
        """The distance as a multiple of its threshold: 1 at the threshold, 0 without rows."""
        return self.js / self.js_threshold if self.js is not None and self.js_threshold else 0.0

    def to_json(self) -> dict[str, Any]:
        """The column's part of `drift.json`."""
        return {
            "name": self.name,
            "kind": self.kind,
            "type": self.type,
            "importance": self.importance,
            "verdict": self.verdict,
            "reason": self.reason,
            "p_value": self.p_value,
            "p_adjusted": self.p_adjusted,
            "js": self.js,
            "js_threshold": self.js_threshold,
            "psi": self.psi,
            "missing": {"reference": self.missing_reference, "current": self.missing_current},
            "new": self.new,
            "out_of_range": self.out_of_range,
            "moved": self.moved,
            "bins": [share.to_json() for share in self.bins],
            **self.beyond.to_json(),
            **({"numbers": self.numbers} if self.numbers else {}),
            **({"aspects": [asdict(aspect) for aspect in self.aspects]} if self.aspects else {}),
        }


def drift_share(columns: Sequence[ColumnDrift]) -> float:
    """The drifted columns' share of the importance of all columns; 0 if no column has importance."""
    everything = sum(column.importance for column in columns)
    drifted = sum(column.importance for column in columns if column.verdict == "drift")
    return drifted / everything if everything else 0.0


@dataclass(frozen=True)
class DriftRules:
    """When differences count.

    Attributes:
        min_rows: with fewer rows, scored or reference, there is no verdict.
        significance: of the test of one column, corrected over all of them.
        drift_share: the drifted columns' minimum share of all importance for the verdict `drift`. With 0, any
            drifted column with importance is enough.
        defaults: the rules for columns that `columns` does not name.
        columns: the rules for single columns, by name.
        weights: with `model`, each column's importance is multiplied by its use in the model.
    """

    min_rows: int = 500
    significance: float = 0.001
    drift_share: float = 0.0
    defaults: ColumnRules = ColumnRules()
    columns: Mapping[str, ColumnRules] = field(default_factory=dict)
    weights: Weights = "equal"

    def of(self, column: str) -> ColumnRules:
        """The rules for this column."""
        return self.columns.get(column, self.defaults)

    def weighted_by(self, use: Mapping[str, float]) -> "DriftRules":
        """The rules with each importance multiplied by the model's use of the column, if `weights` is `model`.

        A column with the mean use keeps its importance, and a column that the model does not use gets 0.

        Args:
            use: the model's use of each column, as shares of 1.
        """
        if self.weights == "equal":
            return self
        weighted = {
            name: replace(rules := self.of(name), importance=rules.importance * share * len(use))
            for name, share in use.items()
        }
        return replace(self, columns={**self.columns, **weighted})


@dataclass(frozen=True)
class Alarm:
    """A finding that needs attention with or without drift: about one column or, with None, about the day."""

    column: str | None
    kind: AlarmKind
    message: str


@dataclass(frozen=True)
class DriftReport:
    """The judgement of some scored rows."""

    run: str
    verdict: DriftVerdict
    rows: int
    reference_rows: int
    min_rows: int
    columns: tuple[ColumnDrift, ...]
    alarms: tuple[Alarm, ...]

    @property
    def drifted(self) -> tuple[ColumnDrift, ...]:
        """The drifted columns with importance, worst first."""
        return tuple(
            column for column in worst_first(self.columns) if column.verdict == "drift" and column.importance
        )

    @property
    def drift_share(self) -> float:
        """See `drift_share`."""
        return drift_share(self.columns)


def judge(baseline: Baseline, current: Profile, rules: DriftRules) -> DriftReport:
    """Compares `current` with `baseline`, column by column in the baseline's order.

    Raises:
        ProfilesDiffer: `current` was counted on different bins.
    """
    counted = [_counts_of(column, current) for column in baseline.columns]
    lengths = [len(column) for column in baseline.columns]
    if current.bins != baseline.bins or lengths != list(map(len, counted)):
        raise ProfilesDiffer(
            f"The rows of run {current.run} were not counted on the bins of run {baseline.run}'s baseline. "
            "Judge them against their own run's baseline."
        )
    compared = [
        _compare(column, counts, current.sketches.get(column.name, EMPTY_SKETCH), rules)
        for column, counts in zip(baseline.columns, counted, strict=True)
    ]
    adjusted = iter(_adjust([each.p_value for comparisons in compared for each in comparisons]))
    compared = [
        [replace(each, p_adjusted=next(adjusted)) for each in comparisons] for comparisons in compared
    ]
    columns = tuple(
        _judge_column(column, counts, current.sketches.get(column.name, EMPTY_SKETCH), comparisons, rules)
        for column, counts, comparisons in zip(baseline.columns, counted, compared, strict=True)
    )
    alarms = tuple(
        alarm
        for column, counts, judged in zip(baseline.columns, counted, columns, strict=True)
        for alarm in _alarms(
            column,
            counts,
            judged.beyond,
            current.rows,
            rules,
            _alarm_significance(current.rows, baseline, rules),
        )
    )
    return DriftReport(
        run=baseline.run,
        verdict=_overall(columns, current.rows, rules),
        rows=current.rows,
        reference_rows=baseline.rows,
        min_rows=rules.min_rows,
        columns=columns,
        alarms=alarms,
    )


def worst_first(columns: Sequence[ColumnDrift]) -> list[ColumnDrift]:
    """The columns in reading order: drifted columns first, and by size within each group."""
    return sorted(columns, key=lambda column: (column.verdict != "drift", -column.size, column.name))


def _compare(column: Bins, counts: list[int], sketch: ColumnSketch, rules: DriftRules) -> list[Aspect]:
    """The comparisons of a column: its bins and, for an open column, its other aspects."""
    large = rules.of(column.name).distance
    before, now = with_known(column, column.counts), with_known(column, counts)
    bins = Aspect("bins", p_value(before, now), distance(before, now), distance_threshold(before, now, large))
    return [bins, *open_aspects(column, counts, sketch, large)]


def _judge_column(
    column: Bins,
    counts: list[int],
    sketch: ColumnSketch,
    compared: Sequence[Aspect],
    rules: DriftRules,
) -> ColumnDrift:
    own, labels = rules.of(column.name), column.labels()
    ends = dict(enumerate(bin_ends(column, sketch)[:-1])) if isinstance(column, NumericBins) else {}
    expected = expected_shares(column)
    current_shares = shares(counts)
    drifted = [aspect for aspect in compared if aspect.drifts(rules.significance)]
    worst = max(drifted or compared, key=lambda aspect: aspect.size)
    verdict, reason = _verdict(column, counts, bool(drifted), rules)
    before, now = with_known(column, column.counts), with_known(column, counts)
    compared_bins = [
        BinShare(
            labels[position], float(expected[position]), float(current_shares[position]), ends.get(position)
        )
        for position in column.reading_order()
    ]
    return ColumnDrift(
        name=column.name,
        kind=column.kind,
        type=column.type,
        importance=own.importance,
        verdict=verdict,
        reason=reason,
        p_value=worst.p_value,
        p_adjusted=worst.p_adjusted,
        js=worst.distance,
        js_threshold=worst.threshold,
        psi=population_stability_index(before, now),
        missing_reference=float(expected[-1]),
        missing_current=float(current_shares[-1]),
        new=_share_in(current_shares, column.new),
        out_of_range=_share_in(current_shares, column.out_of_range),
        bins=tuple(compared_bins),
        beyond=beyond(column, sketch),
        moved="; ".join(filter(None, [what_moved(compared_bins), *(aspect.moved for aspect in drifted)])),
        aspects=tuple(compared[1:]),
        numbers=figures_to_json(column, counts, sketch) if isinstance(column, NumericBins) else {},
    )


def _verdict(column: Bins, counts: list[int], drifts: bool, rules: DriftRules) -> tuple[ColumnVerdict, str]:
    """The verdict on a column, and the reason if there is none."""
    reference_rows, rows, needed = sum(column.counts), sum(counts), max(rules.min_rows, 1)
    if reference_rows < needed:
        return "not judged", (
            f"The reference has {reference_rows:,} rows, and {needed:,} are needed; more scored rows do not change "
            "that. Train on more rows, or lower MinRows."
        )
    if rows < needed:
        return "not enough data", f"{rows:,} rows were scored, and {needed:,} are needed."
    if drifts:
        return "drift", ""
    if _is_blind(column):
        return "not judged", _why_blind(column)
    return "no drift", ""


def _is_blind(column: Bins) -> bool:
    """Whether drift of an open column is undetectable: most reference rows have values without their own bin, and these
    values were not kept, or nearly all of the hold-out's values are new as well."""
    if not isinstance(column, CategoricalBins) or not column.open:
        return False
    fresh = column.memory.fresh if column.memory else (0, 0)
    if sum(fresh) and fresh[1] <= _HARDLY_REPEATS * sum(fresh):
        return False
    return column.counts[column.unknown] * 2 > sum(column.counts)


def _why_blind(column: Bins) -> str:
    if not memory_of(column):
        return (
            "Most rows of the training data have values that hardly repeat, and this model's baseline did not keep "
            "them, so new values are not a sign of drift. Train again to have the column judged."
        )
    return (
        "Nearly every row has a different value, in the training data as well, so new values are not a sign of "
        "drift. The text lengths and the number of distinct values have not moved."
    )


def _overall(columns: Sequence[ColumnDrift], rows: int, rules: DriftRules) -> DriftVerdict:
    verdicts = {column.verdict for column in columns if _decides(column, rules)}
    if rows < max(rules.min_rows, 1) or verdicts <= {"not enough data", "not judged"}:
        return "not enough data"
    share = drift_share(columns)
    return "drift" if share > 0 and share >= rules.drift_share - _ROUNDING else "no drift"


def _decides(column: ColumnDrift, rules: DriftRules) -> bool:
    """Whether the column can decide the verdict: it has importance and a threshold below 1, the largest distance."""
    return column.importance > 0 and rules.of(column.name).distance < 1


def _alarm_significance(rows: int, baseline: Baseline, rules: DriftRules) -> float:
    """The significance of one alarm.

    Among few rows a single one may be a large enough rise, so the tests of all columns share one error rate
    (Bonferroni). Among many rows, the minimum rise prevents false alarms.
    """
    return _ALARM_SIGNIFICANCE / (len(baseline.columns) if rows < rules.min_rows else 1)


def _alarms(
    column: Bins,
    counts: list[int],
    beyond: Beyond,
    rows: int,
    rules: DriftRules,
    significance: float,
) -> list[Alarm]:
    name, own = column.name, rules.of(column.name)
    absent = rows - sum(counts)
    alarms = []
    if absent:
        alarms.append(Alarm(name, "missing column", f"{absent} of {rows} rows do not have this column."))
    reference_rows, came = sum(column.counts), sum(counts)
    missing: tuple[int, ...] = (len(column) - 1,)
    new, outside = _sum_of(counts, column.new), _sum_of(counts, column.out_of_range)
    seen_before, new_before = (
        reference_rows - _sum_of(column.counts, column.new),
        _sum_of(column.counts, column.new),
    )
    memory = memory_of(column)
    if memory:
        # Some values of an open column are always new; the hold-out says how many. Missing values do not count.
        seen_before, new_before = memory.fresh
        came -= counts[-1]
    watched: list[tuple[AlarmKind, tuple[int, int], tuple[int, int], float, str]] = [
        (
            "missing values",
            (_sum_of(column.counts, missing), reference_rows),
            (counts[-1], sum(counts)),
            own.missing_rise,
            "of the values are missing",
        ),
        (
            "new categories",
            (new_before, seen_before + new_before),
            (new, came),
            own.new_rise,
            "of the values were never seen in training",
        ),
        (
            "out of range",
            (_sum_of(column.counts, column.out_of_range), reference_rows),
            (outside, sum(counts)),
            own.out_of_range_rise,
            "of the values lie outside the training range",
        ),
    ]
    for kind, before, now, rise, what in watched:
        if _share(*now) - _share(*before) >= rise and p_of_rise(*before, *now) < significance:
            shares = f"{_percent(*now)} {what} (reference: {_percent(*before)})."
            alarms.append(Alarm(name, kind, f"{shares}{beyond.sentence if kind in _NAMED else ''}"))
    return alarms


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _sum_of(counts: Sequence[int], positions: tuple[int, ...]) -> int:
    return sum(counts[position] for position in positions)


def _counts_of(column: Bins, current: Profile) -> list[int]:
    return list(current.columns.get(column.name, (0,) * len(column)))


def _adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """The p-values with the Benjamini-Hochberg correction over those that are not None."""
    known = [p for p in p_values if p is not None]
    adjusted = iter(false_discovery_control(known, method="bh") if known else ())
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _share_in(shares: np.ndarray, positions: tuple[int, ...]) -> float:
    return float(sum(shares[position] for position in positions))


def _percent(part: int, whole: int) -> str:
    return f"{100 * _share(part, whole):.1f}%"
