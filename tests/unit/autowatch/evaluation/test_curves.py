import numpy as np
import pytest
from sklearn import metrics
from sklearn.calibration import calibration_curve as oracle

from autowatch.evaluation.curves import (
    CalibrationPoint,
    calibration_curve,
    expected_calibration_error,
    roc_curve,
)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_the_curve_is_scikit_learns(seed, decimals):
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
def test_a_short_curve_is_scikit_learns(seed, decimals):
    positive, score = draw(seed, 90, decimals)
    x, y, _ = metrics.roc_curve(positive, score, drop_intermediate=False)
    assert np.array(roc_curve(positive, score)) == pytest.approx(np.column_stack([x, y]))


@pytest.mark.parametrize("rows", [101, 1_000, 50_000])
def test_a_long_curve_is_thinned_and_stays_the_same_curve(rows):
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
