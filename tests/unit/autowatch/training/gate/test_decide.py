"""The decision about models of several labels and of numbers, from the scores of their hold-outs."""

import json
from array import array
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from scipy.special import softmax
from sklearn.metrics import r2_score, roc_auc_score, root_mean_squared_error

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract
from autowatch.records.decision import to_decision
from autowatch.records.threshold import ThresholdRule
from autowatch.training.gate.checks import GateRules
from autowatch.training.gate.holdout import HoldoutScores, ScoredChampion
from autowatch.training.gate.judge import decide
from autowatch.training.gate.rows import set_threshold

LABELS, ROWS = ("high", "low", "middle"), 600
CLASSES = Contract(
    "new", "risk", LABELS, "", (), (), 1, 1, ObjectVersion("t", None, "e", 1), problem_type="multiclass"
)
NUMBERS = replace(CLASSES, target="price", labels=(), problem_type="regression")
RULES = GateRules(0.6)
ACTUAL = np.arange(ROWS) % 3


def class_scores(strength, numbers=range(1, ROWS + 1), seed=1):
    """Scores of a model whose probabilities lean towards the true label by this amount."""
    random = np.random.default_rng(seed)
    places = np.array(numbers) - 1
    scores = random.normal(size=(ROWS, 3))[places]
    scores[np.arange(len(places)), ACTUAL[places]] += strength
    probabilities = softmax(scores, axis=1)
    return HoldoutScores(
        row_numbers=list(numbers),
        actual=[LABELS[place] for place in ACTUAL[places]],
        predicted=[LABELS[place] for place in probabilities.argmax(axis=1)],
        probability=[repr(float(each)) for each in probabilities.max(axis=1)],
        rejected=[],
        first_rows=[],
        seconds=[0.2, 0.1],
        of_labels=tuple(array("d", column) for column in probabilities.T),
    )


def number_scores(error, numbers=range(1, ROWS + 1), seed=1, sign=1):
    """Scores of a model with errors of this size."""
    random = np.random.default_rng(7)
    places = np.array(numbers) - 1
    actual = random.normal(100, 10, ROWS)[places]
    predicted = sign * (actual + error * np.random.default_rng(seed).normal(size=ROWS)[places])
    texts = [[repr(float(each)) for each in column] for column in (actual, predicted)]
    return HoldoutScores(list(numbers), *texts, [], [], [], [0.2])


def champion(contract, scores, run="old"):
    return ScoredChampion(replace(contract, run=run), scores, len(scores.row_numbers), "")


def kept(decision):
    """The decision after a round trip through gate.json."""
    return to_decision(json.loads(msgspec.json.encode(decision)))


def test_a_first_multiclass_model():
    scores = class_scores(2)
    decision = decide(CLASSES, scores, None, "no model has been released yet", RULES)
    assert decision.passed
    assert (decision.problem_type, decision.decided_by, decision.minimum_auc) == (
        "multiclass",
        "macro_auc",
        None,
    )
    assert decision.floors == {"macro_auc": 0.6}
    assert [check.name for check in decision.checks] == ["floor", "latency"]
    expected = roc_auc_score(ACTUAL, scores.label_probabilities(), multi_class="ovr")
    assert decision.metrics["macro_auc"] == pytest.approx(expected)
    assert list(decision.metrics) == [
        "macro_auc", "accuracy", "balanced_accuracy", "macro_f1", "log_loss", "calibration_error",
    ]  # fmt: skip
    judged = decision.challenger
    lower, upper = judged.intervals["macro_auc"]
    assert lower < expected < upper
    assert [each.label for each in judged.classes.classes] == list(LABELS)
    assert sum(map(sum, judged.classes.confusion)) == ROWS
    assert sum(point.rows for point in judged.calibration) == ROWS
    assert (judged.roc, judged.gain, judged.confusion, judged.numbers) == ((), (), None, None)
    assert kept(decision) == decision


def test_a_multiclass_model_worse_than_the_champion():
    decision = decide(CLASSES, class_scores(1), champion(CLASSES, class_scores(2)), None, RULES)
    assert not decision.passed
    floor, champions, latency = decision.checks
    assert (floor.passed, champions.passed, latency.passed) == (True, False, True)
    assert "against 0.9631 of the champion, run old, on all 600" in champions.message
    assert decision.comparison.measure == "macro_auc"
    assert decision.champion.metrics["macro_auc"] == pytest.approx(decision.comparison.champion)
    assert kept(decision) == decision
    tolerant = replace(RULES, auc_tolerance=0.5)
    assert decide(CLASSES, class_scores(1), champion(CLASSES, class_scores(2)), None, tolerant).passed


def test_an_equal_multiclass_model_passes_on_the_rows_that_both_scored():
    theirs = class_scores(2, range(1, ROWS + 1, 2))
    decision = decide(CLASSES, class_scores(2), champion(CLASSES, theirs), None, RULES)
    assert decision.passed
    assert (decision.comparison.rows, decision.comparison.difference) == (ROWS // 2, 0)


def test_a_first_regression_model():
    scores = number_scores(5)
    decision = decide(NUMBERS, scores, None, "no model has been released yet", RULES)
    assert decision.passed
    assert (decision.problem_type, decision.decided_by, decision.floors) == (
        "regression",
        "rmse",
        {"r2": 0.0},
    )
    actual, predicted = scores.actual_numbers(), scores.predicted_numbers()
    assert decision.metrics["rmse"] == pytest.approx(root_mean_squared_error(actual, predicted))
    assert decision.metrics["r2"] == pytest.approx(r2_score(actual, predicted))
    assert set(decision.challenger.intervals) == {"rmse", "mae", "r2"}
    assert sum(each.rows for each in decision.challenger.numbers.bias) == ROWS
    assert (decision.challenger.calibration, decision.challenger.classes) == ((), None)
    assert "AUC" not in decision.reason
    assert kept(decision) == decision


def test_a_regression_that_explains_nothing_is_rejected():
    decision = decide(NUMBERS, number_scores(30), None, "no model has been released yet", RULES)
    assert not decision.passed
    assert "is below the floor of 0." in decision.reason
    lower = replace(RULES, minimum_r2=-1.0)
    assert not decide(NUMBERS, number_scores(30), None, "none", lower).passed
    assert decide(NUMBERS, number_scores(10), None, "none", lower).passed


@pytest.mark.parametrize("error", ["rmse", "mae"])
def test_a_regression_is_compared_by_the_error_of_the_objective(error):
    rules = replace(RULES, error=error)
    decision = decide(NUMBERS, number_scores(6), champion(NUMBERS, number_scores(5, seed=2)), None, rules)
    assert not decision.passed
    assert decision.decided_by == decision.comparison.measure == error
    assert decision.comparison.difference == pytest.approx(0.2, abs=0.12)
    tolerant = replace(rules, error_tolerance=0.5)
    assert decide(
        NUMBERS, number_scores(6), champion(NUMBERS, number_scores(5, seed=2)), None, tolerant
    ).passed


def test_a_target_that_is_constant_in_the_hold_out_has_no_r2_and_is_rejected():
    scores = replace(number_scores(5), actual=["7"] * ROWS)
    decision = decide(NUMBERS, scores, None, "none", RULES)
    assert not decision.passed
    assert "R² cannot be measured" in decision.reason
    assert kept(decision) == decision


def test_a_champion_whose_labels_look_exchanged_stops_a_better_model():
    exchanged = replace(
        class_scores(3), actual=[{"high": "low", "low": "high"}.get(x, x) for x in class_scores(3).actual]
    )
    learnt = replace(class_scores(3), actual=exchanged.actual)
    better = tuple(learnt.of_labels[place] for place in (1, 0, 2))
    decision = decide(CLASSES, replace(learnt, of_labels=better), champion(CLASSES, exchanged), None, RULES)
    assert decision.passed
    assert "tells the labels 'high' and 'low' apart the wrong way round" in decision.approval


def test_a_champion_with_the_wrong_sign_stops_a_better_model():
    decision = decide(NUMBERS, number_scores(5), champion(NUMBERS, number_scores(5, sign=-1)), None, RULES)
    assert decision.passed
    assert "predicts less where the new rows have more" in decision.approval


def test_too_few_rows_for_a_comparison_are_reported():
    theirs = class_scores(2, [1, 4, 7])
    decision = decide(CLASSES, class_scores(2), champion(CLASSES, theirs), None, RULES)
    assert decision.passed
    assert decision.champion is None
    assert "Judged without a champion: Only 1 of the 3 labels have 2 rows" in decision.reason


def test_only_binary_models_have_a_threshold():
    assert set_threshold(class_scores(2), CLASSES, ThresholdRule(0.3)) is None
    assert set_threshold(number_scores(2), NUMBERS, ThresholdRule(0.3)) is None
