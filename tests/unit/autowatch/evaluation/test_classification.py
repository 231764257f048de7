import subprocess
import sys
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata
from sklearn import metrics
from sklearn.calibration import calibration_curve

from autowatch.evaluation.classification import average_ranks, measure
from tests.support.repository import ROOT


def oracle(positive, predicted, probability):
    return {
        "auc": metrics.roc_auc_score(positive, probability),
        "accuracy": metrics.accuracy_score(positive, predicted),
        "precision": metrics.precision_score(positive, predicted, zero_division=0),
        "recall": metrics.recall_score(positive, predicted),
        "f1": metrics.f1_score(positive, predicted, zero_division=0),
        "log_loss": metrics.log_loss(positive, probability),
        "brier": metrics.brier_score_loss(positive, probability),
        "calibration_error": calibration_error(positive, probability),
    }


def calibration_error(positive, probability):
    """From scikit-learn's curve, which lacks the rows per point: np.histogram's bins are the same."""
    observed, predicted = calibration_curve(positive, probability, n_bins=10)
    edges = np.linspace(0, 1, 11)
    # A value on an edge belongs to the bin below, but in a histogram to the one above, so it gets the mirror image.
    rows = np.histogram(-probability, -edges[::-1])[0][::-1]
    return np.average(np.abs(observed - predicted), weights=rows[rows > 0])


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 300), st.sampled_from([0, 1, 2, 16]))
def test_every_measure_equals_scikit_learns(seed, rows, decimals):
    """Rounding makes ties, down to a probability that is always 0 or 1."""
    generator = np.random.default_rng(seed)
    positive = generator.random(rows) < 0.3
    positive[:2] = [True, False]
    probability = generator.random(rows).round(decimals)
    predicted = probability > 0.5
    found = asdict(measure(positive, predicted, probability))
    expected = oracle(positive, predicted, probability)
    # scikit-learn clips probabilities at the spacing of their type, a tenth of our bound or less.
    assert found.pop("log_loss") == pytest.approx(expected.pop("log_loss"), rel=0.05)
    assert found == pytest.approx(expected, abs=1e-12)


def test_the_log_loss_is_exact_without_clipping():
    positive = np.array([True, False, True])
    probability = np.array([0.9, 0.2, 0.4])
    expected = metrics.log_loss(positive, probability)
    assert measure(positive, probability > 0.5, probability).log_loss == pytest.approx(expected, abs=1e-15)


def test_a_perfect_and_a_blind_model():
    positive = np.array([True, False, True, False])
    perfect = measure(positive, positive, positive.astype(float))
    assert (perfect.auc, perfect.f1, perfect.brier) == (1, 1, 0)
    blind = measure(positive, np.zeros(4, bool), np.full(4, 0.5))
    assert (blind.auc, blind.precision, blind.recall, blind.f1) == (0.5, 0, 0, 0)


@pytest.mark.parametrize(
    "values", [[], [3.0], [2, 1], [1, 1, 1], [0.5, -1, 0.5, np.inf, -np.inf, 0, -0.0]], ids=str
)
def test_ranks_equal_scipys(values):
    assert average_ranks(np.array(values)).tolist() == rankdata(values).tolist()


@pytest.mark.parametrize("decimals", [0, 2, 16])
def test_ranks_of_many_values_equal_scipys(decimals):
    values = np.random.default_rng(decimals).normal(size=5_000).round(decimals)
    assert average_ranks(values).tolist() == rankdata(values).tolist()


@pytest.mark.parametrize("module", ["measure_quality.app", "train.gate"])
def test_a_cold_start_does_without_the_import_of_scipy_stats(module):
    code = f"import sys, {module}; sys.exit('scipy.stats' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": "src"}, cwd=ROOT, timeout=60, check=False
    )
    assert done.returncode == 0
