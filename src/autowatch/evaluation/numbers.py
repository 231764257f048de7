"""Measures of predicted numbers against the true ones.

Numbers may be as large as a float allows. Errors are computed in a power of two of the target's unit, which changes no
digit, so that no square overflows.
"""

import math
import sys
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from autowatch.evaluation.classification import average_ranks
from autowatch.evaluation.figures import BiasBin, Bounded, Estimate, NumberTable
from autowatch.evaluation.intervals import Z, mean_estimate

ErrorMeasure = Literal["rmse", "mae"]


_LARGEST = sys.float_info.max

_SMALLEST_VARIANCE = 1e-200
"""The variance of the target, scaled with the predictions to at most 1, below which R² does not fit a float."""

_LEVELS = (0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)

_TENTHS = np.linspace(0, 1, 11)[1:-1]

_BINS = 20
"""Bins on each axis of the chart of predicted against true numbers."""

_OUTSIDE = 0.005
"""The share of numbers beyond each edge of the chart, so that one outlier does not empty the rest."""


def number_estimates(actual: np.ndarray, predicted: np.ndarray) -> dict[str, Estimate | None]:
    """RMSE, MAE and R² of at least one row, each with its interval.

    The mean squared error and its ratio to the target's variance, 1 - R², are positive and skewed. So their intervals
    are on the log scale, with the variance by the delta method and Student's t. R² is scikit-learn's, relative to the
    mean of these rows. It is None for a single row and for a constant target, where nothing is left to explain.

    Args:
        actual: shape (n,), float: the true numbers.
        predicted: shape (n,), float.
    """
    unit = unit_of(actual, predicted)
    scaled, errors = actual / unit, predicted / unit - actual / unit
    mae = mean_estimate(np.abs(errors))
    return {
        "rmse": _in_unit(_root(_positive_mean(errors**2)), unit),
        "mae": _in_unit(
            Estimate(mae.value, None if mae.lower is None else max(0.0, mae.lower), mae.upper), unit
        ),
        "r2": _r2(scaled, errors),
    }


def _r2(actual: np.ndarray, errors: np.ndarray) -> Bounded | None:
    deviations = (actual - actual.mean()) ** 2
    variance = float(deviations.mean())
    if len(actual) < 2 or np.ptp(actual) == 0 or variance < _SMALLEST_VARIANCE:
        return None
    unexplained = float(np.mean(errors**2)) / variance
    bounded = _log_bounded(unexplained, (errors**2 - unexplained * deviations) / variance)
    return Bounded(1 - bounded.value, 1 - bounded.upper, 1 - bounded.lower)


def _positive_mean(values: np.ndarray) -> Estimate:
    mean = float(np.mean(values))
    return Estimate(mean, None, None) if len(values) < 2 else _log_bounded(mean, values - mean)


def _log_bounded(value: float, influence: np.ndarray) -> Bounded:
    """A positive figure with its interval, from the rows' influences on it, shape (n,), n at least 2."""
    if value == 0:
        return Bounded(0.0, 0.0, 0.0)
    rows = len(influence)
    half = float(stdtrit(rows - 1, 0.975)) * float(np.std(influence, ddof=1)) / (value * math.sqrt(rows))
    return Bounded(value, value * math.exp(-half), value * math.exp(half))


def _root(estimate: Estimate) -> Estimate:
    ends = (estimate.lower, estimate.upper)
    return Estimate(math.sqrt(estimate.value), *(None if end is None else math.sqrt(end) for end in ends))


def _in_unit(estimate: Estimate, unit: float) -> Estimate:
    if estimate.lower is None or estimate.upper is None:
        return Estimate(in_unit(estimate.value, unit), None, None)
    return Bounded(*(in_unit(each, unit) for each in (estimate.value, estimate.lower, estimate.upper)))


def unit_of(*numbers: np.ndarray) -> float:
    """The power of two that scales all numbers, arrays of shape (n,), to between -1 and 1; 1 if all are 0."""
    largest = max((float(np.max(np.abs(each))) for each in numbers if len(each)), default=0.0)
    return math.ldexp(1.0, min(math.frexp(largest)[1], sys.float_info.max_exp - 1)) if largest else 1.0


def in_unit(value: float, unit: float) -> float:
    """The number in the target's unit; the largest float if it is too large for one."""
    return min(max(value * unit, -_LARGEST), _LARGEST)


def row_losses(actual: np.ndarray, predicted: np.ndarray, measure: ErrorMeasure) -> np.ndarray:
    """Each row's squared or absolute error; `mean_loss` computes the measure from their mean."""
    errors = predicted - actual
    return errors**2 if measure == "rmse" else np.abs(errors)


def mean_loss(means: Sequence[float], measure: ErrorMeasure) -> list[float]:
    """The measures for these means of `row_losses`."""
    return [math.sqrt(mean) if measure == "rmse" else float(mean) for mean in means]


def rank_correlation(actual: np.ndarray, predicted: np.ndarray) -> Bounded | None:
    """Spearman's, with Bonett and Wright's interval (2000); None for under four rows or if one side is constant."""
    if len(actual) < 4 or np.ptp(actual) == 0 or np.ptp(predicted) == 0:
        return None
    found = float(np.corrcoef(average_ranks(actual), average_ranks(predicted))[0, 1])
    inside = min(max(found, -1 + 1e-12), 1 - 1e-12)
    half = Z * math.sqrt((1 + inside**2 / 2) / (len(actual) - 3))
    return Bounded(found, *(math.tanh(math.atanh(inside) + side * half) for side in (-1, 1)))


def number_table(actual: np.ndarray, predicted: np.ndarray) -> NumberTable:
    """The tables for pages, from at least one row; arguments as for `number_estimates`."""
    unit = unit_of(actual, predicted)
    true, given = actual / unit, predicted / unit
    levels = np.quantile(given - true, _LEVELS).tolist()
    edges, counts = _against_each_other(true, given)
    return NumberTable(
        bias=tuple(_bias_bins(true, given, unit)),
        error_quantiles=tuple(
            (level, in_unit(value, unit)) for level, value in zip(_LEVELS, levels, strict=True)
        ),
        edges=tuple(in_unit(edge, unit) for edge in edges.tolist()),
        counts=tuple(tuple(of_bin) for of_bin in counts.tolist()),
    )


def _bias_bins(actual: np.ndarray, predicted: np.ndarray, unit: float) -> list[BiasBin]:
    bins = np.searchsorted(np.unique(np.quantile(predicted, _TENTHS)), predicted)
    found = []
    for place in np.unique(bins):
        true, given = actual[bins == place], predicted[bins == place]
        bias = _in_unit(mean_estimate(given - true), unit)
        mean_given, mean_true = (in_unit(float(each.mean()), unit) for each in (given, true))
        found.append(BiasBin(mean_given, mean_true, bias.value, bias.lower, bias.upper, len(true)))
    return found


def _against_each_other(actual: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Edges, shape (21,), and counts of rows, shape (20, 20), by the true number's bin and the predicted one's."""
    ends = np.quantile(np.concatenate([actual, predicted]), (_OUTSIDE, 1 - _OUTSIDE))
    edges = np.linspace(float(ends[0]), float(ends[1]), _BINS + 1)
    rows, columns = (np.searchsorted(edges[1:-1], each) for each in (actual, predicted))
    return edges, np.bincount(rows * _BINS + columns, minlength=_BINS**2).reshape(_BINS, _BINS)
