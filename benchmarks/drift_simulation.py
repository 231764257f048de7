"""Draws batches from the populations and computes the statistics that every rule is tried on.

They are computed for many batches at once; the first batch of each group is also judged by Autowatch itself, as a
check.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.distance import jensenshannon
from scipy.special import chdtrc
from scipy.stats import binomtest, false_discovery_control, hypergeom

from autowatch.monitoring.drift.judge import DriftReport, DriftRules, judge
from autowatch.tabular.bins import Bins
from autowatch.tabular.profile import Baseline, Profile
from benchmarks.drift_populations import clean_populations, drifted_populations, sample_baseline, shares_of

ROWS = (200, 500, 1_000, 2_000, 5_000, 10_000, 100_000)
REFERENCES = 20
# Four months of thirty days against each reference.
BATCHES = 120
MONTH = 30
SIGNIFICANCE_OF_ALARM = 0.001

_JUDGED = DriftRules(min_rows=0)


@dataclass(frozen=True)
class Rule:
    """A rule to try: the maximum adjusted p-value, the minimum distance, and whether chance is added to it."""

    significance: float = _JUDGED.significance
    distance: float = _JUDGED.defaults.distance
    size_term: bool = True

    def __str__(self) -> str:
        return f"p < {self.significance:g}, {self.distance:g}{' + chance' if self.size_term else ''}"


@dataclass(frozen=True)
class Statistics:
    """The statistics of batches, as arrays of batches × columns; batches of one reference are adjacent.

    Attributes:
        p: p-values before the correction over columns.
        js: distances.
        by_chance: the mean squared distance due to chance alone.
        alarm: whether the column has an alarm.
    """

    p: np.ndarray
    js: np.ndarray
    by_chance: np.ndarray
    alarm: np.ndarray

    def with_column(self, position: int, other: "Statistics") -> "Statistics":
        """The same batches, with one column replaced by the one in `other`."""
        pairs = zip(vars(self).values(), vars(other).values(), strict=True)
        return Statistics(*(replaced(mine, position, theirs) for mine, theirs in pairs))

    def in_tables_of(self, columns: int) -> "Statistics":
        """The same columns, regrouped into tables of another width; an incomplete table is left out."""
        whole = self.p.size // columns * columns
        return Statistics(*(array.reshape(-1)[:whole].reshape(-1, columns) for array in vars(self).values()))

    def drifted(self, rule: Rule) -> np.ndarray:
        """Which columns drift under the rule."""
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
    """The statistics of BATCHES batches of `rows` rows, drawn from populations with these shares in the bins."""
    drawn = {name: random.multinomial(rows, share, BATCHES) for name, share in shares.items()}
    columns = [statistics_of(column, drawn[column.name]) for column in baseline.columns]
    statistics = Statistics(
        *(
            np.column_stack(arrays)
            for arrays in zip(*(vars(column).values() for column in columns), strict=True)
        )
    )
    profile = {name: tuple(counts[0].tolist()) for name, counts in drawn.items()}
    check_first(statistics, judge(baseline, Profile(baseline.run, baseline.bins, rows, profile), _JUDGED))
    return statistics


def statistics_of(column: Bins, drawn: np.ndarray) -> Statistics:
    """The statistics of one column for many batches (rows of `drawn`) at once, as in Autowatch."""
    reference = np.array(column.counts)
    sizes = 1 / drawn[0].sum() + 1 / reference.sum()
    used = ((drawn > 0) | (reference > 0)).sum(axis=1)
    return Statistics(
        p=p_values(reference, drawn),
        js=jensenshannon(np.broadcast_to(reference, drawn.shape), drawn, base=2, axis=1),
        by_chance=(used - 1) * sizes / (8 * np.log(2)),
        alarm=alarms_of(column, drawn, SIGNIFICANCE_OF_ALARM),
    )


def alarms_of(column: Bins, drawn: np.ndarray, significance: float) -> np.ndarray:
    """For each batch (row of `drawn`), whether the column has an alarm."""
    reference, own = np.array(column.counts), _JUDGED.defaults
    alarm = np.zeros(len(drawn), dtype=bool)
    for positions, rise in (
        ((len(reference) - 1,), own.missing_rise),
        (column.new, own.new_rise),
        (column.out_of_range, own.out_of_range_rise),
    ):
        alarm |= rose(reference, drawn, list(positions), rise, significance)
    return alarm


def p_values(reference: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """The p-value of each batch: chi-square on solid bins, an exact test of thin ones."""
    rows, reference_rows = drawn[0].sum(), reference.sum()
    together = drawn + reference
    current_share = rows / (rows + reference_rows)
    smaller = min(current_share, 1 - current_share)
    thin = together * smaller < 5
    pool = np.where(thin, together, 0).sum(axis=1)
    pooled_in = pool * smaller >= 5
    cells = np.column_stack([np.where(thin, 0, together), np.where(pooled_in, pool, 0)])
    current = np.column_stack([np.where(thin, 0, drawn), np.where(pooled_in, (drawn * thin).sum(axis=1), 0)])
    share = (current.sum(axis=1) / np.maximum(cells.sum(axis=1), 1))[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        # For two rows the sum over both is the squared difference of one, over the variance of its share.
        terms = np.where(cells > 0, (current - cells * share) ** 2 / (cells * share * (1 - share)), 0)
    degrees = (cells > 0).sum(axis=1) - 1
    chi_square = np.where(degrees > 0, chdtrc(np.maximum(degrees, 1), terms.sum(axis=1)), 1.0)
    result = chi_square.copy()
    for batch in np.flatnonzero((pool > 0) & ~pooled_in):
        now = int(drawn[batch][thin[batch]].sum())
        exact = binomial(now, int(pool[batch]), float(current_share))
        result[batch] = min(2 * exact, 2 * chi_square[batch], 1.0) if degrees[batch] > 0 else exact
    return result


@cache
def binomial(now: int, together: int, share: float) -> float:
    return float(binomtest(now, together, share).pvalue)


def rose(
    reference: np.ndarray, drawn: np.ndarray, positions: list[int], rise: float, significance: float
) -> np.ndarray:
    """Whether the share in these bins rose significantly and enough for an alarm."""
    before, now = reference[positions].sum(), drawn[:, positions].sum(axis=1)
    rows, reference_rows = drawn[0].sum(), reference.sum()
    by_chance = hypergeom.sf(now - 1, rows + reference_rows, before + now, rows)
    return (now / rows - before / reference_rows >= rise) & (by_chance < significance)


def check_first(statistics: Statistics, report: DriftReport) -> None:
    """Raises SystemExit if Autowatch judges the first batch differently from the simulation."""
    alarmed = {alarm.column for alarm in report.alarms}
    judged = np.array([[c.p_value, c.js, c.js_threshold, c.name in alarmed] for c in report.columns]).T
    first = (array[0] for array in vars(statistics).values())
    p, js, by_chance, alarm = first
    mine = np.array([p, js, np.sqrt(_JUDGED.defaults.distance**2 + by_chance), alarm])
    if not np.allclose(mine, judged.astype(float), rtol=1e-6, atol=1e-12):
        raise SystemExit("The simulation differs from Autowatch's own verdict: bring the two in line.")
    drifted = [column.verdict == "drift" for column in report.columns]
    if statistics.drifted(Rule())[0].tolist() != drifted:
        raise SystemExit(
            "The simulated rule differs from the rule in force: bring Rule in line with Autowatch."
        )


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
