"""Measures of predictions of two classes against the true labels.

Ranks are computed here as in `scipy.stats`, whose import takes longer than all other imports of a function.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import xlogy

from autowatch.evaluation.curves import calibration_curve, expected_calibration_error

SMALLEST_PROBABILITY = 1e-15
"""The log loss of a certain but wrong prediction is infinite; as in scikit-learn, probabilities are clipped here."""


@dataclass(frozen=True)
class Quality:
    """Measures of n predictions; higher is better, except for the last three."""

    auc: float
    accuracy: float
    precision: float
    recall: float
    f1: float
    log_loss: float
    brier: float
    calibration_error: float


def measure(positive: np.ndarray, predicted: np.ndarray, probability: np.ndarray) -> Quality:
    """The quality of predictions.

    Args:
        positive: shape (n,), bool: whether the row's true label is the positive one; both classes occur.
        predicted: shape (n,), bool: whether the positive label was predicted.
        probability: shape (n,), float: the predicted probability of the positive label.

    Precision is 0 if nothing was predicted positive; F1 is 0 if there is no true positive.
    """
    hits = int(np.sum(positive & predicted))
    precision = hits / max(1, int(predicted.sum()))
    recall = hits / max(1, int(positive.sum()))
    return Quality(
        auc=area_under_curve(positive, probability),
        accuracy=float(np.mean(positive == predicted)),
        precision=precision,
        recall=recall,
        f1=2 * precision * recall / (precision + recall) if hits else 0.0,
        log_loss=float(np.mean(log_losses(positive, probability))),
        brier=float(np.mean(squared_errors(positive, probability))),
        calibration_error=expected_calibration_error(calibration_curve(positive, probability)),
    )


def area_under_curve(positive: np.ndarray, score: np.ndarray) -> float:
    """The area under the ROC curve: the chance that a positive row outscores a negative one; ties count half.

    By ranks, as the Mann-Whitney statistic U / (n₁ n₀) (Hanley and McNeil 1982).
    """
    positives = int(positive.sum())
    negatives = len(positive) - positives
    rank_sum = float(average_ranks(score)[positive].sum())
    return (rank_sum - positives * (positives + 1) / 2) / (positives * negatives)


def log_losses(positive: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Each row's contribution to the log loss, in nats; their mean is the log loss. Arguments as for `measure`."""
    clipped = np.clip(probability, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)
    return -(xlogy(positive, clipped) + xlogy(~positive, 1 - clipped))


def squared_errors(positive: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Each row's contribution to the Brier score; their mean is the score. Arguments as for `measure`."""
    return (probability - positive) ** 2


def average_ranks(values: np.ndarray) -> np.ndarray:
    """The rank of each of `values`, shape (n,), without NaN, starting from 1; equal values share their mean rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]
