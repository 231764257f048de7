import numpy as np
import pytest
from sklearn.calibration import calibration_curve as oracle

from autowatch.calibration import calibration_curve, expected_calibration_error
from autowatch.gate_decision import CalibrationPoint


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
