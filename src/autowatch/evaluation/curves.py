"""Calibration: whether rows given a probability of p come true p of the time.

The ROC curve, in few enough points to be kept and drawn.
"""

from collections.abc import Sequence

import numpy as np

from autowatch.evaluation.figures import CalibrationPoint

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


_MOST_POINTS = 101


def roc_curve(positive: np.ndarray, score: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Points (false positive rate, true positive rate) from (0, 0) to (1, 1), at most 101 of them, evenly along the
    curve.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one; both classes occur.
        score: shape (n,), float: the higher, the rather positive.
    """
    order = np.argsort(-score, kind="stable")
    ends_of_ties = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[ends_of_ties]
    false_alarms = ends_of_ties + 1 - hits
    rates = np.zeros((len(hits) + 1, 2))
    rates[1:, 0] = false_alarms / false_alarms[-1]
    rates[1:, 1] = hits / hits[-1]
    return tuple((float(x), float(y)) for x, y in thinned(rates, rates.sum(axis=1)))


def thinned(points: np.ndarray, along: np.ndarray) -> np.ndarray:
    """At most 101 of the points, whose distances along the curve are as even as they allow.

    Args:
        points: shape (n, ...).
        along: shape (n,), rising: how far along the curve each of them lies.
    """
    if len(points) <= _MOST_POINTS:
        return points
    wanted = np.linspace(along[0], along[-1], _MOST_POINTS)
    return points[np.unique(np.searchsorted(along, wanted - 1e-12))]
