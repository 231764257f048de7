from dataclasses import replace

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.evaluation.figures import Comparison
from autowatch.records.contract import Contract
from autowatch.records.decision import JudgedModel, Latency
from autowatch.training.gate.checks import GateRules, check_champion, check_floor, check_latency
from autowatch.training.gate.holdout import HoldoutScores, ScoredChampion

RULES = GateRules(minimum_auc=0.6)
MODEL = JudgedModel("new", 8_237, {"auc": 0.6}, (), (), Latency(5, 30.0, 58.0))
CONTRACT = Contract("old", "y", ("no", "yes"), "yes", (), (), 1, 1, ObjectVersion("t", None, "e", 1))
CHAMPION = ScoredChampion(CONTRACT, HoldoutScores([], [], [], [], [], [], ()), 8_240, "")
COMPARISON = Comparison(8_237, 0.77, 0.78, -0.01, -0.0213, 0.0, 0.95, 0.006, 0.0149, 2_000, 1)


@pytest.mark.parametrize(("auc", "passed"), [(0.6, True), (0.5999, False)])
def test_the_floor_is_good_enough_and_what_is_below_is_not(auc, passed):
    check = check_floor(replace(MODEL, metrics={"auc": auc}), RULES)
    assert (check.name, check.passed) == ("floor", passed)
    assert check.message == (
        f"AUC {auc:.4f} on 8,237 hold-out rows is {'not below' if passed else 'below'} the floor of 0.6."
    )


@pytest.mark.parametrize(("seconds", "passed"), [(30.0, True), (30.01, False)])
def test_the_median_batch_decides_and_not_the_worst(seconds, passed):
    check = check_latency(replace(MODEL, latency=Latency(5, seconds, 58.0)), RULES)
    assert (check.name, check.passed) == ("latency", passed)
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
        "The champion, run old, has AUC 0.7800 on the 8,237 of the 10,000 hold-out rows that were kept from it, too: a "
        "difference of -0.0100, at most -0.0012 with 95 % confidence. So the challenger is worse. A true loss of "
        "0.0149 would be found four times in five."
    )


def test_the_message_says_what_is_put_up_with():
    message = check_champion(COMPARISON, CHAMPION, 10_000, replace(RULES, auc_tolerance=0.005)).message
    assert "not found worse by more than 0.005." in message


def test_the_message_says_that_the_champion_may_have_been_trained_on_the_rows():
    champion = replace(CHAMPION, unseen_rows=None, unknown="its contract is old")
    message = check_champion(COMPARISON, champion, 8_237, RULES).message
    assert (
        "on the same 8,237 rows, which it may have been trained on (its contract is old; that would flatter it): a"
        in message
    )
