"""Calibration: whether, of the rows with a predicted probability of p, a share p is positive.

Also: the ROC curve and cumulative gain, in few enough points to store and draw.
"""

from collections.abc import Sequence

import numpy as np

from autowatch.evaluation.figures import CalibrationPoint

_INNER_EDGES = np.linspace(0, 1, 11)[1:-1]
"""Ten bins of equal width; a probability on an edge belongs to the bin below."""


def calibration_curve(positive: np.ndarray, probability: np.ndarray) -> tuple[CalibrationPoint, ...]:
    """The points of the bins that have rows, by ascending probability.

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
    """The mean distance between predicted and observed, weighted by rows (Naeini, Cooper and Hauskrecht 2015)."""
    rows = sum(point.rows for point in curve)
    return sum(point.rows * abs(point.predicted - point.observed) for point in curve) / rows


_MOST_POINTS = 101


def roc_curve(positive: np.ndarray, score: np.ndarray) -> tuple[tuple[float, float], ...]:
    """At most 101 points (false positive rate, true positive rate) from (0, 0) to (1, 1), evenly along the curve.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one; both classes occur.
        score: shape (n,), float: higher means more likely positive.
    """
    rows, hits = _counts_by_falling_score(positive, score)
    false_alarms = rows - hits
    return _points(false_alarms / false_alarms[-1], hits / hits[-1])


def gain_curve(positive: np.ndarray, score: np.ndarray) -> tuple[tuple[float, float], ...]:
    """The cumulative gain: at most 101 points from (0, 0) to (1, 1), evenly along the curve.

    A point is the share of the rows, taken by descending score, and the share of all positive rows among them. Rows of
    equal score are taken together.

    Args:
        positive, score: as for `roc_curve`; at least one positive row.
    """
    rows, hits = _counts_by_falling_score(positive, score)
    return _points(rows / rows[-1], hits / hits[-1])


def lift(positive: np.ndarray, score: np.ndarray, share: float) -> float:
    """How many times as many positive rows are in the top `share` of the rows as in a random sample of that size.

    If the share ends among rows of equal score, these count in proportion, as if drawn at random.

    Args:
        positive, score: as for `gain_curve`.
        share: above 0 and at most 1.
    """
    rows, hits = _counts_by_falling_score(positive, score)
    return float(np.interp(share * rows[-1], rows, hits) / (share * hits[-1]))


def _counts_by_falling_score(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Running counts by descending score, ties together, from 0: the rows taken, and the positive rows among them."""
    order = np.argsort(-score, kind="stable")
    ends_of_ties = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[ends_of_ties]
    return np.append(0, ends_of_ties + 1), np.append(0, hits)


def _points(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(across), float(up)) for across, up in thinned(np.column_stack([x, y]), x + y))


def thinned(points: np.ndarray, along: np.ndarray) -> np.ndarray:
    """At most 101 of the points, spaced as evenly along the curve as they allow.

    Args:
        points: shape (n, ...).
        along: shape (n,), ascending: how far along the curve each point lies.
    """
    if len(points) <= _MOST_POINTS:
        return points
    wanted = np.linspace(along[0], along[-1], _MOST_POINTS)
    return points[np.unique(np.searchsorted(along, wanted - 1e-12))]
