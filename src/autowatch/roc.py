"""The ROC curve, in few enough points to be kept and drawn."""

import numpy as np

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
    return tuple((float(x), float(y)) for x, y in _thin(rates))


def _thin(rates: np.ndarray) -> np.ndarray:
    """Points of the curve whose distances along it, going right and up, are as even as its points allow."""
    if len(rates) <= _MOST_POINTS:
        return rates
    wanted = np.linspace(0, 2, _MOST_POINTS)
    return rates[np.unique(np.searchsorted(rates.sum(axis=1), wanted - 1e-12))]
