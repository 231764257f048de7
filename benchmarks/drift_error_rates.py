"""False alarms and misses of the drift verdict, by simulation: the table in docs/drift.md.

    python -m benchmarks.drift_error_rates [seed] [distance]

Twenty columns of many shapes are drawn as populations; a reference of 30,000 rows is sampled from them
and its bins are frozen; then batches of n rows are drawn from the same populations (any alarm is false)
and from drifted ones (no verdict of drift is a miss). Run it with PYTHONPATH=src.
"""

import sys
from collections import Counter
from collections.abc import Callable

import numpy as np

from autowatch.contract import FeatureType
from autowatch.drift import ColumnRules, DriftRules, judge
from autowatch.profile import Baseline, BaselineColumn, Profile, baseline_column

POPULATION = 200_000
REFERENCE_ROWS = 30_000
REFERENCES = 4
BATCHES = 50
ROWS = (200, 300, 500, 1_000, 3_000, 10_000, 100_000)

Texts = list[str]
Random = np.random.Generator


def numbers(values: np.ndarray, digits: int = 4) -> Texts:
    """The texts of an array of numbers."""
    return [f"{value:.{digits}f}" for value in values]


def categories(random: Random, weights: np.ndarray) -> Texts:
    """Category names drawn with these weights."""
    return [f"c{index}" for index in random.choice(len(weights), POPULATION, p=weights / weights.sum())]


def with_missing(random: Random, texts: Texts, share: float) -> Texts:
    """The texts with a share of them emptied."""
    return ["" if gone else text for text, gone in zip(texts, random.random(POPULATION) < share, strict=True)]


def clean_populations(random: Random) -> dict[str, Texts]:
    """Twenty columns: ten of numbers, ten of categories."""
    normal = random.normal(size=POPULATION)
    dominant = np.where(random.random(POPULATION) < 0.96, 999, random.integers(0, 28, POPULATION))
    columns = {
        "n_normal": numbers(normal),
        "n_coarse": numbers(normal, 1),
        "n_lognormal": numbers(random.lognormal(size=POPULATION)),
        "n_uniform": numbers(random.random(POPULATION)),
        "n_exponential": numbers(random.exponential(size=POPULATION)),
        "n_dominant": numbers(dominant, 0),
        "n_few": numbers(
            random.choice([-3.4, -1.8, -0.1, 1.1, 1.4], POPULATION, p=[0.1, 0.2, 0.1, 0.2, 0.4])
        ),
        "n_poisson": numbers(random.poisson(2.5, POPULATION), 0),
        "n_constant": ["7"] * POPULATION,
        "n_missing": with_missing(random, numbers(random.normal(size=POPULATION)), 0.1),
    }
    for size in (2, 3, 5, 8, 12, 15, 20, 40):
        columns[f"c_zipf{size}"] = categories(random, 1 / np.arange(1, size + 1))
    columns["c_rare"] = categories(random, np.array([0.98, 0.015, 0.003, 0.002]))
    columns["c_missing"] = with_missing(random, categories(random, np.ones(6)), 0.1)
    return columns


def drifted_populations(random: Random, clean: dict[str, Texts]) -> dict[str, tuple[str, Texts]]:
    """For the name of each designed drift, the column and its population afterwards."""
    normal = random.normal(size=POPULATION)
    dominant = np.where(random.random(POPULATION) < 0.85, 999, random.integers(0, 28, POPULATION))
    weights = 1 / np.arange(1, 6)
    more_of_second = weights / weights.sum() + np.array([-0.1, 0.1, 0, 0, 0])
    new = [
        text if keep else "new"
        for text, keep in zip(clean["c_zipf12"], random.random(POPULATION) > 0.05, strict=True)
    ]
    return {
        "mean + 0.3 sd": ("n_normal", numbers(normal + 0.3)),
        "mean + 0.5 sd": ("n_normal", numbers(normal + 0.5)),
        "spread × 1.5": ("n_normal", numbers(normal * 1.5)),
        "dominant value 96 % → 85 %": ("n_dominant", numbers(dominant, 0)),
        "10 % of rows change category": ("c_zipf5", categories(random, more_of_second)),
        "5 % in a new category": ("c_zipf12", new),
        "missing 0 → 5 %": ("n_uniform", with_missing(random, clean["n_uniform"], 0.05)),
        "missing 0 → 10 %": ("n_uniform", with_missing(random, clean["n_uniform"], 0.1)),
        "mean + 0.02 sd (too small to matter)": ("n_normal", numbers(normal + 0.02)),
    }


def simulate(seed: int, rules: DriftRules) -> None:
    """Prints the two tables, over REFERENCES × BATCHES batches of each size."""
    random = np.random.default_rng(seed)
    flagged_columns, flagged_batches, alarmed_batches = Counter[int](), Counter[int](), Counter[int]()
    caught: Counter[tuple[str, int]] = Counter()
    noticed: Counter[tuple[str, int]] = Counter()
    drifts: list[str] = []
    for _ in range(REFERENCES):
        clean = clean_populations(random)
        drifted = drifted_populations(random, clean)
        drifts = list(drifted)
        baseline = sample_baseline(random, clean)
        shares = {column.bins.name: shares_of(column, clean[column.bins.name]) for column in baseline.columns}
        by_name = {column.bins.name: column for column in baseline.columns}
        for rows in ROWS:
            for _ in range(BATCHES):
                profile = sample_profile(random, baseline, shares, rows)
                report = judge(baseline, profile, rules)
                flagged_columns[rows] += len(report.drifted)
                flagged_batches[rows] += bool(report.drifted)
                alarmed_batches[rows] += bool(report.alarms)
            for name, (column, texts) in drifted.items():
                moved = shares | {column: shares_of(by_name[column], texts)}
                for _ in range(BATCHES):
                    report = judge(baseline, sample_profile(random, baseline, moved, rows), rules)
                    drifted_names = {drift.name for drift in report.drifted}
                    caught[name, rows] += column in drifted_names
                    noticed[name, rows] += column in drifted_names | {alarm.column for alarm in report.alarms}
    batches = REFERENCES * BATCHES
    print(f"seed {seed}, {batches} batches of each size, {rules}\n")
    table(
        "clean batches",
        lambda label, rows: {
            "columns called drifted": f"{flagged_columns[rows] / (batches * 20):.2%}",
            "batches called drifted": f"{flagged_batches[rows] / batches:.1%}",
            "batches with an alarm": f"{alarmed_batches[rows] / batches:.1%}",
        }[label],
        ["columns called drifted", "batches called drifted", "batches with an alarm"],
    )
    table("missed by the verdict", lambda name, rows: f"{1 - caught[name, rows] / batches:.1%}", drifts)
    table(
        "missed by verdict and alarms", lambda name, rows: f"{1 - noticed[name, rows] / batches:.1%}", drifts
    )


def sample_baseline(random: Random, populations: dict[str, Texts]) -> Baseline:
    """A reference of REFERENCE_ROWS rows, with its bins."""
    columns = []
    for name, population in populations.items():
        texts = Counter(population[index] for index in random.integers(0, POPULATION, REFERENCE_ROWS))
        feature_type: FeatureType = "numeric" if name.startswith("n_") else "categorical"
        columns.append(baseline_column(name, "feature", feature_type, texts))
    return Baseline("simulated", REFERENCE_ROWS, tuple(columns))


def shares_of(column: BaselineColumn, population: Texts) -> np.ndarray:
    """The share of the population in each bin."""
    return np.array(column.bins.count(Counter(population))) / POPULATION


def sample_profile(random: Random, baseline: Baseline, shares: dict[str, np.ndarray], rows: int) -> Profile:
    """The profile of `rows` rows drawn from populations with these shares in the bins."""
    columns = {name: tuple(int(count) for count in random.multinomial(rows, p)) for name, p in shares.items()}
    return Profile(baseline.run, baseline.digest, rows, columns)


def table(title: str, cell: Callable[[str, int], str], labels: list[str]) -> None:
    """Prints a Markdown table with one column for each number of rows."""
    print(f"| {title} | " + " | ".join(f"n = {rows:,}" for rows in ROWS) + " |")
    print("|---|" + "---|" * len(ROWS))
    for label in labels:
        print(f"| {label} | " + " | ".join(cell(label, rows) for rows in ROWS) + " |")
    print()


if __name__ == "__main__":
    simulate(
        int(sys.argv[1]) if len(sys.argv) > 1 else 1,
        DriftRules(
            min_rows=0, defaults=ColumnRules(float(sys.argv[2])) if len(sys.argv) > 2 else ColumnRules()
        ),
    )
