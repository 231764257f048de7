"""How often the gate finds a challenger worse than the champion, by simulation: the table in docs/gate.md.

    PYTHONPATH=src python -m benchmarks.gate_error_rates [seed] [hold-outs]

Two models score the same rows, 11 % of them positive; their scores are normal in either class (binormal), with a
correlation that says how alike the models are. The champion's true AUC is 0.78; the challenger's is the same (finding
it worse is an error) or 0.02 lower (not finding it is one). What is expected of the latter follows from the
standard error alone: power = Φ(loss / standard error - z), with z the normal quantile of the confidence.
"""

import sys
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from autowatch.evaluation.comparison import compare
from autowatch.evaluation.figures import Comparison

ROWS = (100, 500, 1_000, 2_000, 5_000)
CORRELATIONS = (0.9, 0.7)
POSITIVE_SHARE = 0.11
CHAMPION_AUC = 0.78
LOSS = 0.02
CONFIDENCE = 0.95
RESAMPLES = 200
"""Fewer than the gate draws: there are thousands of hold-outs here, whose chances average out."""


@dataclass(frozen=True)
class Rates:
    """Over many hold-outs: how often the challenger was found worse, and the mean standard error."""

    found_worse: float
    standard_error: float

    def expected_power(self, loss: float) -> float:
        """The chance to find a model worse that is worse by `loss`, from the standard error."""
        return float(norm.cdf(loss / self.standard_error - norm.ppf(CONFIDENCE)))


def simulate(
    random: np.random.Generator,
    rows: int,
    correlation: float,
    loss: float,
    hold_outs: int,
    resamples: int = RESAMPLES,
) -> Rates:
    """Compares the two models on so many hold-outs, by the gate's rule at no tolerance."""
    found = [
        compare(*draw_hold_out(random, rows, correlation, loss), CONFIDENCE, resamples)
        for _ in range(hold_outs)
    ]
    return Rates(
        found_worse=float(np.mean([is_worse(comparison) for comparison in found])),
        standard_error=float(np.mean([comparison.standard_error for comparison in found])),
    )


def is_worse(comparison: Comparison) -> bool:
    """The gate's rule at no tolerance."""
    return comparison.upper < 0


def draw_hold_out(
    random: np.random.Generator, rows: int, correlation: float, loss: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, the challenger's and the champion's scores; the hold-out is stratified, as Prepare makes it."""
    positive = np.arange(rows) < round(rows * POSITIVE_SHARE)
    shared = random.normal(size=rows) * np.sqrt(correlation)
    scores = []
    for auc in (CHAMPION_AUC - loss, CHAMPION_AUC):
        own = random.normal(size=rows) * np.sqrt(1 - correlation)
        # The AUC of two normals of unit variance is Φ(distance / √2).
        scores.append(norm.cdf(shared + own + positive * norm.ppf(auc) * np.sqrt(2)))
    return positive, scores[0], scores[1]


def print_tables(seed: int, hold_outs: int) -> None:
    """One table for each correlation, a row for each size of the hold-out."""
    random = np.random.default_rng(seed)
    print(f"seed {seed}, {CONFIDENCE:.0%} confidence, {RESAMPLES} resamples")
    print(f"{hold_outs:,} hold-outs with an equal challenger, {hold_outs // 4} with a worse one\n")
    for correlation in CORRELATIONS:
        print(
            f"| hold-out (correlation {correlation}) | standard error | equal, found worse | worse by {LOSS}, found |"
            " expected | loss found 4 times in 5 |"
        )
        print("|---|---|---|---|---|---|")
        for rows in ROWS:
            equal = simulate(random, rows, correlation, 0, hold_outs)
            worse = simulate(random, rows, correlation, LOSS, hold_outs // 4)
            detectable = (norm.ppf(CONFIDENCE) + norm.ppf(0.8)) * equal.standard_error
            print(
                f"| {rows:,} ({round(rows * POSITIVE_SHARE):,} positive) | {equal.standard_error:.4f} "
                f"| {equal.found_worse:.1%} | {worse.found_worse:.1%} | {worse.expected_power(LOSS):.1%} "
                f"| {detectable:.3f} |",
                flush=True,
            )
        print()


if __name__ == "__main__":
    print_tables(
        int(sys.argv[1]) if len(sys.argv) > 1 else 1, int(sys.argv[2]) if len(sys.argv) > 2 else 1_000
    )
