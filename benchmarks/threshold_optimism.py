"""How much better than it is a threshold looks on the rows that it was chosen on: measurements/gate-error-rates.md.

    PYTHONPATH=src python -m benchmarks.threshold_optimism [seed] [hold-outs]

Scores are normal in either class (binormal) with an AUC of 0.78, so that the true F1 of every threshold is known. On
each hold-out three ways are tried: the threshold chosen on all rows and its F1 shown on the same rows; the same
threshold, its F1 shown by cross-fitting; and a threshold chosen on one half, its F1 shown on the other.
"""

import sys
from collections.abc import Sequence

import numpy as np
from scipy.stats import norm

from autowatch.evaluation.threshold import best_threshold, predict_without_own_row

HOLDOUTS = (
    (500, 0.11),
    (1_000, 0.11),
    (2_000, 0.11),
    (8_000, 0.11),
    (1_000, 0.02),
    (2_000, 0.02),
    (8_000, 0.02),
)
DISTANCE = float(np.sqrt(2) * norm.ppf(0.78))


def draw(random: np.random.Generator, rows: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a hold-out; a score becomes a probability by a function that keeps the order."""
    positive = np.arange(rows) < round(rows * share)
    return positive, norm.cdf(random.normal(size=rows) + DISTANCE * positive - 2)


def true_f1(threshold: float, share: float) -> float:
    """Of all rows that there could be."""
    score = norm.ppf(threshold) + 2
    hits, alarms = share * norm.sf(score - DISTANCE), (1 - share) * norm.sf(score)
    return float(2 * hits / (hits + alarms + share))


def f1(positive: np.ndarray, predicted: np.ndarray) -> float:
    """On some rows."""
    return float(2 * np.sum(positive & predicted) / (predicted.sum() + positive.sum()))


def try_ways(random: np.random.Generator, rows: int, share: float) -> Sequence[float]:
    """Of the threshold chosen on all rows: its true F1, that on the same rows, that by cross-fitting; of the one chosen
    on half of them its true F1, and that on the other half."""
    positive, probability = draw(random, rows, share)
    threshold = best_threshold(positive, probability)
    half = np.arange(rows) % 2 == 0
    of_half = best_threshold(positive[half], probability[half])
    return (
        true_f1(threshold, share),
        f1(positive, probability >= threshold),
        f1(positive, predict_without_own_row(positive, probability)),
        true_f1(of_half, share),
        f1(positive[~half], probability[~half] >= of_half),
    )


def main(seed: int, holdouts: int) -> None:
    """Prints the table's rows: means, and for what is shown its standard deviation."""
    random = np.random.default_rng(seed)
    for rows, share in HOLDOUTS:
        tried = np.array([try_ways(random, rows, share) for _ in range(holdouts)])
        means, deviations = tried.mean(axis=0), tried.std(axis=0)
        shown = [f"{means[place]:.3f} ± {deviations[place]:.3f}" for place in (1, 2, 4)]
        print(
            f"| {rows:,} ({round(rows * share)} positive) | {means[0]:.3f} | {shown[0]} | {shown[1]} "
            f"| {means[3]:.3f} | {shown[2]} |"
        )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000)
