import json
from dataclasses import asdict

import numpy as np
import pytest
from sklearn import metrics as oracle

from autowatch.evaluation.classification import measure
from autowatch.evaluation.judged import BinaryRows, ClassRows, NumberRows, joined
from autowatch.evaluation.measures import MEASURES_OF
from autowatch.monitoring.quality.measures import measure_quality

MEASURES = MEASURES_OF["binary"].measures


def rows(count, positives, seed=1):
    random = np.random.default_rng(seed)
    positive = random.permutation(np.arange(count) < positives)
    probability = np.clip(random.normal(0.3 + 0.2 * positive, 0.2), 0, 1)
    return BinaryRows(positive, probability >= 0.5, probability)


@pytest.mark.parametrize(("count", "positives"), [(4, 2), (200, 22), (5_000, 4_000)])
def test_the_figures_equal_scikit_learns_and_the_gates(count, positives):
    drawn = rows(count, positives)
    measured = measure_quality(drawn, 10)
    expected = {
        "auc": oracle.roc_auc_score(drawn.positive, drawn.probability),
        "accuracy": oracle.accuracy_score(drawn.positive, drawn.predicted),
        "precision": oracle.precision_score(drawn.positive, drawn.predicted, zero_division=0),
        "recall": oracle.recall_score(drawn.positive, drawn.predicted),
        "f1": oracle.f1_score(drawn.positive, drawn.predicted, zero_division=0),
        "log_loss": oracle.log_loss(drawn.positive, np.clip(drawn.probability, 1e-15, 1 - 1e-15)),
        "brier": oracle.brier_score_loss(drawn.positive, drawn.probability),
    }
    at_gate = asdict(measure(drawn.positive, drawn.predicted, drawn.probability))
    assert tuple(measured.metrics) == MEASURES
    for name, value in expected.items():
        assert measured.metrics[name].value == pytest.approx(value, rel=1e-9), name
    for name in MEASURES:
        assert measured.metrics[name].value == pytest.approx(at_gate[name], rel=1e-12), name
    assert (measured.rows, measured.of_class) == (count, (count - positives, positives))


def test_every_figure_except_the_calibration_error_has_an_interval():
    for name, estimate in measure_quality(rows(300, 60), 10).metrics.items():
        if name == "calibration_error":
            assert (estimate.lower, estimate.upper) == (None, None)
        else:
            assert estimate.lower < estimate.value < estimate.upper, name


def test_the_bins_of_calibration_have_wilsons_intervals():
    measured = measure_quality(rows(1_000, 200), 10)
    assert sum(each.point.rows for each in measured.calibration) == 1_000
    for each in measured.calibration:
        document = each.to_json()
        assert document["lower"] <= document["observed"] <= document["upper"]
        assert list(document) == ["predicted", "observed", "lower", "upper", "rows"]


def test_without_rows_there_are_no_figures():
    measured = measure_quality(rows(0, 0), 10)
    assert measured.metrics == dict.fromkeys(MEASURES)
    assert (measured.rows, measured.calibration) == (0, ())


def test_one_row_is_measured():
    measured = measure_quality(BinaryRows(np.array([True]), np.array([True]), np.array([0.75])), 10)
    assert measured.metrics["auc"] is None
    assert measured.metrics["accuracy"].value == measured.metrics["accuracy"].upper == 1
    assert asdict(measured.metrics["brier"]) == {"value": 0.0625, "lower": None, "upper": None}


@pytest.mark.parametrize("label", [True, False])
def test_one_class(label):
    positive, probability = np.full(30, label), np.linspace(0.1, 0.4, 30)
    measured = measure_quality(BinaryRows(positive, np.zeros(30, bool), probability), 10)
    assert measured.metrics["auc"] is None
    assert measured.metrics["precision"] is None
    assert (measured.metrics["recall"] is None) is (measured.metrics["f1"] is None) is not label
    assert measured.metrics["log_loss"].value == pytest.approx(
        oracle.log_loss(positive, probability, labels=[False, True])
    )


def test_certain_but_wrong_predictions_are_clipped_as_in_the_gate():
    positive, probability = np.array([True, False, True]), np.array([0.0, 1.0, 1.0])
    measured = measure_quality(BinaryRows(positive, probability > 0.5, probability), 10)
    at_gate = measure(positive, probability > 0.5, probability)
    assert measured.metrics["log_loss"].value == pytest.approx(at_gate.log_loss)
    json.dumps([each and asdict(each) for each in measured.metrics.values()], allow_nan=False)


def test_parts_are_joined():
    whole = rows(100, 30)
    parts = [
        BinaryRows(*(getattr(whole, name)[part] for name in ("positive", "predicted", "probability")))
        for part in (slice(0, 40), slice(40, 40), slice(40, 100))
    ]
    assert measure_quality(joined(parts), 10) == measure_quality(whole, 10)


@pytest.mark.parametrize(
    "nothing",
    [
        ClassRows(("a", "b", "c"), *(np.empty(0, np.int64) for _ in range(2)), np.empty(0)),
        NumberRows(np.empty(0), np.empty(0)),
    ],
    ids=["labels", "numbers"],
)
def test_without_rows_other_types_have_no_figures_either(nothing):
    measured = measure_quality(nothing, 10)
    assert measured.metrics == dict.fromkeys(MEASURES_OF[nothing.problem_type].measures)
    assert (measured.rows, measured.deciding, sum(measured.of_class)) == (0, {}, 0)


@pytest.mark.parametrize(("positives", "decides"), [(9, False), (10, True), (190, True), (191, False)])
def test_a_verdict_needs_a_minimum_of_rows_of_either_class(positives, decides):
    assert bool(measure_quality(rows(200, positives), 10).deciding) is decides


def test_a_multiclass_verdict_leaves_out_classes_with_few_rows_or_unknown_to_the_gate():
    actual = np.repeat([0, 1, 2, 3], [30, 20, 10, 9])
    drawn = ClassRows(("a", "b", "c", "d"), actual, actual, np.full(69, 0.9))
    assert measure_quality(drawn, 10).judged == (0, 1, 2)
    assert measure_quality(drawn, 10, known=(0, 2, 3)).judged == (0, 2)
    assert set(measure_quality(drawn, 10, known=(0, 2, 3)).deciding) == {"balanced_accuracy", "macro_f1"}
    assert measure_quality(drawn, 25).deciding == {}


def test_a_regression_verdict_needs_a_few_rows():
    assert measure_quality(NumberRows(np.arange(9.0), np.zeros(9)), 10).deciding == {}
    assert set(measure_quality(NumberRows(np.arange(10.0), np.zeros(10)), 10).deciding) == {
        "rmse",
        "mae",
        "r2",
    }
