"""The optimism of a threshold's figures on the rows on which it was chosen: measurements/gate-error-rates.md.

    PYTHONPATH=src python -m benchmarks.threshold_optimism [seed] [hold-outs]

Scores are normal in either class (binormal) with an AUC of 0.78, so the true F1 of every threshold is known. Each
hold-out compares three methods: a threshold chosen on all rows with its F1 on the same rows; the same threshold with
its cross-fitted F1; and a threshold chosen on one half with its F1 on the other.
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
    """Labels and probabilities of a hold-out; an increasing function maps scores to probabilities."""
    positive = np.arange(rows) < round(rows * share)
    return positive, norm.cdf(random.normal(size=rows) + DISTANCE * positive - 2)


def true_f1(threshold: float, share: float) -> float:
    """The true F1 in the population."""
    score = norm.ppf(threshold) + 2
    hits, alarms = share * norm.sf(score - DISTANCE), (1 - share) * norm.sf(score)
    return float(2 * hits / (hits + alarms + share))


def f1(positive: np.ndarray, predicted: np.ndarray) -> float:
    """The F1 on the given rows."""
    return float(2 * np.sum(positive & predicted) / (predicted.sum() + positive.sum()))


def try_ways(random: np.random.Generator, rows: int, share: float) -> Sequence[float]:
    """The F1 values of one hold-out.

    For the threshold chosen on all rows: true, on the same rows, cross-fitted. For the one chosen on half of the rows:
    true, on the other half.
    """
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
    """Prints the table's rows: means, and the standard deviations of the estimates."""
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
