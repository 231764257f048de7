"""Calibration: whether rows given a probability of p come true p of the time."""

from collections.abc import Sequence

import numpy as np

from autowatch.gate_decision import CalibrationPoint

_INNER_EDGES = np.linspace(0, 1, 11)[1:-1]
"""Ten bins of equal width; a probability on an edge belongs to the bin below."""


def calibration_curve(positive: np.ndarray, probability: np.ndarray) -> tuple[CalibrationPoint, ...]:
    """The points of the bins that have rows, by rising probability.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        probability: shape (n,), float: the predicted probability of the positive label.
    """
    bins = np.searchsorted(_INNER_EDGES, probability)
    rows, predicted, observed = (
        np.bincount(bins, weights, minlength=len(_INNER_EDGES) + 1)
        for weights in (None, probability, positive)
    )
    return tuple(
        CalibrationPoint(
            float(predicted[place] / rows[place]), float(observed[place] / rows[place]), int(rows[place])
        )
        for place in np.flatnonzero(rows)
    )


def expected_calibration_error(curve: Sequence[CalibrationPoint]) -> float:
    """The mean distance between predicted and observed, each bin weighted by its rows (Naeini, Cooper and
    Hauskrecht 2015)."""
    rows = sum(point.rows for point in curve)
    return sum(point.rows * abs(point.predicted - point.observed) for point in curve) / rows
