"""The area under the ROC curve with its 95 % interval, from scores or only from counts."""

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.special import stdtrit

from autowatch.evaluation.classification import area_under_curve, average_ranks
from autowatch.evaluation.figures import Bounded
from autowatch.evaluation.intervals import Z, logit_interval

_STEPS = 60
"""Bisections of an interval of length 1, down to the last bit of a float."""


def auc_estimate(positive: np.ndarray, score: np.ndarray, confidence: float = 0.95) -> Bounded | None:
    """The AUC of scored rows with its interval; None unless each class has at least two rows.

    The variance is DeLong's (DeLong, DeLong and Clarke-Pearson 1988), computed from ranks (Sun and Xu 2014). The
    interval is built on the logit scale, where it is nearly symmetric (Pepe 2003, section 5.2), with Student's t for
    the rarer class. If the classes are perfectly separated, that variance is 0, and `auc_estimate_of_counts` gives the
    interval. It does so too if all scores of one class are equal and those of the other are not, which may be by
    chance.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one.
        score: shape (n,), float: higher means more likely positive.
        confidence: of the interval; without a variance it is 95 %.
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if min(positives, negatives) < 2:
        return None
    auc = area_under_curve(positive, score)
    of_positives, of_negatives = _variances(positive, score)
    if auc in (0.0, 1.0) or (of_positives == 0) != (of_negatives == 0):
        return auc_estimate_of_counts(auc, positives, negatives)
    quantile = float(stdtrit(min(positives, negatives) - 1, 0.5 + confidence / 2))
    return logit_interval(auc, math.sqrt(of_positives + of_negatives), quantile)


def macro_auc(actual: np.ndarray, probabilities: np.ndarray, classes: Sequence[int]) -> Bounded:
    """The mean of the AUCs of several classes, each against all others.

    Each row contributes to all of these AUCs, so they are not independent. Each row's contribution to their mean is
    known (`class_influences`), and the variance is that of the contributions within each class. For a single AUC it
    equals DeLong's.

    Args:
        actual: shape (n,), int: the place of each row's true label.
        probabilities: shape (n, labels), float.
        classes: the places of the classes to average, at least one; each has two rows or more, as do its other classes
            together.
    """
    auc, influence = class_influences(actual, probabilities, classes)
    variance, rows = variance_by_class(influence, actual)
    if auc in (0.0, 1.0) or variance == 0:
        fewest = int(np.bincount(actual)[list(classes)].min())
        return auc_estimate_of_counts(auc, fewest, len(actual) - fewest)
    return logit_interval(auc, math.sqrt(variance), float(stdtrit(rows - 1, 0.975)))


def variance_by_class(values: np.ndarray, actual: np.ndarray) -> tuple[float, float]:
    """The variance of the sum of the classes' means, and the rows of one class that would estimate it equally well.

    The latter is one more than the degrees of freedom of Welch (1947) and Satterthwaite (1946): about the size of the
    smallest class if that contributes most of the variance, and larger otherwise.

    Args:
        values: shape (n,), float.
        actual: shape (n,), int: the class of each; a class with a single value is left out.
    """
    parts = [values[actual == place] for place in np.flatnonzero(np.bincount(actual) > 1)]
    variances = [_variance_of_mean(part) for part in parts]
    total = sum(variances)
    if total == 0:
        return 0.0, float(max(len(part) for part in parts))
    freedom = sum(each**2 / (len(part) - 1) for each, part in zip(variances, parts, strict=True))
    return total, total**2 / freedom + 1


def class_influences(
    actual: np.ndarray, probabilities: np.ndarray, classes: Sequence[int]
) -> tuple[float, np.ndarray]:
    """The mean of the AUCs of these classes, and each row's contribution to it; arguments as for `macro_auc`.

    Returns:
        The mean, and an array of shape (n,). The classes' mean contributions add up to twice the mean AUC: a row counts
            once with its own label and once among the others.
    """
    influence, total = np.zeros(len(actual)), 0.0
    of_class = np.bincount(actual, minlength=probabilities.shape[1])
    for place in classes:
        ours, score = actual == place, probabilities[:, place]
        below, above = _placements(ours, score)
        influence[ours] += below
        influence[~ours] += above * of_class[actual[~ours]] / len(above)
        total += float(np.mean(below))
    return total / len(classes), influence / len(classes)


def auc_estimate_of_counts(auc: float, positives: int, negatives: int) -> Bounded:
    """The AUC's interval, if only the number of rows in each class is known.

    It contains the true AUCs that differ from this one by at most 1.96 of their standard errors, by the formula of
    Hanley and McNeil (1982) in Newcombe's form (2006, method 5).
    """

    def too_far(true: float) -> bool:
        return abs(auc - true) > Z * math.sqrt(_variance_of_counts(true, positives, negatives))

    return Bounded(auc, _last_within(auc, 0.0, too_far), _last_within(auc, 1.0, too_far))


def _variances(positive: np.ndarray, score: np.ndarray) -> tuple[float, float]:
    """The contributions of the positive and of the negative rows to the variance."""
    below, above = _placements(positive, score)
    return _variance_of_mean(below), _variance_of_mean(above)


def _placements(positive: np.ndarray, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each positive row the share of negative rows that score lower, and vice versa; ties count half."""
    ours, others = score[positive], score[~positive]
    ranks = average_ranks(score)
    below = (ranks[positive] - average_ranks(ours)) / len(others)
    return below, 1 - (ranks[~positive] - average_ranks(others)) / len(ours)


def _variance_of_mean(values: np.ndarray) -> float:
    # If all values are equal, rounding may move the mean by a bit and make the variance non-zero.
    return float(np.var(values, ddof=1)) / len(values) if np.ptp(values) else 0.0


def _variance_of_counts(auc: float, positives: int, negatives: int) -> float:
    others = (positives + negatives) / 2 - 1
    of_ranks = 1 + others * ((1 - auc) / (2 - auc) + auc / (1 + auc))
    return auc * (1 - auc) * of_ranks / (positives * negatives)


def _last_within(inside: float, outside: float, too_far: Callable[[float], bool]) -> float:
    """The last place from `inside` towards `outside` that is not too far, by bisection."""
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        if too_far(middle):
            outside = middle
        else:
            inside = middle
    return inside
