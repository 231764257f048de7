"""False alarms and misses of the drift verdict, by simulation: measurements/drift-error-rates.md.

    python -m benchmarks.drift_error_rates choose 11 12     compares rules, on the seeds for choosing one
    python -m benchmarks.drift_error_rates judge 13         measures the rule in force, on another seed

Twenty columns of many shapes are drawn as populations. References of 30,000 rows are sampled from them, which freezes
the bins. Then batches of n rows are drawn from the same populations (each verdict of drift is false) and from drifted
ones (each other verdict is a miss). Run it with PYTHONPATH=src.
"""

import sys
from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.drift_simulation import (
    BATCHES,
    MONTH,
    REFERENCES,
    Rule,
    Simulation,
    months_with_alert,
    simulate,
)

RULES = [
    Rule(significance, distance, size_term)
    for significance in (0.05, 0.01, 0.001)
    for distance in (0.05, 0.07, 0.1)
    for size_term in (True, False)
]
TOO_SMALL = "mean + 0.02 sd (too small to matter)"
COLUMNS = (5, 20, 50, 200)

Simulations = dict[int, Simulation]


def choose(seeds: Sequence[int]) -> None:
    """Prints for each rule the probability of a false alert in a month of daily batches, and the missed drifts."""
    simulations = [simulate(seed) for seed in seeds]
    print(f"seeds {', '.join(map(str, seeds))}: {len(seeds) * REFERENCES * BATCHES} batches of each size\n")
    compare("false alert in a month", simulations, false_alert)
    compare("drifts missed", simulations, missed)


def compare(title: str, simulations: list[Simulations], rate: Callable[[Simulation, Rule], float]) -> None:
    """Prints a table of one rate by rule and number of rows."""

    def cell(rule: Rule, rows: int) -> str:
        return f"{np.mean([rate(simulation[rows], rule) for simulation in simulations]):.1%}"

    table(
        title, list(simulations[0]), {str(rule): lambda rows, rule=rule: cell(rule, rows) for rule in RULES}
    )


def judge(seed: int) -> None:
    """Prints the error rates of the rule in force."""
    simulations = simulate(seed)
    rule, sizes = Rule(), list(simulations)
    clean = {rows: simulation.clean for rows, simulation in simulations.items()}
    print(
        f"seed {seed}, {REFERENCES * BATCHES} batches of each size, {REFERENCES * BATCHES // MONTH} months: {rule}\n"
    )
    table(
        "clean batches of 20 columns",
        sizes,
        {
            "columns called drifted": lambda rows: f"{clean[rows].drifted(rule).mean():.3%}",
            "batches called drifted": lambda rows: f"{clean[rows].drifted(rule).any(axis=1).mean():.2%}",
            "batches with an alarm": lambda rows: f"{clean[rows].alarm.any(axis=1).mean():.2%}",
            "months with an alert, 1 of 1": lambda rows: f"{false_alert(simulations[rows], rule):.1%}",
            "months with an alert, 2 of 3": lambda rows: f"{false_alert(simulations[rows], rule, 2, 3):.1%}",
        },
    )
    table(
        "clean batches called drifted, by columns",
        sizes,
        {
            f"{columns} columns": lambda rows, columns=columns: (
                f"{clean[rows].in_tables_of(columns).drifted(rule).any(axis=1).mean():.2%}"
            )
            for columns in COLUMNS
        },
    )
    names = list(simulations[sizes[0]].drifts)
    for title, with_alarms in (("missed by the verdict", False), ("missed by verdict and alarms", True)):
        table(
            title,
            sizes,
            {
                name: lambda rows, name=name, with_alarms=with_alarms: (
                    f"{missed_one(simulations[rows], name, rule, with_alarms):.1%}"
                )
                for name in names
            },
        )


def false_alert(simulation: Simulation, rule: Rule, days: int = 1, of: int = 1) -> float:
    """The share of months with an alert, where each clean batch is a day."""
    return months_with_alert(simulation.clean.drifted(rule).any(axis=1), days, of)


def missed(simulation: Simulation, rule: Rule) -> float:
    """The share of missed batches over all drifts that matter."""
    names = [name for name in simulation.drifts if name != TOO_SMALL]
    return float(np.mean([missed_one(simulation, name, rule, False) for name in names]))


def missed_one(simulation: Simulation, name: str, rule: Rule, with_alarms: bool) -> float:
    """The share of batches in which the drifted column has neither the verdict drift nor an alarm."""
    position, drifted = simulation.drifts[name]
    caught = simulation.clean.with_column(position, drifted).drifted(rule)[:, position]
    if with_alarms:
        caught = caught | drifted.alarm[:, 0]
    return float(1 - caught.mean())


def table(title: str, sizes: Sequence[int], lines: dict[str, Callable[[int], str]]) -> None:
    """Prints a Markdown table with one column for each number of rows."""
    print(f"| {title} | " + " | ".join(f"n = {rows:,}" for rows in sizes) + " |")
    print("|---|" + "---|" * len(sizes))
    for label, cell in lines.items():
        print(f"| {label} | " + " | ".join(map(cell, sizes)) + " |")
    print()


if __name__ == "__main__":
    if sys.argv[1] == "choose":
        choose([int(seed) for seed in sys.argv[2:]])
    else:
        judge(int(sys.argv[2]))
