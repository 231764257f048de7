"""The decision threshold at the gate: set on the challenger's scores, and used for the labels that are measured."""

import numpy as np

from autowatch.evaluation.threshold import best_threshold, predict_without_own_row
from autowatch.records.contract import Contract
from autowatch.records.threshold import DecisionThreshold, ThresholdRule
from autowatch.training.gate.holdout import HoldoutScores


def set_threshold(
    scores: HoldoutScores, positive_label: str, rule: ThresholdRule | None
) -> DecisionThreshold | None:
    """The threshold by the stack's parameters; None where the label is the model's own."""
    if rule is None:
        return None
    if rule.value is not None:
        return DecisionThreshold(rule.value, "parameter")
    value = best_threshold(scores.positive(positive_label), scores.probabilities(), rule.costs)
    return DecisionThreshold(value, "cost" if rule.costs else "f1", rule.costs)


def labels_in_use(scores: HoldoutScores, contract: Contract, positive_label: str) -> np.ndarray:
    """Which rows get `positive_label` when the model with this contract serves; shape (rows scored,), bool.

    The scores hold P(`positive_label`), which another model than the challenger need not call its positive one.
    """
    threshold = contract.decision_threshold
    if threshold is None:
        return np.array(scores.predicted) == positive_label
    if contract.positive_label == positive_label:
        return scores.probabilities() >= threshold.value
    return 1 - scores.probabilities() < threshold.value


def labels_to_measure(scores: HoldoutScores, contract: Contract) -> np.ndarray:
    """As `labels_in_use` for the challenger, but where its threshold was chosen on these rows, each row gets its label
    by a threshold chosen on others: otherwise precision, recall and F1 would flatter; shape (rows scored,), bool."""
    threshold = contract.decision_threshold
    if threshold is None or threshold.chosen_by == "parameter":
        return labels_in_use(scores, contract, contract.positive_label)
    positive = scores.positive(contract.positive_label)
    return predict_without_own_row(positive, scores.probabilities(), threshold.costs)
