import pytest

from autowatch.evaluation.auc import auc_estimate_of_counts
from autowatch.evaluation.figures import Bounded, CalibrationPoint
from autowatch.monitoring.quality.measures import MeasuredQuality
from autowatch.monitoring.quality.verdict import QualityRules, judge_quality
from autowatch.records.decision import GateDecision, JudgedModel, Latency

RULES = QualityRules(minimum_auc=0.6, max_auc_drop=0.05, min_labels=200)


def measured(auc, rows=2_000, positives=400):
    return MeasuredQuality(
        rows, positives, {"auc": auc_estimate_of_counts(auc, positives, rows - positives)}, ()
    )


def gate(auc, rows=8_000, positives=900, curve=True):
    points = (CalibrationPoint(0.1, positives / rows, rows),) if curve else ()
    judged = JudgedModel("r1", rows, {"auc": auc}, (), points, Latency(1, 0.1, 0.1))
    return GateDecision("r1", True, "", 0.6, rows, {"auc": auc}, challenger=judged)


def test_as_good_as_the_gate():
    assert judge_quality(measured(0.78), gate(0.78), RULES).verdict == "good"
    assert judge_quality(measured(0.78), gate(0.78), RULES).reasons == ()


def test_below_the_floor():
    verdict = judge_quality(measured(0.52), None, RULES)
    assert verdict.verdict == "worse"
    assert verdict.reasons == (
        "AUC 0.5200 (0.4884 to 0.5514) on 2,000 labelled rows is below the floor of 0.6.",
    )


def test_below_the_gate():
    verdict = judge_quality(measured(0.66), gate(0.80), RULES)
    assert verdict.verdict == "worse"
    (reason,) = verdict.reasons
    assert "0.1400 below the gate's 0.8000, at least 0.10" in reason
    assert reason.endswith("and 0.05 is allowed.")


def test_below_both():
    assert len(judge_quality(measured(0.5), gate(0.80), RULES).reasons) == 2


def test_what_chance_explains_is_not_told():
    """The same figure, once of few rows and once of many."""
    few, many = measured(0.57, 220, 40), measured(0.57, 20_000, 4_000)
    assert judge_quality(few, None, RULES).verdict == "good"
    assert judge_quality(many, None, RULES).verdict == "worse"
    few, many = measured(0.70, 220, 40), measured(0.70, 20_000, 4_000)
    assert judge_quality(few, gate(0.78), RULES).verdict == "good"
    assert judge_quality(many, gate(0.78), RULES).verdict == "worse"


def test_a_gate_of_few_rows_counts_for_less():
    day = measured(0.70, 20_000, 4_000)
    assert judge_quality(day, gate(0.78, 300, 40), RULES).verdict == "good"
    assert judge_quality(day, gate(0.78, curve=False), RULES).verdict == "worse"


@pytest.mark.parametrize(
    ("rows", "positives", "enough"),
    [
        (199, 100, False),
        (200, 100, True),
        (200, 10, True),
        (200, 9, False),
        (200, 190, True),
        (200, 191, False),
    ],
)
def test_how_many_labels_are_enough(rows, positives, enough):
    verdict = judge_quality(measured(0.78, rows, positives), gate(0.78), RULES)
    assert verdict.verdict == ("good" if enough else "not enough labels")
    assert bool(verdict.reasons) is not enough


def test_not_enough_says_what_it_takes():
    (reason,) = judge_quality(MeasuredQuality(1, 0, {"auc": None}, ()), None, RULES).reasons
    assert reason == "Labelled rows: 1, of them positive: 0. A verdict takes 200, and 10 of either class."


def test_a_certain_figure_on_the_floor_is_not_below_it():
    on_it = MeasuredQuality(500, 250, {"auc": Bounded(0.6, 0.6, 0.6)}, ())
    assert judge_quality(on_it, None, RULES).verdict == "good"
