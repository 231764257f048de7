import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve as oracle

from autowatch.evaluation.curves import (
    CalibrationPoint,
    calibration_curve,
    expected_calibration_error,
    gain_curve,
    lift,
    roc_curve,
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_the_curve_equals_scikit_learns(seed, decimals):
    """With one decimal every probability lies on an edge."""
    random = np.random.default_rng(seed)
    probability = random.beta(1, 4, 400).round(decimals)
    positive = random.random(400) < probability
    observed, predicted = oracle(positive, probability, n_bins=10)
    curve = calibration_curve(positive, probability)
    assert [point.observed for point in curve] == pytest.approx(observed)
    assert [point.predicted for point in curve] == pytest.approx(predicted)
    assert sum(point.rows for point in curve) == 400


def test_the_error_is_the_mean_gap_weighted_by_rows():
    curve = (CalibrationPoint(0.2, 0.1, 30), CalibrationPoint(0.8, 1.0, 10))
    assert expected_calibration_error(curve) == pytest.approx((30 * 0.1 + 10 * 0.2) / 40)


def test_a_probability_a_little_over_one_is_in_the_last_bin():
    assert calibration_curve(np.array([True, False]), np.array([1.000001, 0.0])) == (
        CalibrationPoint(0.0, 0.0, 1),
        CalibrationPoint(1.000001, 1.0, 1),
    )


def draw(seed, rows, decimals=16):
    random = np.random.default_rng(seed)
    positive = random.random(rows) < 0.2
    positive[:2] = [True, False]
    return positive, (random.random(rows) + 0.4 * positive).round(decimals)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [0, 1, 16])
def test_a_short_curve_equals_scikit_learns(seed, decimals):
    positive, score = draw(seed, 90, decimals)
    x, y, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    assert np.array(roc_curve(positive, score)) == pytest.approx(np.column_stack([x, y]))


@pytest.mark.parametrize("rows", [101, 1_000, 50_000])
def test_a_long_curve_is_thinned_and_keeps_its_shape(rows):
    positive, score = draw(3, rows)
    points = np.array(roc_curve(positive, score))
    assert len(points) <= 101
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    assert (np.diff(points, axis=0) >= 0).all()
    x, y, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    assert {tuple(point) for point in points} <= set(zip(x, y, strict=True))
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(
        metrics.roc_auc_score(positive, score), abs=0.005
    )


def test_a_perfect_and_a_constant_score():
    positive = np.array([True, False, False])
    assert roc_curve(positive, np.array([0.9, 0.1, 0.1])) == ((0, 0), (0, 1), (1, 1))
    assert roc_curve(positive, np.full(3, 0.5)) == ((0, 0), (1, 1))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [0, 1, 16])
def test_the_gain_follows_from_scikit_learns_roc_curve(seed, decimals):
    positive, score = draw(seed, 90, decimals)
    false_alarms, found, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    taken = (found * positive.sum() + false_alarms * (~positive).sum()) / len(positive)
    assert np.array(gain_curve(positive, score)) == pytest.approx(np.column_stack([taken, found]))


def test_a_long_gain_curve_is_thinned_and_keeps_its_area():
    positive, score = draw(4, 20_000)
    points = np.array(gain_curve(positive, score))
    assert len(points) <= 101
    assert (points[0].tolist(), points[-1].tolist()) == ([0, 0], [1, 1])
    # The area under the gain is share / 2 + (1 - share) AUC.
    share = positive.mean()
    area = share / 2 + (1 - share) * metrics.roc_auc_score(positive, score)
    assert np.trapezoid(points[:, 1], points[:, 0]) == pytest.approx(area, abs=0.005)


def test_the_lift_of_the_best_rows_by_hand():
    positive = np.array([True, True, False, True, False, False, False, True, False, False])
    score = np.linspace(1, 0, 10)
    assert lift(positive, score, 0.1) == pytest.approx(1 / 0.4)
    assert lift(positive, score, 0.4) == pytest.approx((3 / 4) / 0.4)
    assert lift(positive, score, 1) == 1


def test_rows_of_equal_score_count_in_proportion_to_the_lift():
    positive = np.array([True, False, False, True, False, False, False, False, False, False])
    score = np.array([0.9, 0.9, 0.9, 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, 0.1])
    # Any of the four equal rows can be the best tenth; half of them are positive, against a fifth of all.
    assert lift(positive, score, 0.1) == pytest.approx(0.5 / 0.2)
    assert lift(positive, np.full(10, 0.5), 0.1) == pytest.approx(1)


def test_the_lift_needs_no_negative_row():
    assert lift(np.array([True, True]), np.array([0.2, 0.1]), 0.5) == pytest.approx(1)
    assert gain_curve(np.array([True, True]), np.array([0.2, 0.1])) == ((0, 0), (0.5, 0.5), (1, 1))
