"""False alarms and misses on days of few rows, by simulation: measurements/drift-error-rates.md.

    python -m benchmarks.drift_small_days 15

The populations are the twenty columns of drift_populations. The alarms of a day with n rows come from exact tests,
which share their error rate below MinRows. Its verdict pools as many of the last days as are needed for MinRows, at
most thirty. Run it with PYTHONPATH=src.
"""

import math
import sys

import numpy as np

from autowatch.monitoring.drift.judge import DriftRules
from autowatch.tabular.bins import Bins
from benchmarks.drift_error_rates import TOO_SMALL, table
from benchmarks.drift_populations import clean_populations, drifted_populations, sample_baseline, shares_of
from benchmarks.drift_simulation import (
    BATCHES,
    MONTH,
    REFERENCES,
    SIGNIFICANCE_OF_ALARM,
    Rule,
    Statistics,
    alarms_of,
    joined,
    months_with_alert,
    statistics_of,
)

ROWS = (10, 20, 50, 100, 200, 450)

Draws = dict[int, dict[str, np.ndarray]]


def days_together(rows: int) -> int:
    """The number of days needed for MinRows."""
    return min(MONTH, math.ceil(DriftRules().min_rows / rows))


def summed(drawn: np.ndarray, days: int) -> np.ndarray:
    """The counts of each day pooled with the days before it; the first days, with too few before them, are dropped."""
    windows = np.lib.stride_tricks.sliding_window_view(drawn, days, axis=0)
    return windows.sum(axis=-1)


def stacked(columns: list[Statistics]) -> Statistics:
    """The statistics of several columns, concatenated."""
    return Statistics(
        *(np.column_stack(each) for each in zip(*(vars(c).values() for c in columns), strict=True))
    )


def main(seed: int) -> None:
    """Prints how often clean days and months raise alerts, and which drifts are detected."""
    random = np.random.default_rng(seed)
    clean = clean_populations(random)
    drifted = {name: each for name, each in drifted_populations(random, clean).items() if name != TOO_SMALL}
    names = list(clean)
    alarm = SIGNIFICANCE_OF_ALARM / len(names)
    alarms: dict[int, list[np.ndarray]] = {rows: [] for rows in ROWS}
    verdicts: dict[int, list[Statistics]] = {rows: [] for rows in ROWS}
    noticed: dict[tuple[str, int], list[np.ndarray]] = {(name, rows): [] for name in drifted for rows in ROWS}
    found: dict[tuple[str, int], list[np.ndarray]] = {(name, rows): [] for name in drifted for rows in ROWS}
    for _ in range(REFERENCES):
        columns: dict[str, Bins] = {column.name: column for column in sample_baseline(random, clean).columns}
        for rows in ROWS:
            days = days_together(rows)
            drawn = {
                name: random.multinomial(rows, shares_of(column, clean[name]), BATCHES + days - 1)
                for name, column in columns.items()
            }
            alarms[rows].append(
                np.column_stack([alarms_of(columns[name], drawn[name], alarm) for name in names])[days - 1 :]
            )
            together = stacked([statistics_of(columns[name], summed(drawn[name], days)) for name in names])
            verdicts[rows].append(together)
            for name, (moved, population) in drifted.items():
                position, column = names.index(moved), columns[moved]
                later = random.multinomial(rows, shares_of(column, population), BATCHES + days - 1)
                noticed[name, rows].append(alarms_of(column, later, alarm)[days - 1 :])
                changed = together.with_column(
                    position, stacked([statistics_of(column, summed(later, days))])
                )
                found[name, rows].append(changed.drifted(Rule())[:, position])
    drifts = {rows: joined(verdicts[rows]).drifted(Rule()).any(axis=1) for rows in ROWS}
    alarmed = {rows: np.concatenate(alarms[rows]).any(axis=1) for rows in ROWS}
    print(f"seed {seed}, {REFERENCES * BATCHES} days of each size, {REFERENCES * BATCHES // MONTH} months\n")
    table(
        "clean days of 20 columns",
        list(ROWS),
        {
            "days judged together": lambda rows: f"{days_together(rows)}",
            "days with an alarm": lambda rows: f"{alarmed[rows].mean():.2%}",
            "days called drifted": lambda rows: f"{drifts[rows].mean():.2%}",
            "months with an alarm": lambda rows: f"{months_with_alert(alarmed[rows], 1, 1):.1%}",
            "months with drift": lambda rows: f"{months_with_alert(drifts[rows], 1, 1):.1%}",
        },
    )
    for title, rates in (
        ("noticed on a single day by an alarm", noticed),
        ("missed by the days together", found),
    ):
        table(
            title,
            list(ROWS),
            {
                name: lambda rows, name=name, rates=rates, title=title: (
                    f"{abs(('missed' in title) - np.concatenate(rates[name, rows]).mean()):.1%}"
                )
                for name in drifted
            },
        )


if __name__ == "__main__":
    main(int(sys.argv[1]))
