"""The coverage of the intervals of permutation importance, simulated: measurements/importance-intervals.md.

    PYTHONPATH=src python -m benchmarks.importance_intervals [seed] [hold-outs]

Two normal columns, a strong and a weak one, decide the label by a logistic model, whose probabilities are the true
ones. The true loss of AUC from shuffling a column comes from a million rows. Each hold-out is shuffled once, as the
gate does it.
"""

import sys

import numpy as np
from scipy.special import expit

from autowatch.evaluation.classification import area_under_curve
from autowatch.evaluation.judged import BinaryRows
from autowatch.evaluation.threshold import deal_to_folds
from autowatch.training.gate.importance import shuffling_losses

ROWS = (500, 2_000)
INTERCEPTS = (0.0, -2.5)
PARTS = 5
LARGE = 1_000_000


def main(seed: int, holdouts: int) -> None:
    """Prints the share of hold-outs whose 95 % interval contains the true loss, for each column."""
    random = np.random.default_rng(seed)
    print("| positive | rows | strong column | weak column |\n|---|---|---|---|")
    for intercept in INTERCEPTS:
        columns, positive = _draw(random, LARGE, intercept)
        unshuffled, *shuffled = _probabilities(
            columns, [random.permutation(each) for each in columns], intercept
        )
        true = [
            area_under_curve(positive, unshuffled) - area_under_curve(positive, each) for each in shuffled
        ]
        for rows in ROWS:
            hits = sum(_covers(random, rows, intercept, true) for _ in range(holdouts)) / holdouts
            print(f"| {positive.mean():.0%} | {rows:,} | {hits[0]:.1%} | {hits[1]:.1%} |")


def _draw(random: np.random.Generator, rows: int, intercept: float) -> tuple[np.ndarray, np.ndarray]:
    """The columns, shape (2, rows), and whether each row is positive."""
    columns = random.normal(size=(2, rows))
    return columns, random.random(rows) < _probability(*columns, intercept)


def _probability(strong: np.ndarray, weak: np.ndarray, intercept: float) -> np.ndarray:
    return expit(intercept + 1.5 * strong + 0.5 * weak)


def _probabilities(columns: np.ndarray, shuffled: list[np.ndarray], intercept: float) -> list[np.ndarray]:
    """The predicted probabilities: of the rows unchanged, then with each column shuffled."""
    (strong, weak), (other_strong, other_weak) = columns, shuffled
    return [
        _probability(strong, weak, intercept),
        _probability(other_strong, weak, intercept),
        _probability(strong, other_weak, intercept),
    ]


def _covers(random: np.random.Generator, rows: int, intercept: float, true: list[float]) -> np.ndarray:
    """Whether the interval of each column contains its true loss, on one hold-out."""
    columns, positive = _draw(random, rows, intercept)
    part = deal_to_folds(positive, PARTS)
    shuffled = columns.copy()
    for each in range(PARTS):
        places = np.flatnonzero(part == each)
        for column in shuffled:
            column[places] = column[random.permutation(places)]
    probability = np.concatenate(_probabilities(columns, list(shuffled), intercept))
    losses = shuffling_losses(BinaryRows(np.tile(positive, 3), probability > 0.5, probability), part)
    return np.array([loss.lower <= value <= loss.upper for loss, value in zip(losses, true, strict=True)])


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    main(*given, *(1, 500)[len(given) :])
