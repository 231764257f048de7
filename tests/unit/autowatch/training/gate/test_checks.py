from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit, softmax

from autowatch.aws.objects import ObjectVersion
from autowatch.evaluation.figures import Comparison
from autowatch.evaluation.judged import BinaryRows, ClassRows, NumberRows
from autowatch.records.contract import Contract
from autowatch.records.decision import JudgedModel, Latency
from autowatch.training.gate.checks import GateRules, check_champion, check_floors, check_latency, wrong_way
from autowatch.training.gate.holdout import HoldoutScores, ScoredChampion

RULES = GateRules(minimum_auc=0.6)
MODEL = JudgedModel("new", 8_237, {"auc": 0.6}, (), (), Latency(5, 30.0, 58.0))
CONTRACT = Contract("old", "y", ("no", "yes"), "yes", (), (), 1, 1, ObjectVersion("t", None, "e", 1))
CHAMPION = ScoredChampion(CONTRACT, HoldoutScores([], [], [], [], [], [], ()), 8_240, "")
COMPARISON = Comparison(8_237, 0.77, 0.78, -0.01, -0.0213, 0.0, 0.95, 0.006, 0.0149, 2_000, 1)


@pytest.mark.parametrize(("auc", "passed"), [(0.6, True), (0.5999, False)])
def test_the_floor_itself_passes_and_lower_values_do_not(auc, passed):
    (check,) = check_floors(replace(MODEL, metrics={"auc": auc}), RULES.floors("binary"))
    assert (check.name, check.passed) == ("floor", passed)
    assert check.message == (
        f"AUC {auc:.4f} on 8,237 hold-out rows is {'not below' if passed else 'below'} the floor of 0.6."
    )


def test_multiclass_has_a_floor_of_macro_auc_and_optionally_of_macro_f1():
    model = replace(MODEL, metrics={"macro_auc": 0.7, "macro_f1": 0.5})
    (alone,) = check_floors(model, RULES.floors("multiclass"))
    assert (alone.passed, alone.message) == (
        True,
        "macro AUC 0.7000 on 8,237 hold-out rows is not below the floor of 0.6.",
    )
    first, second = check_floors(model, replace(RULES, minimum_macro_f1=0.55).floors("multiclass"))
    assert (first.passed, second.passed) == (True, False)
    assert second.message == "macro F1 0.5000 on 8,237 hold-out rows is below the floor of 0.55."


@pytest.mark.parametrize(("r2", "passed"), [(0.0, True), (-0.0001, False)])
def test_a_regression_must_not_be_worse_than_the_mean(r2, passed):
    (check,) = check_floors(replace(MODEL, metrics={"rmse": 3.0, "r2": r2}), RULES.floors("regression"))
    assert check.passed is passed
    assert check.message.startswith(f"R² {r2:.4f} on 8,237 hold-out rows")


def test_an_undefined_measure_is_below_its_floor():
    (check,) = check_floors(replace(MODEL, metrics={"rmse": 3.0}), RULES.floors("regression"))
    assert not check.passed
    assert "R² cannot be measured on 8,237 hold-out rows with a single label or number" in check.message


@pytest.mark.parametrize(("seconds", "passed"), [(30.0, True), (30.01, False)])
def test_the_median_batch_decides(seconds, passed):
    check = check_latency(replace(MODEL, latency=Latency(5, seconds, 58.0)), RULES)
    assert (check.name, check.passed, check.limit) == ("latency", passed, "at most 30 s")
    assert f"5 batches took {seconds:.2f} s" in check.message


@pytest.mark.parametrize(
    ("upper", "tolerance", "passed"),
    [(0.0, 0, True), (-1e-9, 0, False), (-0.005, 0.005, True), (-0.0051, 0.005, False), (0.01, 0.005, True)],
)
def test_a_challenger_is_worse_when_the_whole_interval_is_below_the_tolerance(upper, tolerance, passed):
    rules = replace(RULES, auc_tolerance=tolerance)
    check = check_champion(replace(COMPARISON, upper=upper), CHAMPION, 10_000, rules)
    assert (check.name, check.passed) == ("champion", passed)


def test_the_message_has_the_figures_of_both():
    message = check_champion(replace(COMPARISON, upper=-0.0012), CHAMPION, 10_000, RULES).message
    assert message == (
        "AUC 0.7700 against 0.7800 of the champion, run old, on the 8,237 of the 10,000 hold-out rows that it was "
        "not trained on: 0.0100 lower (95 % bound: 0.0012 lower). So the challenger is worse. The test detects a loss "
        "of 0.0149 with 80 % power."
    )


def test_the_message_has_the_tolerance():
    message = check_champion(COMPARISON, CHAMPION, 10_000, replace(RULES, auc_tolerance=0.005)).message
    assert "not found worse by more than 0.005." in message


def test_the_message_says_that_the_champion_may_have_been_trained_on_the_rows():
    champion = replace(CHAMPION, unseen_rows=None, unknown="its contract is old")
    message = check_champion(COMPARISON, champion, 8_237, RULES).message
    assert (
        "on the same 8,237 rows, which it may have been trained on (its contract is old; that would flatter it): 0.0100"
        in message
    )


@pytest.mark.parametrize(
    ("comparison", "tolerances", "limit"),
    [
        ("auc", {}, "not surely below 0"),
        ("auc", {"auc_tolerance": 0.005}, "not surely below -0.005"),
        ("rmse", {"error_tolerance": 0.05}, "not surely over +5.0%"),
    ],
)
def test_a_checks_message_has_its_limit(comparison, tolerances, limit):
    rules = replace(RULES, **tolerances)
    check = check_champion(replace(COMPARISON, measure=comparison), CHAMPION, 10_000, rules)
    assert check.limit == limit


ERRORS = replace(
    COMPARISON,
    measure="rmse",
    challenger=10_523.0,
    champion=10_000.0,
    difference=0.0523,
    lower=0.0121,
    upper=0.09,
)


def test_the_message_about_errors_has_the_figures_of_both():
    check = check_champion(ERRORS, CHAMPION, 10_000, RULES)
    assert not check.passed
    assert check.message == (
        "RMSE 10,523 against 10,000 of the champion, run old, on the 8,237 of the 10,000 hold-out rows that it was "
        "not trained on: 5.2% higher (95 % bound: 1.2% higher). So the challenger is worse. The test detects a rise of "
        "1.5% with 80 % power."
    )


@pytest.mark.parametrize(
    ("lower", "tolerance", "passed"),
    [(0.0, 0, True), (1e-9, 0, False), (0.05, 0.05, True), (0.051, 0.05, False)],
)
def test_an_error_is_larger_when_the_whole_interval_is_above_the_tolerance(lower, tolerance, passed):
    rules = replace(RULES, error_tolerance=tolerance, auc_tolerance=0.5)
    check = check_champion(replace(ERRORS, lower=lower), CHAMPION, 10_000, rules)
    assert check.passed is passed
    assert ("by more than 5.0%" in check.message) is bool(tolerance)


def binary(strength):
    random = np.random.default_rng(1)
    positive = np.arange(400) % 4 == 0
    return BinaryRows(positive, positive, expit(strength * positive + random.normal(size=400)))


def classes(exchange=False):
    random = np.random.default_rng(2)
    actual = np.arange(600) % 3
    scores = random.normal(size=(600, 3))
    scores[np.arange(600), actual] += 2
    probabilities = softmax(scores, axis=1)
    true = np.array([1, 0, 2])[actual] if exchange else actual
    return ClassRows(("a\n", "b", "c"), true, probabilities.argmax(1), probabilities.max(1), probabilities)


def numbers(factor=1.0, offset=0.0):
    random = np.random.default_rng(3)
    actual = random.normal(10, 2, 300)
    return NumberRows(actual, factor * (actual + random.normal(0, 2, 300)) + offset)


@pytest.mark.parametrize(
    "rows", [binary(1), binary(0), classes(), numbers(), numbers(0.01, 10), numbers(1, 3)], ids=str
)
def test_an_outdated_champion_does_not_look_like_wrong_labels(rows):
    assert wrong_way("old", rows) is None


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (binary(-2), "ranks the new rows the wrong way round: its AUC on them is 0."),
        (
            classes(exchange=True),
            r"tells the labels 'a\n' and 'b' apart the wrong way round: its AUC between them is 0.",
        ),
        (numbers(-1), "predicts less where the new rows have more: the rank correlation is -0."),
        (numbers(10), "more than twice as large as their numbers vary: R² is -"),
    ],
    ids=str,
)
def test_a_champion_with_the_pattern_of_wrong_labels(rows, words):
    reason = wrong_way("old", rows)
    assert words in reason
    assert "run old" in reason
