"""The hold-out's rows as the gate judges them: the truth, and the labels that they get when the model serves.

Also: sets the decision threshold on the challenger's scores.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from autowatch.evaluation.judged import BinaryRows, ClassRows, JudgedRows, NumberRows
from autowatch.evaluation.numbers import ErrorMeasure
from autowatch.evaluation.threshold import best_threshold, predict_without_own_row
from autowatch.records.contract import Contract
from autowatch.records.problem import ProblemType
from autowatch.records.threshold import DecisionThreshold, ThresholdRule
from autowatch.training.gate.holdout import HoldoutScores


def judged_rows(
    scores: HoldoutScores, model: Contract, challenger: Contract, error: ErrorMeasure
) -> JudgedRows:
    """The rows that the model with the contract `model` scored, with the predictions that they get when it serves.

    Args:
        scores: of the challenger's positive label, or of its labels.
        challenger: the challenger's contract.
        error: the error measure that compares models of numbers.
    """
    return _ROWS[challenger.problem_type](scores, model, challenger, error)


def _binary(scores: HoldoutScores, model: Contract, challenger: Contract, _error: ErrorMeasure) -> JudgedRows:
    label = challenger.positive_label
    return BinaryRows(scores.positive(label), labels_in_use(scores, model, label), scores.probabilities())


def _classes(
    scores: HoldoutScores, _model: Contract, challenger: Contract, _error: ErrorMeasure
) -> JudgedRows:
    places = {label: place for place, label in enumerate(challenger.labels)}
    actual, predicted = (
        np.array([places[label] for label in labels], dtype=np.int64)
        for labels in (scores.actual, scores.predicted)
    )
    probabilities = scores.label_probabilities()
    return ClassRows(challenger.labels, actual, predicted, scores.probabilities(), probabilities)


def _numbers(
    scores: HoldoutScores, _model: Contract, _challenger: Contract, error: ErrorMeasure
) -> JudgedRows:
    return NumberRows(scores.actual_numbers(), scores.predicted_numbers(), error)


_ROWS: Mapping[ProblemType, Callable[[HoldoutScores, Contract, Contract, ErrorMeasure], JudgedRows]] = {
    "binary": _binary,
    "multiclass": _classes,
    "regression": _numbers,
}


def set_threshold(
    scores: HoldoutScores, contract: Contract, rule: ThresholdRule | None
) -> DecisionThreshold | None:
    """The threshold by the stack's parameters; None if the model chooses the label, or does not choose between two."""
    if rule is None or contract.problem_type != "binary":
        return None
    if rule.value is not None:
        return DecisionThreshold(rule.value, "parameter")
    value = best_threshold(scores.positive(contract.positive_label), scores.probabilities(), rule.costs)
    return DecisionThreshold(value, "cost" if rule.costs else "f1", rule.costs)


def labels_in_use(scores: HoldoutScores, contract: Contract, positive_label: str) -> np.ndarray:
    """Which rows get `positive_label` when the model with this contract serves; shape (rows scored,), bool.

    The scores hold P(`positive_label`), which is the challenger's positive label and may be the champion's negative
    one.
    """
    threshold = contract.decision_threshold
    if threshold is None:
        return np.array(scores.predicted) == positive_label
    if contract.positive_label == positive_label:
        return scores.probabilities() >= threshold.value
    return 1 - scores.probabilities() < threshold.value


def rows_to_measure(contract: Contract, rows: JudgedRows) -> JudgedRows:
    """The challenger's rows with labels that do not flatter precision, recall and F1.

    If the threshold was chosen on these rows, each row gets its label by a threshold chosen on other rows.
    """
    threshold = contract.decision_threshold
    if threshold is None or threshold.chosen_by == "parameter" or not isinstance(rows, BinaryRows):
        return rows
    return replace(rows, predicted=predict_without_own_row(rows.positive, rows.probability, threshold.costs))
