"""The populations that the simulations of the drift verdict draw from: clean ones and designed drifts."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from autowatch.tabular.bins import Bins, ColumnKind
from autowatch.tabular.cells import FeatureType
from autowatch.tabular.profile import PROBABILITY_BOUNDS, Baseline, baseline_column

SIZE = 50_000
REFERENCE_ROWS = 30_000
# The reference of a prediction is the hold-out: a fifth of the rows by default.
HOLDOUT_ROWS = 6_000
# Every five consecutive columns have one of each kind, so that fewer columns are a fair sample.
COLUMNS = (
    "n_normal", "c_zipf2", "n_dominant", "c_zipf20", "p_score",
    "n_coarse", "c_zipf3", "n_few", "c_zipf40", "n_missing",
    "n_lognormal", "c_zipf5", "n_constant", "c_rare", "c_zipf15",
    "n_exponential", "c_zipf12", "n_poisson", "c_missing", "c_zipf8",
)  # fmt: skip

Random = np.random.Generator


@dataclass(frozen=True)
class Population:
    """The distinct texts of a column, and the count of each among `SIZE` rows."""

    texts: tuple[str, ...]
    times: np.ndarray


def clean_populations(random: Random) -> dict[str, Population]:
    """The twenty columns of `COLUMNS`: numbers (`n_`), categories (`c_`), one predicted probability (`p_`)."""
    columns = {
        "n_normal": numbers(random.normal(size=SIZE)),
        "n_coarse": numbers(random.normal(size=SIZE), 1),
        "n_lognormal": numbers(random.lognormal(size=SIZE)),
        "n_exponential": numbers(random.exponential(size=SIZE)),
        "n_dominant": numbers(dominant(random, 0.96), 0),
        "n_few": numbers(random.choice([-3.4, -1.8, -0.1, 1.1, 1.4], SIZE, p=[0.1, 0.2, 0.1, 0.2, 0.4])),
        "n_poisson": numbers(random.poisson(2.5, SIZE), 0),
        "n_constant": numbers(np.full(SIZE, 7), 0),
        "n_missing": with_missing(random, numbers(random.normal(size=SIZE)), 0.1),
        "p_score": numbers(scores(random)),
        "c_rare": categories(random, np.array([0.98, 0.015, 0.003, 0.002])),
        "c_missing": with_missing(random, categories(random, np.ones(6)), 0.1),
    }
    for values in (2, 3, 5, 8, 12, 15, 20, 40):
        columns[f"c_zipf{values}"] = categories(random, 1 / np.arange(1, values + 1))
    return {name: columns[name] for name in COLUMNS}


def drifted_populations(random: Random, clean: dict[str, Population]) -> dict[str, tuple[str, Population]]:
    """By the name of each designed drift, its column and the population afterwards."""
    normal = random.normal(size=SIZE)
    weights = 1 / np.arange(1, 6)
    more_of_second = weights / weights.sum() + np.array([-0.1, 0.1, 0, 0, 0])
    return {
        "mean + 0.3 sd": ("n_normal", numbers(normal + 0.3)),
        "mean + 0.5 sd": ("n_normal", numbers(normal + 0.5)),
        "spread × 1.5": ("n_normal", numbers(normal * 1.5)),
        "dominant value 96 % → 85 %": ("n_dominant", numbers(dominant(random, 0.85), 0)),
        "10 % of rows change category": ("c_zipf5", categories(random, more_of_second)),
        "5 % in a new category": ("c_zipf12", with_some(random, clean["c_zipf12"], "new", 0.05)),
        "missing 0 → 5 %": ("n_exponential", with_missing(random, clean["n_exponential"], 0.05)),
        "missing 0 → 10 %": ("n_exponential", with_missing(random, clean["n_exponential"], 0.1)),
        "log-odds of the prediction + 0.4": ("p_score", numbers(scores(random, 0.4))),
        "mean + 0.02 sd (too small to matter)": ("n_normal", numbers(normal + 0.02)),
    }


def sample_baseline(random: Random, populations: dict[str, Population]) -> Baseline:
    """A reference sampled from the populations, with its bins."""
    columns = tuple(sample_column(random, name, population) for name, population in populations.items())
    return Baseline("simulated", REFERENCE_ROWS, columns)


def sample_column(random: Random, name: str, population: Population) -> Bins:
    """One column of a reference; a prediction's has the rows of the hold-out."""
    kind: ColumnKind = "prediction" if name.startswith("p_") else "feature"
    feature_type: FeatureType = "categorical" if name.startswith("c_") else "numeric"
    rows = HOLDOUT_ROWS if kind == "prediction" else REFERENCE_ROWS
    drawn = random.multinomial(rows, population.times / population.times.sum())
    texts = {population.texts[index]: int(drawn[index]) for index in np.flatnonzero(drawn)}
    bounds = PROBABILITY_BOUNDS if kind == "prediction" else None
    return baseline_column(name, kind, feature_type, texts, bounds=bounds)


def shares_of(column: Bins, population: Population) -> np.ndarray:
    """The share of the population in each bin of the column."""
    counts = column.count(dict(zip(population.texts, population.times.tolist(), strict=True)))
    return np.array(counts) / sum(counts)


def numbers(values: np.ndarray, digits: int = 4) -> Population:
    return of_texts(f"{value:.{digits}f}" for value in values)


def categories(random: Random, weights: np.ndarray) -> Population:
    return of_texts(f"c{index}" for index in random.choice(len(weights), SIZE, p=weights / weights.sum()))


def dominant(random: Random, share: float) -> np.ndarray:
    """999 in a share of the rows, the numbers from 0 to 27 in the others."""
    return np.where(random.random(SIZE) < share, 999, random.integers(0, 28, SIZE))


def scores(random: Random, added_log_odds: float = 0.0) -> np.ndarray:
    """Probabilities of a classifier if one row in nine is positive."""
    log_odds = np.log(1 / 8) + random.normal(size=SIZE) + added_log_odds
    return 1 / (1 + np.exp(-log_odds))


def with_missing(random: Random, population: Population, share: float) -> Population:
    return with_some(random, population, "", share)


def with_some(random: Random, population: Population, text: str, share: float) -> Population:
    """The population with `text` in a random share of its rows."""
    kept = random.binomial(population.times, 1 - share)
    return Population((*population.texts, text), np.append(kept, population.times.sum() - kept.sum()))


def of_texts(texts: object) -> Population:
    counts = Counter(texts)
    return Population(tuple(counts), np.array(list(counts.values())))
