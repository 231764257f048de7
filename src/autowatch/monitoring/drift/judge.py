"""Drift: whether scored rows still look like the rows that the model was trained on.

A column drifts when the difference is both significant and large: significance alone flags any difference
once there are enough rows, size alone flags noise when there are few. docs/drift.md has the reasons and
the error rates.

What moved in a column, in words.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import binomtest, chi2_contingency, false_discovery_control, fisher_exact

from autowatch.records.verdicts import AlarmKind, ColumnVerdict, DriftVerdict
from autowatch.reports.text import percent
from autowatch.tabular.bins import Bins, CategoricalBins, ColumnKind
from autowatch.tabular.cells import FeatureType
from autowatch.tabular.profile import Baseline, Profile, ProfilesDiffer

# Below this expected count the chi-square distribution is a poor approximation (Cochran's rule).
_MIN_EXPECTED = 5.0


# An empty bin would make the PSI infinite; a share of 0.0001 stands for it.
_PSI_FLOOR = 1e-4


# An alarm concerns one share alone and is not corrected over columns: it asks for more than the verdict
# does.
_ALARM_SIGNIFICANCE = 0.001


# Sums of weights such as 0.1 miss their value by a few units in the last place.
_ROUNDING = 1e-9


def distance(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The Jensen-Shannon distance in base 2 between two counts: 0 for equal shares, 1 for disjoint ones."""
    if not sum(reference) or not sum(current):
        return None
    # Of nearly equal shares scipy's sum comes out a little below 0, and its root is NaN (scipy#20083).
    return float(np.nan_to_num(jensenshannon(_shares(reference), _shares(current), base=2)))


@dataclass(frozen=True)
class ColumnRules:
    """When a difference of one column counts; distance and rises are between 0 and 1.

    `importance` is the column's weight in the verdict on all of them. One of 0 is judged and shown, and decides
    nothing.
    """

    distance: float = 0.07
    missing_rise: float = 0.03
    new_rise: float = 0.01
    out_of_range_rise: float = 0.01
    importance: float = 1.0


def p_value(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """The probability of so large a difference between two counts on the same bins by chance (None without rows).

    Pearson's chi-square test of the 2×K contingency table, which takes both sides as samples. Bins with an
    expected count below 5 are added up; where they are thin even together, an exact test of their sum stands
    beside the chi-square test of the others, and twice the smaller p-value counts (Bonferroni). Joined to a
    large bin, a new category would vanish in it. Counts that cannot be told apart, such as a constant column's,
    have 1.
    """
    if not sum(reference) or not sum(current):
        return None
    solid, thin = pool_thin_bins(np.array([reference, current], dtype=np.int64))
    if thin is None:
        return _chi_square_p_value(solid)
    # Given how many rows are in thin bins, as many of them are scored ones as of all rows (Przyborowski and
    # Wilenski). Fisher's two-sided test says nearly the same, and takes minutes for a billion rows.
    exact = float(
        binomtest(int(thin[1]), int(thin.sum()), sum(current) / (sum(reference) + sum(current))).pvalue
    )
    return min(2 * exact, 2 * _chi_square_p_value(solid), 1.0) if solid.shape[1] > 1 else exact


@dataclass(frozen=True)
class BinShare:
    """The shares of the reference and of the current rows in one bin."""

    label: str
    reference: float
    current: float


@dataclass(frozen=True)
class ColumnDrift:
    """The judgement of one column; the statistics are None where there are no rows to compute them from.

    `reason` says why a column has no verdict; it is empty where it has one. The bins stand in the order in which people
    read them, a numeric column's along the number line.
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

    @property
    def size(self) -> float:
        """How far the column lies beyond its threshold: 1 on the threshold, 0 without rows."""
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
            "moved": what_moved(self.bins),
            "bins": [
                {"label": share.label, "reference": share.reference, "current": share.current}
                for share in self.bins
            ],
        }


def drift_share(columns: Sequence[ColumnDrift]) -> float:
    """The importance of the drifted columns as a share of that of all columns (0 where none has any)."""
    everything = sum(column.importance for column in columns)
    drifted = sum(column.importance for column in columns if column.verdict == "drift")
    return drifted / everything if everything else 0.0


@dataclass(frozen=True)
class DriftRules:
    """When differences count.

    Attributes:
        min_rows: with fewer rows, scored or reference, there is no verdict.
        significance: of the test of one column, corrected over all of them.
        drift_share: the importance of the drifted columns, as a share of that of all columns, from which the rows
            drift. 0 takes any column.
        defaults: what holds for columns that `columns` does not name.
        columns: what holds for single columns, by name.
    """

    min_rows: int = 500
    significance: float = 0.001
    drift_share: float = 0.0
    defaults: ColumnRules = ColumnRules()
    columns: Mapping[str, ColumnRules] = field(default_factory=dict)

    def of(self, column: str) -> ColumnRules:
        """What holds for this column."""
        return self.columns.get(column, self.defaults)


@dataclass(frozen=True)
class Alarm:
    """A finding that needs a look whether or not anything drifts: about one column, or (None) about the day."""

    column: str | None
    kind: AlarmKind
    message: str

    def to_json(self) -> dict[str, Any]:
        """The alarm's part of `drift.json`."""
        return {"column": self.column, "kind": self.kind, "message": self.message}


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
        """The columns with importance that drift, worst first; of the others `columns` alone tells."""
        return tuple(
            column for column in worst_first(self.columns) if column.verdict == "drift" and column.importance
        )

    @property
    def drift_share(self) -> float:
        """The importance of the drifted columns as a share of that of all columns (0 where none has any)."""
        return drift_share(self.columns)


def judge(baseline: Baseline, current: Profile, rules: DriftRules) -> DriftReport:
    """Compares `current` with `baseline`, column by column in the baseline's order.

    Raises:
        ProfilesDiffer: `current` counts on other bins than the baseline's.
    """
    counted = [_counts_of(column, current) for column in baseline.columns]
    lengths = [len(column) for column in baseline.columns]
    if current.bins != baseline.bins or lengths != list(map(len, counted)):
        raise ProfilesDiffer(
            f"The rows of run {current.run} were counted on other bins than the baseline of run {baseline.run} has. "
            "Judge them against their own run's baseline."
        )
    p_values = [
        p_value(column.counts, counts) for column, counts in zip(baseline.columns, counted, strict=True)
    ]
    adjusted = _adjust(p_values)
    columns = tuple(
        _judge_column(column, counts, p, p_adjusted, rules)
        for column, counts, p, p_adjusted in zip(baseline.columns, counted, p_values, adjusted, strict=True)
    )
    alarms = tuple(
        alarm
        for column, counts in zip(baseline.columns, counted, strict=True)
        for alarm in _alarms(
            column, counts, current.rows, rules, _alarm_significance(current.rows, baseline, rules)
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
    """The columns in the order in which a reader wants them: drifted ones first, each group by its size."""
    return sorted(columns, key=lambda column: (column.verdict != "drift", -column.size, column.name))


def pool_thin_bins(table: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """The 2×K table of counts in two parts: bins with an expected count of at least 5, and what is thinner than that.

    Empty bins go. Thin bins are added up, and if that makes at least 5 the sum is a bin like any other;
    otherwise it is the second part, one count for each row of the table.
    """
    table = table[:, table.sum(axis=0) > 0]
    share_of_smaller_row = table.sum(axis=1).min() / table.sum()
    is_thin = table.sum(axis=0) * share_of_smaller_row < _MIN_EXPECTED
    solid, pool = table[:, ~is_thin], table[:, is_thin].sum(axis=1)
    if not is_thin.any():
        return solid, None
    if pool.sum() * share_of_smaller_row >= _MIN_EXPECTED:
        return np.column_stack([pool, solid]), None
    return solid, pool


def distance_threshold(reference: Sequence[int], current: Sequence[int], large: float) -> float | None:
    """The distance from which a difference counts as large: `large` and what chance alone adds at this size.

    For two samples of n and m rows from one source, on K bins, the squared distance is (K-1)(1/n + 1/m) /
    (8 ln 2) on average (the chi-square approximation of the divergence). It adds to the square of the
    true distance.
    """
    rows, reference_rows = sum(current), sum(reference)
    if not rows or not reference_rows:
        return None
    used = sum(1 for before, now in zip(reference, current, strict=True) if before or now)
    by_chance = (used - 1) * (1 / rows + 1 / reference_rows) / (8 * np.log(2))
    return float(np.sqrt(large**2 + by_chance))


def population_stability_index(reference: Sequence[int], current: Sequence[int]) -> float | None:
    """PSI = KL(reference‖current) + KL(current‖reference) in nats, with a share of at least 0.0001 in each bin."""
    if not sum(reference) or not sum(current):
        return None
    before, now = (np.maximum(_shares(counts), _PSI_FLOOR) for counts in (reference, current))
    before, now = before / before.sum(), now / now.sum()
    return float(np.sum(rel_entr(before, now) + rel_entr(now, before)))


def _chi_square_p_value(table: np.ndarray) -> float:
    # A side whose rows are all in thin bins has none left to compare here.
    if table.shape[1] < 2 or not table.sum(axis=1).all():
        return 1.0
    return float(chi2_contingency(table, correction=False).pvalue)


def _judge_column(
    column: Bins, counts: list[int], p: float | None, p_adjusted: float | None, rules: DriftRules
) -> ColumnDrift:
    own = rules.of(column.name)
    js = distance(column.counts, counts)
    threshold = distance_threshold(column.counts, counts, own.distance)
    reference_shares, current_shares = _shares(column.counts), _shares(counts)
    labels = column.labels()
    verdict, reason = _verdict(column, counts, p_adjusted, js, threshold, rules)
    return ColumnDrift(
        name=column.name,
        kind=column.kind,
        type=column.type,
        importance=own.importance,
        verdict=verdict,
        reason=reason,
        p_value=p,
        p_adjusted=p_adjusted,
        js=js,
        js_threshold=threshold,
        psi=population_stability_index(column.counts, counts),
        missing_reference=float(reference_shares[-1]),
        missing_current=float(current_shares[-1]),
        new=_share_in(current_shares, column.new),
        out_of_range=_share_in(current_shares, column.out_of_range),
        bins=tuple(
            BinShare(labels[position], float(reference_shares[position]), float(current_shares[position]))
            for position in column.reading_order()
        ),
    )


def _verdict(
    column: Bins,
    counts: list[int],
    p_adjusted: float | None,
    js: float | None,
    threshold: float | None,
    rules: DriftRules,
) -> tuple[ColumnVerdict, str]:
    """The verdict on a column, and where there is none the reason."""
    reference_rows, rows, needed = sum(column.counts), sum(counts), max(rules.min_rows, 1)
    if reference_rows < needed:
        return "not judged", (
            f"The reference has {reference_rows:,} rows, and {needed:,} are needed; more scored rows do not change "
            "that. Train on more rows, or lower MinRows."
        )
    if rows < needed or p_adjusted is None or js is None or threshold is None:
        return "not enough data", f"{rows:,} rows came, and {needed:,} are needed."
    if p_adjusted < rules.significance and js >= threshold:
        return "drift", ""
    if _is_blind(column):
        return "not judged", (
            "Most rows of the training data have values that hardly repeat, so that other values are no sign of drift."
        )
    return "no drift", ""


def _is_blind(column: Bins) -> bool:
    """Whether most of the reference rows are in the bin of an open column where any later value counts, too."""
    return (
        isinstance(column, CategoricalBins)
        and column.open
        and column.counts[column.unknown] * 2 > sum(column.counts)
    )


def _overall(columns: Sequence[ColumnDrift], rows: int, rules: DriftRules) -> DriftVerdict:
    verdicts = {column.verdict for column in columns}
    if rows < max(rules.min_rows, 1) or verdicts <= {"not enough data", "not judged"}:
        return "not enough data"
    share = drift_share(columns)
    return "drift" if share > 0 and share >= rules.drift_share - _ROUNDING else "no drift"


def _alarm_significance(rows: int, baseline: Baseline, rules: DriftRules) -> float:
    """The significance of one alarm.

    Of few rows a single one may be a rise that is large enough, so the tests of all columns share one error rate there
    (Bonferroni). Of many rows the least rise keeps chance out.
    """
    return _ALARM_SIGNIFICANCE / (len(baseline.columns) if rows < rules.min_rows else 1)


def _alarms(
    column: Bins, counts: list[int], rows: int, rules: DriftRules, significance: float
) -> list[Alarm]:
    name, own = column.name, rules.of(column.name)
    absent = rows - sum(counts)
    alarms = []
    if absent:
        alarms.append(Alarm(name, "missing column", f"{absent} of {rows} rows came without this column."))
    missing: tuple[int, ...] = (len(column) - 1,)
    watched: list[tuple[AlarmKind, tuple[int, ...], float, str]] = [
        ("missing values", missing, own.missing_rise, "of the values are missing"),
        ("new categories", column.new, own.new_rise, "of the values were never seen in training"),
        (
            "out of range",
            column.out_of_range,
            own.out_of_range_rise,
            "of the values lie outside the training range",
        ),
    ]
    for kind, positions, rise, what in watched:
        before, now = (sum(side[position] for position in positions) for side in (column.counts, counts))
        if _rose(before, sum(column.counts), now, sum(counts), rise, significance):
            shares = (
                f"{_percent(now, sum(counts))} {what} (reference: {_percent(before, sum(column.counts))})."
            )
            alarms.append(Alarm(name, kind, shares))
    return alarms


def _rose(before: int, reference_rows: int, now: int, rows: int, rise: float, significance: float) -> bool:
    """Whether a share grew by at least `rise`, and not by chance."""
    if not reference_rows or not rows or now / rows - before / reference_rows < rise:
        return False
    # Exact, since one of the counts is often 0 and the other small.
    exact = fisher_exact([[now, rows - now], [before, reference_rows - before]], alternative="greater")
    return bool(exact.pvalue < significance)


def _counts_of(column: Bins, current: Profile) -> list[int]:
    return list(current.columns.get(column.name, (0,) * len(column)))


def _adjust(p_values: Sequence[float | None]) -> list[float | None]:
    """Benjamini and Hochberg's correction over the columns that have a p-value."""
    known = [p for p in p_values if p is not None]
    adjusted = iter(false_discovery_control(known, method="bh") if known else ())
    return [None if p is None else float(next(adjusted)) for p in p_values]


def _shares(counts: Sequence[int]) -> np.ndarray:
    return np.array(counts, dtype=float) / max(sum(counts), 1)


def _share_in(shares: np.ndarray, positions: tuple[int, ...]) -> float:
    return float(sum(shares[position] for position in positions))


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f}%"


# A change of half a percentage point or less does not explain anything to a reader.
_WORTH_TELLING = 0.005


def what_moved(bins: Sequence[BinShare], most: int = 2) -> str:
    """The bins that gained and lost most, in words: `rose: “below 1.2” 3% → 61%; fell: …`; empty where none did."""
    changes = sorted(bins, key=lambda share: share.reference - share.current)
    rose = [share for share in changes[:most] if _is_worth_telling(share.reference, share.current)]
    fell = [share for share in changes[: -most - 1 : -1] if _is_worth_telling(share.current, share.reference)]
    parts = [(word, shares) for word, shares in (("rose", rose), ("fell", fell)) if shares]
    return "; ".join(f"{word}: {', '.join(_change(share) for share in shares)}" for word, shares in parts)


def _is_worth_telling(less: float, more: float) -> bool:
    """Whether a reader sees the change: two shares that are written alike show none."""
    return more - less >= _WORTH_TELLING and percent(more) != percent(less)


def _change(share: BinShare) -> str:
    return f"“{share.label}” {percent(share.reference)} → {percent(share.current)}"
