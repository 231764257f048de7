"""Estimates from a sample, each with its 95 % interval."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import expit, logit, ndtri

from autowatch.evaluation.figures import Bounded, Estimate

Z = float(ndtri(0.975))
"""The normal quantile of a two-sided 95 % interval."""


def share_estimate(hits: int, rows: int) -> Bounded:
    """The share of `hits` in `rows` (at least one), with Wilson's score interval (Wilson 1927)."""
    share = hits / rows
    centre = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * math.sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2)
    # Rounding must not push the share itself outside the interval.
    return Bounded(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def mean_estimate(values: np.ndarray, quantile: float = Z) -> Estimate:
    """The mean of `values`, shape (n,), n at least 1, with the normal interval of the central limit theorem.

    A single value has no spread and so no interval. If a few values are themselves nearly normal, pass Student's
    `quantile` with n - 1 degrees of freedom.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, None, None)
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Bounded(mean, mean - half, mean + half)


def f1_estimate(true_positives: int, false_positives: int, false_negatives: int) -> Bounded | None:
    """F1, with the interval of the Jaccard index, which determines it; None if every row is a true negative.

    Among the rows that are not true negatives the share of true positives is J = TP / (TP + FP + FN). Given the number
    of such rows, TP is binomial, so Wilson's interval holds for J; and F1 = 2 J / (1 + J) increases with J.
    """
    rows = true_positives + false_positives + false_negatives
    if rows == 0:
        return None
    jaccard = share_estimate(true_positives, rows)
    return Bounded(*(2 * each / (1 + each) for each in (jaccard.value, jaccard.lower, jaccard.upper)))


def mean_of_shares(shares: Sequence[Bounded]) -> Bounded:
    """The mean of at least one estimate, from independent samples, such as the recall of several classes.

    Its ends are combined from those of each estimate (MOVER: Zou, Huang and Zhang 2009), which preserves the coverage
    of Wilson's intervals where a class has few rows or no errors.
    """
    count = len(shares)
    mean = sum(each.value for each in shares) / count
    below = math.hypot(*(each.value - each.lower for each in shares)) / count
    above = math.hypot(*(each.upper - each.value for each in shares)) / count
    return Bounded(mean, max(0.0, mean - below), min(1.0, mean + above))


def logit_interval(value: float, standard_error: float, quantile: float = Z) -> Bounded:
    """The interval of a figure strictly between 0 and 1 that is nearly symmetric on the logit scale."""
    half = quantile * standard_error / (value * (1 - value))
    return Bounded(value, float(expit(logit(value) - half)), float(expit(logit(value) + half)))
