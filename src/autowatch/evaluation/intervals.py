"""Estimates from a sample, each with its 95 % interval."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

Z = float(ndtri(0.975))
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True)
class Estimate:
    """A figure, and between what it lies with 95 % confidence; None where the sample does not allow one."""

    value: float
    lower: float | None
    upper: float | None


@dataclass(frozen=True)
class Bounded(Estimate):
    """An estimate whose interval the sample tells."""

    lower: float
    upper: float


def share_estimate(hits: int, rows: int) -> Bounded:
    """The share of `hits` in `rows` (at least one), with Wilson's score interval (Wilson 1927)."""
    share = hits / rows
    centre = (share + Z**2 / (2 * rows)) / (1 + Z**2 / rows)
    half = Z / (1 + Z**2 / rows) * math.sqrt(share * (1 - share) / rows + (Z / (2 * rows)) ** 2)
    # Rounding must not put the share itself outside.
    return Bounded(share, min(share, max(0.0, centre - half)), max(share, min(1.0, centre + half)))


def mean_estimate(values: np.ndarray, quantile: float = Z) -> Estimate:
    """The mean of `values`, shape (n,), n at least 1, with the normal interval of the central limit theorem.

    Of a single value there is no spread, so no interval. Of a few that are themselves nearly normal, Student's
    `quantile` with n - 1 degrees of freedom gives the right one.
    """
    mean = float(np.mean(values))
    if len(values) < 2:
        return Estimate(mean, None, None)
    half = quantile * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return Bounded(mean, mean - half, mean + half)


def f1_estimate(true_positives: int, false_positives: int, false_negatives: int) -> Bounded | None:
    """F1, with the interval of the Jaccard index, whose rising function it is; None where every row is a true negative.

    Of the rows that are not true negatives the share of true positives is J = TP / (TP + FP + FN). Given how many
    such rows there are, TP is binomial, so Wilson's interval holds for J; and F1 = 2 J / (1 + J).
    """
    rows = true_positives + false_positives + false_negatives
    if rows == 0:
        return None
    jaccard = share_estimate(true_positives, rows)
    return Bounded(*(2 * each / (1 + each) for each in (jaccard.value, jaccard.lower, jaccard.upper)))
