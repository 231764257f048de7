"""Measures of several classes: compared with scikit-learn's, at edge cases, and the coverage of their intervals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics

from autowatch.evaluation.auc import auc_estimate, class_influences, macro_auc
from autowatch.evaluation.classes import class_table, exchanged_labels
from autowatch.evaluation.figures import Bounded
from autowatch.evaluation.judged import ClassRows, joined


def draw(seed, rows=300, labels=4, decimals=16):
    """Rows of every label, with probabilities that lean towards the true one; rounding makes ties."""
    random = np.random.default_rng(seed)
    actual = random.integers(0, labels, rows)
    actual[: 2 * labels] = np.arange(2 * labels) % labels
    scores = random.normal(size=(rows, labels))
    scores[np.arange(rows), actual] += 1
    probabilities = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    probabilities = probabilities.round(decimals) + 1e-12
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    names = tuple(f"l{place}" for place in range(labels))
    return ClassRows(names, actual, predicted, probabilities.max(axis=1), probabilities)


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(12, 300), st.integers(3, 6), st.sampled_from([1, 2, 16]))
def test_every_measure_equals_scikit_learns(seed, count, labels, decimals):
    rows = draw(seed, max(count, 2 * labels), labels, decimals)
    actual, predicted, probabilities = rows.actual, rows.predicted, rows.probabilities
    found = rows.values()
    curve = rows.calibration()
    right = np.mean(actual == predicted)
    assert sum(point.rows * point.observed for point in curve) / len(rows) == pytest.approx(right)
    assert found.pop("calibration_error") == pytest.approx(
        sum(point.rows * abs(point.predicted - point.observed) for point in curve) / len(rows)
    )
    assert found == pytest.approx(
        {
            "macro_auc": metrics.roc_auc_score(actual, probabilities, multi_class="ovr"),
            "accuracy": metrics.accuracy_score(actual, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(actual, predicted),
            "macro_f1": metrics.f1_score(actual, predicted, average="macro", zero_division=0),
            "log_loss": metrics.log_loss(actual, probabilities),
        },
        abs=1e-9,
    )


@pytest.mark.parametrize("decimals", [1, 16])
def test_the_table_of_classes_equals_scikit_learns(decimals):
    rows = draw(5, decimals=decimals)
    table = rows.class_table()
    assert (
        np.array(table.confusion).tolist() == metrics.confusion_matrix(rows.actual, rows.predicted).tolist()
    )
    precision, recall, f1, support = metrics.precision_recall_fscore_support(rows.actual, rows.predicted)
    for place, each in enumerate(table.classes):
        assert (each.label, each.rows) == (rows.labels[place], support[place])
        figures = (each.precision.value, each.recall.value, each.f1.value)
        assert figures == pytest.approx((precision[place], recall[place], f1[place]))
        expected = metrics.roc_auc_score(rows.actual == place, rows.probabilities[:, place])
        assert each.auc.value == pytest.approx(expected)
        assert all(item.lower <= item.value <= item.upper for item in (each.precision, each.recall, each.auc))


def test_with_two_labels_the_macro_auc_and_its_interval_equal_the_aucs():
    random = np.random.default_rng(3)
    actual = (random.random(200) < 0.2).astype(int)
    positive = np.clip(0.3 * actual + 0.6 * random.random(200), 0, 1).round(2)
    ours = macro_auc(actual, np.stack([1 - positive, positive], axis=1), [0, 1])
    expected = auc_estimate(actual == 1, positive)
    assert (ours.value, ours.lower, ours.upper) == pytest.approx(
        (expected.value, expected.lower, expected.upper), rel=2e-3
    )


def test_the_rows_contributions_to_the_macro_auc_sum_to_twice_its_value():
    rows = draw(8)
    value, influence = class_influences(rows.actual, rows.probabilities, [0, 1, 3])
    assert sum(influence[rows.actual == place].mean() for place in range(4)) == pytest.approx(2 * value)


def test_labels_without_rows_are_left_out_and_a_single_label_has_no_auc():
    probabilities = np.array([[0.7, 0.2, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.4, 0.5, 0.1]])
    rows = ClassRows(
        ("a", "b", "c"), np.array([0, 0, 1, 1]), np.array([0, 0, 1, 1]), np.full(4, 0.6), probabilities
    )
    assert rows.of_class == (2, 2, 0)
    assert rows.values()["macro_auc"] == rows.values()["balanced_accuracy"] == 1
    missing = rows.class_table().classes[2]
    assert (missing.rows, missing.predicted, missing.precision, missing.recall) == (0, 0, None, None)
    assert (missing.f1, missing.auc) == (None, None)
    alone = rows.at(np.array([0, 1]))
    assert alone.estimates()["macro_auc"] is None
    assert alone.deciding([0]) == {}
    one = rows.at(np.array([0]))
    assert one.values()["accuracy"] == one.values()["macro_f1"] == 1
    assert one.estimates()["macro_f1"].lower is None


def test_without_each_labels_probability_balanced_accuracy_decides():
    rows = draw(6)
    known = ClassRows(rows.labels, rows.actual, rows.predicted, rows.given)
    estimates = known.estimates()
    assert (estimates["macro_auc"], estimates["log_loss"]) == (None, None)
    assert set(known.deciding([0, 1, 2, 3])) == {"balanced_accuracy", "macro_f1"}
    assert set(rows.deciding([0, 1, 2, 3])) == {"balanced_accuracy", "macro_auc", "macro_f1"}
    assert known.class_table().classes[0].auc is None


def test_a_log_loss_is_finite_where_a_certain_prediction_is_wrong():
    probabilities = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
    rows = ClassRows(("a", "b", "c"), np.array([1, 1]), np.array([0, 1]), np.ones(2), probabilities)
    assert np.isfinite(rows.values()["log_loss"])


def test_verdicts_may_leave_out_labels_with_few_rows():
    rows = draw(7)
    some = rows.deciding([0, 2])
    recalls = [rows.class_table().classes[place].recall.value for place in (0, 2)]
    assert some["balanced_accuracy"].value == pytest.approx(np.mean(recalls))
    aucs = [rows.class_table().classes[place].auc.value for place in (0, 2)]
    assert some["macro_auc"].value == pytest.approx(np.mean(aucs))
    expected = metrics.f1_score(rows.actual, rows.predicted, average="macro", labels=[0, 2])
    assert some["macro_f1"].value == pytest.approx(expected)


def test_parts_are_joined_and_rows_are_picked():
    rows = draw(9)
    parts = [rows.at(np.arange(100)), rows.at(np.arange(100, 300))]
    assert joined(parts).values() == rows.values()


@pytest.mark.parametrize("name", ["macro_auc", "accuracy", "balanced_accuracy", "macro_f1", "log_loss"])
def test_intervals_have_the_stated_coverage(name):
    """95 % of 200 are 190 ± 3.1; below 88 % would be more than four standard errors."""
    truth = draw(1, 200_000).values()[name]
    held = 0
    for seed in range(200):
        found = draw(100 + seed, 150).estimates()[name]
        assert isinstance(found, Bounded)
        held += found.lower <= truth <= found.upper
    assert held >= 176


def test_only_exchanged_labels_are_found():
    rows = draw(11, 800, 6)
    assert exchanged_labels(rows.actual, rows.probabilities, 0.4) is None
    exchanged = np.array([1, 0, 2, 3, 4, 5])[rows.actual]
    one, other, auc = exchanged_labels(exchanged, rows.probabilities, 0.4)
    assert (one, other) == (0, 1)
    assert auc.upper < 0.4
    # In a model that separates nothing no pair looks exchanged, although fifteen pairs are tested.
    found = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        scores = random.random((120, 6))
        found += exchanged_labels(random.integers(0, 6, 120), scores, 0.4) is not None
    assert found <= 3


def test_the_table_of_a_hundred_labels_counts_every_row():
    rows = draw(12, 3_000, 100)
    table = class_table(rows.labels, rows.actual, rows.predicted, rows.probabilities)
    assert sum(map(sum, table.confusion)) == 3_000
    assert len(table.classes) == 100
