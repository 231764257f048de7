"""Draws batches from the populations and judges them: the statistics that every rule is tried on."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from autowatch.drift import DriftReport, DriftRules, judge
from autowatch.profile import Baseline, Profile
from benchmarks.drift_populations import clean_populations, drifted_populations, sample_baseline, shares_of

ROWS = (200, 500, 1_000, 2_000, 5_000, 10_000, 100_000)
REFERENCES = 30
# Four months of thirty days against each reference.
BATCHES = 120
MONTH = 30

_JUDGED = DriftRules(min_rows=0)


@dataclass(frozen=True)
class Rule:
    """A rule to try: how small the adjusted p-value must be, how large the distance, and whether chance is added."""

    significance: float = _JUDGED.significance
    distance: float = _JUDGED.defaults.distance
    size_term: bool = True

    def __str__(self) -> str:
        return f"p < {self.significance:g}, {self.distance:g}{' + chance' if self.size_term else ''}"


@dataclass(frozen=True)
class Statistics:
    """What the judgement of some batches came to: arrays of batches × columns, batches of one reference in a row.

    Attributes:
        p: p-values before the correction over columns.
        js: distances.
        by_chance: what chance alone adds to the squared distance on average.
        alarm: whether the column has an alarm.
    """

    p: np.ndarray
    js: np.ndarray
    by_chance: np.ndarray
    alarm: np.ndarray

    def with_column(self, position: int, other: "Statistics") -> "Statistics":
        """The same batches with the one column that `other` has in place of theirs."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Statistics(*(replaced(mine, position, theirs) for mine, theirs in pairs))

    def in_tables_of(self, columns: int) -> "Statistics":
        """The same columns dealt out to tables of another width; what does not fill a table is left out."""
        whole = self.p.size // columns * columns
        return Statistics(*(array.reshape(-1)[:whole].reshape(-1, columns) for array in vars(self).values()))

    def drifted(self, rule: Rule) -> np.ndarray:
        """Which columns the rule calls drifted."""
        adjusted = false_discovery_control(self.p, axis=1)
        threshold = np.sqrt(rule.distance**2 + rule.size_term * self.by_chance)
        return (adjusted < rule.significance) & (self.js >= threshold)


@dataclass(frozen=True)
class Simulation:
    """The batches of one number of rows: clean ones, and for each designed drift its name, column and batches."""

    clean: Statistics
    drifts: dict[str, tuple[int, Statistics]]


def simulate(seed: int) -> dict[int, Simulation]:
    """REFERENCES × BATCHES batches of each number of rows, clean and with each drift."""
    random = np.random.default_rng(seed)
    clean = clean_populations(random)
    drifted = drifted_populations(random, clean)
    names = list(clean)
    clean_rows: dict[int, list[Statistics]] = {rows: [] for rows in ROWS}
    drift_rows: dict[tuple[int, str], list[Statistics]] = {
        (rows, name): [] for rows in ROWS for name in drifted
    }
    for _ in range(REFERENCES):
        baseline = sample_baseline(random, clean)
        shares = {name: shares_of(baseline.columns[names.index(name)], clean[name]) for name in names}
        alone = {}
        for name, (column, population) in drifted.items():
            reference = baseline.columns[names.index(column)]
            one_column = Baseline(baseline.run, baseline.rows, (reference,))
            alone[name] = one_column, {column: shares_of(reference, population)}
        for rows in ROWS:
            clean_rows[rows].append(batches(random, baseline, shares, rows))
            for name, (one_column, moved) in alone.items():
                drift_rows[rows, name].append(batches(random, one_column, moved, rows))
    return {
        rows: Simulation(
            joined(clean_rows[rows]),
            {
                name: (names.index(column), joined(drift_rows[rows, name]))
                for name, (column, _) in drifted.items()
            },
        )
        for rows in ROWS
    }


def batches(
    random: np.random.Generator, baseline: Baseline, shares: dict[str, np.ndarray], rows: int
) -> Statistics:
    """BATCHES batches of so many rows, drawn from populations with these shares in the bins, and judged."""
    drawn = {name: random.multinomial(rows, share, BATCHES) for name, share in shares.items()}
    reports = []
    for batch in range(BATCHES):
        columns = {name: tuple(counts[batch].tolist()) for name, counts in drawn.items()}
        reports.append(judge(baseline, Profile(baseline.run, baseline.digest, rows, columns), _JUDGED))
    statistics = Statistics(
        p=array_of(reports, lambda column: column.p_value),
        js=array_of(reports, lambda column: column.js),
        by_chance=array_of(reports, lambda column: column.js_threshold**2 - _JUDGED.defaults.distance**2),
        alarm=np.array([alarms_of(report) for report in reports]),
    )
    verdicts = array_of(reports, lambda column: column.verdict == "drift")
    if not np.array_equal(verdicts, statistics.drifted(Rule())):
        raise SystemExit(
            "The rule tried here is not the rule in force: bring Rule in line with autowatch.drift."
        )
    return statistics


def array_of(reports: list[DriftReport], value) -> np.ndarray:
    return np.array([[value(column) for column in report.columns] for report in reports])


def alarms_of(report: DriftReport) -> list[bool]:
    alarmed = {alarm.column for alarm in report.alarms}
    return [column.name in alarmed for column in report.columns]


def joined(parts: list[Statistics]) -> Statistics:
    return Statistics(
        *(np.concatenate(arrays) for arrays in zip(*(vars(part).values() for part in parts), strict=True))
    )


def replaced(array: np.ndarray, position: int, column: np.ndarray) -> np.ndarray:
    copy = array.copy()
    copy[:, position] = column[:, 0]
    return copy


def months_with_alert(drift_days: np.ndarray, days: int, of: int) -> float:
    """The share of months in which `days` of the last `of` days drift at least once."""
    months = drift_days.reshape(-1, MONTH).astype(int)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(months, ((0, 0), (of - 1, 0))), of, axis=1)
    return float((windows.sum(axis=2) >= days).any(axis=1).mean())
