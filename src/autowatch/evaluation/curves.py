"""Calibration: whether rows given a probability of p come true p of the time.

The ROC curve and the cumulative gain, in few enough points to be kept and drawn.
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
    rows, hits = _counts_by_falling_score(positive, score)
    false_alarms = rows - hits
    return _points(false_alarms / false_alarms[-1], hits / hits[-1])


def gain_curve(positive: np.ndarray, score: np.ndarray) -> tuple[tuple[float, float], ...]:
    """The cumulative gain: points (share of the rows, taken by falling score; share of all positive rows among them)
    from (0, 0) to (1, 1), at most 101 of them, evenly along the curve. Rows of one score are taken together.

    Args:
        positive, score: as for `roc_curve`; one positive row suffices.
    """
    rows, hits = _counts_by_falling_score(positive, score)
    return _points(rows / rows[-1], hits / hits[-1])


def lift(positive: np.ndarray, score: np.ndarray, share: float) -> float:
    """How many times as many positive rows the best `share` of the rows holds as so many rows drawn at random.

    Where the share ends among rows of one score, these count in proportion, as if drawn at random.

    Args:
        positive, score: as for `gain_curve`.
        share: above 0 and at most 1.
    """
    rows, hits = _counts_by_falling_score(positive, score)
    return float(np.interp(share * rows[-1], rows, hits) / (share * hits[-1]))


def _counts_by_falling_score(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """From none to all rows, those of one score at once: how many are taken, and how many of them are positive."""
    order = np.argsort(-score, kind="stable")
    ends_of_ties = np.append(np.flatnonzero(np.diff(score[order])), len(score) - 1)
    hits = np.cumsum(positive[order])[ends_of_ties]
    return np.append(0, ends_of_ties + 1), np.append(0, hits)


def _points(x: np.ndarray, y: np.ndarray) -> tuple[tuple[float, float], ...]:
    return tuple((float(across), float(up)) for across, up in thinned(np.column_stack([x, y]), x + y))


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
