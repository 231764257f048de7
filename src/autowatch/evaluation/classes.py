"""Measures of predictions of several classes against the true labels."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np

from autowatch.evaluation.auc import auc_estimate, macro_auc
from autowatch.evaluation.classification import SMALLEST_PROBABILITY
from autowatch.evaluation.curves import calibration_curve, expected_calibration_error
from autowatch.evaluation.figures import Bounded, ClassFigures, ClassTable, Estimate
from autowatch.evaluation.intervals import (
    f1_estimate,
    logit_interval,
    mean_estimate,
    mean_of_shares,
    share_estimate,
)


def class_estimates(
    actual: np.ndarray, predicted: np.ndarray, given: np.ndarray, probabilities: np.ndarray | None
) -> dict[str, Estimate | None]:
    """The measures of at least one row, each with its interval; None where the rows do not determine it.

    A macro measure is the mean over classes: AUCs over classes with two rows, recalls (balanced accuracy) and F1 over
    classes with a row. A class that the rows lack would have an F1 of 0 because of a single prediction. The calibration
    error is that of the predicted label's probability and has no interval (see `BinaryRows.estimates`).

    Args:
        actual, predicted: shape (n,), int: the places of the true and of the predicted label.
        given: shape (n,), float: the probability of the predicted label.
        probabilities: shape (n, labels), float: of each label; None if unknown, in which case there is no AUC and no
            log loss.
    """
    right = actual == predicted
    counts = np.bincount(actual)
    pairs, there = np.flatnonzero(counts >= 2).tolist(), np.flatnonzero(counts).tolist()
    known = probabilities if len(pairs) > 1 else None
    return {
        "macro_auc": None if known is None else macro_auc(actual, known, pairs),
        "accuracy": share_estimate(int(right.sum()), len(right)),
        "balanced_accuracy": balanced_accuracy(actual, predicted, there),
        "macro_f1": macro_f1(actual, predicted, there),
        "log_loss": None if probabilities is None else _log_loss(actual, probabilities),
        "calibration_error": Estimate(
            expected_calibration_error(calibration_curve(right, given)), None, None
        ),
    }


def balanced_accuracy(actual: np.ndarray, predicted: np.ndarray, places: Sequence[int]) -> Bounded:
    """The mean recall of the classes with these places, at least one; each has a row."""
    counts = np.bincount(actual)
    hits = np.bincount(actual[actual == predicted], minlength=len(counts))
    return mean_of_shares([share_estimate(int(hits[place]), int(counts[place])) for place in places])


def macro_f1(actual: np.ndarray, predicted: np.ndarray, places: Sequence[int]) -> Estimate:
    """The mean F1 of the classes with these places, at least one; each has a row.

    Its interval is on the logit scale by the delta method, sampling rows with both their labels. F1 is 2 TP / (rows
    with the label + rows that got it).
    """
    rows, count = len(actual), int(max(actual.max(), predicted.max())) + 1
    right, classes = actual == predicted, np.isin(np.arange(count), places)
    either = np.bincount(actual, minlength=count) + np.bincount(predicted, minlength=count)
    f1 = 2 * np.bincount(actual[right], minlength=count) / np.maximum(either, 1)
    value = float(f1[classes].mean())
    if rows < 2:
        return Estimate(value, None, None)
    weight = classes * rows / (len(places) * np.maximum(either, 1))
    influence = 2 * right * weight[actual] - (f1 * weight)[actual] - (f1 * weight)[predicted]
    standard_error = float(np.std(influence, ddof=1)) / math.sqrt(rows)
    if standard_error == 0 or not 0 < value < 1:
        # All rows are right, or all are wrong: then the interval is that of a share.
        return Bounded(value, *_ends(share_estimate(round(value * rows), rows), value))
    return logit_interval(value, standard_error)


def _ends(share: Bounded, value: float) -> tuple[float, float]:
    return min(share.lower, value), max(share.upper, value)


def _log_loss(actual: np.ndarray, probabilities: np.ndarray) -> Estimate:
    """As scikit-learn's, for probabilities that sum to 1."""
    of_actual = probabilities[np.arange(len(actual)), actual]
    return mean_estimate(-np.log(np.clip(of_actual, SMALLEST_PROBABILITY, 1 - SMALLEST_PROBABILITY)))


def class_table(
    labels: Sequence[str], actual: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray | None
) -> ClassTable:
    """How well each of the labels is predicted; the other arguments as for `class_estimates`."""
    count = len(labels)
    confusion = np.bincount(actual * count + predicted, minlength=count**2).reshape(count, count)
    return ClassTable(
        tuple(
            _class_figures(label, place, confusion, actual, probabilities)
            for place, label in enumerate(labels)
        ),
        tuple(tuple(row) for row in confusion.tolist()),
    )


def _class_figures(
    label: str, place: int, confusion: np.ndarray, actual: np.ndarray, probabilities: np.ndarray | None
) -> ClassFigures:
    hits, rows, predicted = (
        int(each) for each in (confusion[place, place], confusion[place].sum(), confusion[:, place].sum())
    )
    return ClassFigures(
        label=label,
        rows=rows,
        predicted=predicted,
        precision=share_estimate(hits, predicted) if predicted else None,
        recall=share_estimate(hits, rows) if rows else None,
        f1=f1_estimate(hits, predicted - hits, rows - hits),
        auc=None if probabilities is None else auc_estimate(actual == place, probabilities[:, place]),
    )


def exchanged_labels(
    actual: np.ndarray, probabilities: np.ndarray, limit: float
) -> tuple[int, int, Bounded] | None:
    """Two classes that a model takes for each other, and the AUC between them (Hand and Till 2001).

    Returns their places and the AUC, which is below `limit` with 95 % confidence; of several pairs the one with the
    lowest AUC, None if there is no such pair. The confidence covers all pairs together (Bonferroni): among many pairs,
    chance alone would produce one.

    Args:
        actual, probabilities: as for `class_estimates`.
    """
    rows_of = {place: np.flatnonzero(actual == place) for place in range(probabilities.shape[1])}
    pairs = list(combinations([place for place, rows in rows_of.items() if len(rows) > 1], 2))
    found = []
    for one, other in pairs:
        rows = np.concatenate([rows_of[one], rows_of[other]])
        score = probabilities[rows, one] - probabilities[rows, other]
        auc = auc_estimate(actual[rows] == one, score, 1 - 0.05 / len(pairs))
        if auc is not None and auc.upper < limit:
            found.append((one, other, auc))
    return min(found, key=lambda pair: pair[2].value, default=None)
