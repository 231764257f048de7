from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax

from autowatch.evaluation.auc import auc_estimate_of_counts
from autowatch.evaluation.figures import Bounded, CalibrationPoint
from autowatch.evaluation.judged import ClassRows, NumberRows
from autowatch.monitoring.quality.measures import MeasuredQuality, measure_quality
from autowatch.monitoring.quality.verdict import QualityRules, judge_quality, known_classes
from autowatch.records.decision import GateDecision, JudgedModel, Latency

RULES = QualityRules(minimum_auc=0.6, max_auc_drop=0.05, min_labels=200)


def measured(auc, rows=2_000, positives=400):
    figure = {"auc": auc_estimate_of_counts(auc, positives, rows - positives)}
    return MeasuredQuality("binary", rows, (rows - positives, positives), figure, figure, (0, 1))


def gate(auc, rows=8_000, positives=900, curve=True):
    points = (CalibrationPoint(0.1, positives / rows, rows),) if curve else ()
    judged = JudgedModel("r1", rows, {"auc": auc}, (), points, Latency(1, 0.1, 0.1))
    return GateDecision("r1", True, "", 0.6, rows, {"auc": auc}, challenger=judged)


def test_predictions_as_good_as_the_gate_are_good():
    assert judge_quality(measured(0.78), gate(0.78), RULES).verdict == "good"
    assert judge_quality(measured(0.78), gate(0.78), RULES).reasons == ()


def test_predictions_below_the_floor_are_worse():
    verdict = judge_quality(measured(0.52), None, RULES)
    assert verdict.verdict == "worse"
    assert verdict.reasons == (
        "AUC 0.5200 (0.4884 to 0.5514) on 2,000 labelled rows is below the floor of 0.6.",
    )


def test_predictions_below_the_gate_are_worse():
    verdict = judge_quality(measured(0.66), gate(0.80), RULES)
    assert verdict.verdict == "worse"
    (reason,) = verdict.reasons
    assert "0.1400 below the gate's 0.8000, at least 0.10" in reason
    assert reason.endswith("and 0.05 is allowed.")


def test_both_reasons_are_given():
    assert len(judge_quality(measured(0.5), gate(0.80), RULES).reasons) == 2


def test_a_drop_that_chance_explains_is_good():
    """The same figure, once from few rows and once from many."""
    few, many = measured(0.57, 220, 40), measured(0.57, 20_000, 4_000)
    assert judge_quality(few, None, RULES).verdict == "good"
    assert judge_quality(many, None, RULES).verdict == "worse"
    few, many = measured(0.70, 220, 40), measured(0.70, 20_000, 4_000)
    assert judge_quality(few, gate(0.78), RULES).verdict == "good"
    assert judge_quality(many, gate(0.78), RULES).verdict == "worse"


def test_a_gate_with_few_rows_widens_the_interval():
    day = measured(0.70, 20_000, 4_000)
    assert judge_quality(day, gate(0.78, 300, 40), RULES).verdict == "good"
    assert judge_quality(day, gate(0.78, curve=False), RULES).verdict == "worse"


@pytest.mark.parametrize(("rows", "enough"), [(199, False), (200, True)])
def test_the_minimum_number_of_labels(rows, enough):
    verdict = judge_quality(measured(0.78, rows, 100), gate(0.78), RULES)
    assert verdict.verdict == ("good" if enough else "not enough labels")
    assert bool(verdict.reasons) is not enough
    assert (verdict.judged is None) is not enough


def test_too_few_labels_say_how_many_are_needed():
    (reason,) = judge_quality(MeasuredQuality("binary", 1, (1, 0), {"auc": None}, {}), None, RULES).reasons
    assert reason == "Labelled rows: 1, of them positive: 0. A verdict needs 200, and 10 of either class."


def test_a_certain_figure_on_the_floor_is_not_below_it():
    figure = {"auc": Bounded(0.6, 0.6, 0.6)}
    on_it = MeasuredQuality("binary", 500, (250, 250), figure, figure, (0, 1))
    assert judge_quality(on_it, None, RULES).verdict == "good"


LABELS = ("a", "b", "c", "d")


def class_rows(strength, counts=(400, 300, 200, 100), seed=1, known=True):
    """Rows whose probabilities lean towards the true label by `strength`."""
    random = np.random.default_rng(seed)
    actual = np.repeat(np.arange(4), counts)
    scores = random.normal(size=(len(actual), 4))
    scores[np.arange(len(actual)), actual] += strength
    probabilities = softmax(scores, axis=1)
    predicted = probabilities.argmax(axis=1)
    return ClassRows(LABELS, actual, predicted, probabilities.max(axis=1), probabilities if known else None)


def number_rows(error, rows=1_000, seed=1, spread=10.0):
    random = np.random.default_rng(seed)
    actual = random.normal(100, spread, rows)
    return NumberRows(actual, actual + error * random.standard_t(6, rows))


def gate_of(rows, decided_by):
    """The decision on a model that predicted these rows of the hold-out."""
    model = JudgedModel(
        "r1",
        len(rows),
        rows.values(),
        (),
        rows.calibration(),
        Latency(1, 0.1, 0.1),
        intervals=rows.intervals(),
        classes=rows.class_table(),
    )
    return GateDecision(
        "r1", True, "", None, len(rows), rows.values(), challenger=model,
        problem_type=rows.problem_type, decided_by=decided_by,
    )  # fmt: skip


def judged(rows, gate, rules=RULES):
    return judge_quality(measure_quality(rows, rules.min_of_class, known_classes(gate)), gate, rules)


def test_multiclass_predictions_are_judged_by_the_macro_auc():
    at_gate = gate_of(class_rows(2, seed=2), "macro_auc")
    good = judged(class_rows(2), at_gate)
    assert (good.verdict, good.judged.measure) == ("good", "macro_auc")
    assert good.judged.gate == at_gate.metrics["macro_auc"]
    worse = judged(class_rows(1), at_gate)
    assert worse.verdict == "worse"
    (reason,) = worse.reasons
    assert reason.startswith("macro AUC 0.8")
    assert "on 1,000 labelled rows is 0." in reason
    assert "below the gate's 0.9" in reason
    assert judged(class_rows(0), None).reasons[0].endswith("is below the floor of 0.6.")


def test_without_the_probability_of_each_label_the_balanced_accuracy_is_judged():
    at_gate = gate_of(class_rows(2, seed=2), "macro_auc")
    good = judged(class_rows(2, known=False), at_gate)
    assert (good.verdict, good.judged.measure) == ("good", "balanced_accuracy")
    worse = judged(class_rows(1, known=False), at_gate)
    assert worse.verdict == "worse"
    assert worse.reasons[0].startswith("balanced accuracy 0.5")


def test_the_macro_f1_has_a_floor_if_one_is_set():
    rules = replace(RULES, minimum_macro_f1=0.7)
    worse = judged(class_rows(1), None, rules)
    assert worse.reasons[0].startswith("macro F1 0.5")
    assert worse.reasons[0].endswith("is below the floor of 0.7.")
    assert judged(class_rows(3), None, rules).verdict == "good"


def test_a_label_that_the_day_lacks_does_not_bring_the_macro_f1_below_its_floor():
    """Of ten labels nine came, and one of 900 rows was predicted as the tenth."""
    actual = np.arange(900) % 9
    predicted = actual.copy()
    predicted[0] = 9
    probabilities = np.full((900, 10), 0.01)
    probabilities[np.arange(900), predicted] = 0.91
    rows = ClassRows(tuple("abcdefghij"), actual, predicted, np.full(900, 0.91), probabilities)
    judgement = judged(rows, None, replace(RULES, minimum_macro_f1=0.95))
    assert (judgement.verdict, judgement.reasons) == ("good", ())


def test_labels_with_few_rows_do_not_block_the_verdict():
    """The gate's mean is then taken over the same labels."""
    at_gate = gate_of(class_rows(2, seed=2), "macro_auc")
    few = class_rows(1.2, (400, 300, 200, 9))
    worse = judged(few, at_gate)
    assert worse.verdict == "worse"
    assert "on 909 labelled rows, over the 3 of 4 labels that have enough of them, is" in worse.reasons[0]
    kept = at_gate.challenger.classes.classes[:3]
    assert worse.judged.gate == pytest.approx(np.mean([each.auc.value for each in kept]))


def test_labels_missing_from_the_hold_out_are_not_judged():
    at_gate = gate_of(class_rows(2, (400, 300, 200, 1), seed=2), "macro_auc")
    assert known_classes(at_gate) == (0, 1, 2)
    assert judged(class_rows(2), at_gate).verdict == "good"


def test_too_few_multiclass_labels_say_how_many_are_needed():
    (reason,) = judged(class_rows(2, (300, 9, 9, 9)), None).reasons
    assert reason == (
        "Labelled rows: 327; 1 labels have 10 of them. A verdict needs 200, and 10 of each of two labels."
    )


@pytest.mark.parametrize("error", ["rmse", "mae"])
def test_regression_is_judged_by_the_gates_error_measure(error):
    at_gate = gate_of(number_rows(5, 4_000, seed=2), error)
    good = judged(number_rows(5), at_gate)
    assert (good.verdict, good.judged.measure) == ("good", error)
    worse = judged(number_rows(8), at_gate)
    assert worse.verdict == "worse"
    (reason,) = worse.reasons
    assert reason.startswith(f"{error.upper()} ")
    assert "AUC" not in reason
    assert "% above the gate's " in reason
    assert reason.endswith("and 20 % is allowed.")
    assert judged(number_rows(8), at_gate, replace(RULES, max_error_rise_percent=100.0)).verdict == "good"


def test_a_rise_of_the_error_that_chance_explains_is_good():
    at_gate = gate_of(number_rows(5, 8_000, seed=2), "rmse")
    assert judged(number_rows(6.3, 220), at_gate).verdict == "good"
    assert judged(number_rows(6.3, 50_000), at_gate).verdict == "worse"


def test_regression_has_a_floor_of_r2():
    worse = judged(number_rows(20), None)
    assert worse.verdict == "worse"
    assert worse.reasons[0].startswith("R² -")
    assert worse.reasons[0].endswith("is below the floor of 0.")
    assert judged(number_rows(20), None, replace(RULES, minimum_r2=-10.0)).verdict == "good"


def test_a_gate_or_a_day_with_an_error_of_zero_is_judged():
    perfect = NumberRows(np.arange(300.0), np.arange(300.0))
    assert judged(perfect, gate_of(perfect, "rmse")).verdict == "good"
    worse = judged(number_rows(1), gate_of(perfect, "rmse"))
    assert worse.reasons[0].endswith("is above the gate's, which was 0.")


def test_a_constant_target_is_judged_only_by_its_error():
    constant = NumberRows(np.full(300, 7.0), np.full(300, 7.0) + np.random.default_rng(1).normal(size=300))
    assert judged(constant, gate_of(number_rows(1), "rmse")).verdict == "good"


def test_too_few_numbers_say_how_many_are_needed():
    (reason,) = judged(number_rows(5, 199), None).reasons
    assert reason == "Labelled rows: 199. A verdict needs 200."
