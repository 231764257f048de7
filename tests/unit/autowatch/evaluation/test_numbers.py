"""Measures of predicted numbers: compared with scikit-learn's, at edge cases, and the coverage of their intervals."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn import metrics

from autowatch.evaluation.figures import Bounded
from autowatch.evaluation.judged import NumberRows
from autowatch.evaluation.numbers import rank_correlation


def draw(seed, rows=300, scale=1.0):
    random = np.random.default_rng(seed)
    signal = random.normal(size=rows)
    return NumberRows(scale * (50 + signal + random.normal(size=rows)), scale * (50 + signal))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.integers(2, 300), st.sampled_from([1e-30, 1.0, 1e9]))
def test_every_measure_equals_scikit_learns(seed, count, scale):
    rows = draw(seed, count, scale)
    assert rows.values() == pytest.approx(
        {
            "rmse": metrics.root_mean_squared_error(rows.actual, rows.predicted),
            "mae": metrics.mean_absolute_error(rows.actual, rows.predicted),
            "r2": metrics.r2_score(rows.actual, rows.predicted),
        },
        rel=1e-9,
        abs=0,
    )


def test_one_row_has_errors_without_intervals_and_no_r2():
    found = NumberRows(np.array([3.0]), np.array([1.0])).estimates()
    assert (found["rmse"].value, found["mae"].value, found["r2"]) == (2, 2, None)
    assert (found["rmse"].lower, found["mae"].upper) == (None, None)
    assert NumberRows(np.array([3.0]), np.array([1.0])).deciding([0]) == {}


def test_a_constant_target_has_no_r2():
    found = NumberRows(np.full(20, 7.0), np.arange(20.0)).estimates()
    assert found["r2"] is None
    assert isinstance(found["rmse"], Bounded)


def test_a_perfect_model():
    numbers = np.arange(20.0)
    rows = NumberRows(numbers, numbers)
    assert rows.values() == {"rmse": 0, "mae": 0, "r2": 1}
    assert all((each.lower, each.upper) == (each.value, each.value) for each in rows.estimates().values())


def test_a_model_that_always_predicts_the_mean_explains_nothing():
    numbers = np.arange(20.0)
    assert NumberRows(numbers, np.full(20, numbers.mean())).values()["r2"] == 0


@pytest.mark.parametrize("largest", [1e200, 1.7e308])
def test_the_largest_floats_do_not_overflow(largest):
    random = np.random.default_rng(2)
    actual = largest * random.uniform(-1, 1, 100)
    rows = NumberRows(actual, -actual)
    with np.errstate(over="raise", invalid="raise"):
        documents = [
            {name: each.value for name, each in rows.estimates().items()},
            asdict(rows.number_table()),
        ]
    text = json.dumps(documents, allow_nan=False)
    assert "rmse" in text
    assert rows.values()["r2"] == pytest.approx(-3, abs=0.2)


def test_a_target_with_almost_no_variance_has_no_r2():
    rows = NumberRows(np.array([1e-200, 2e-200, 3e-200]), np.array([1e100, 2e100, 3e100]))
    assert rows.estimates()["r2"] is None
    assert np.isfinite(rows.values()["rmse"])


def test_zeros_are_measured():
    rows = NumberRows(np.zeros(3), np.zeros(3))
    assert rows.values() == {"rmse": 0, "mae": 0}
    assert sum(map(sum, rows.number_table().counts)) == 3


def test_the_bias_of_each_tenth_of_the_predictions():
    rows = draw(4, 1_000)
    shifted = NumberRows(rows.actual, np.where(rows.predicted > 51, rows.predicted + 2, rows.predicted))
    table = shifted.number_table()
    assert [each.rows for each in table.bias] == [100] * 10
    assert sum(each.bias * each.rows for each in table.bias) / 1_000 == pytest.approx(
        np.mean(shifted.predicted - shifted.actual)
    )
    assert all(each.bias == pytest.approx(each.predicted - each.actual) for each in table.bias)
    assert table.bias[-1].lower > 1.5
    assert all(each.lower <= 0.1 and each.upper >= -0.1 for each in table.bias[:7])


def test_equal_predictions_are_one_bin():
    (alone,) = NumberRows(np.arange(50.0), np.full(50, 3.0)).number_table().bias
    assert (alone.predicted, alone.actual, alone.rows) == (3, 24.5, 50)


def test_the_quantiles_of_the_errors():
    rows = draw(5, 500)
    errors = rows.predicted - rows.actual
    for level, value in rows.number_table().error_quantiles:
        assert value == pytest.approx(np.quantile(errors, level))


def test_the_chart_of_predicted_against_true_numbers_contains_every_row():
    rows = draw(6, 2_000)
    far = NumberRows(np.append(rows.actual, 1e6), np.append(rows.predicted, 50.0))
    table = far.number_table()
    assert sum(map(sum, table.counts)) == 2_001
    assert len(table.counts) == 20
    # One outlier does not empty the chart.
    assert table.edges[-1] < 60
    counts = np.array(table.counts)
    middles = (np.array(table.edges[1:]) + table.edges[:-1]) / 2
    assert counts.sum(axis=1) @ middles / 2_001 == pytest.approx(50, abs=0.3)
    above, below = np.triu(counts, 6).sum(), np.tril(counts, -6).sum()
    assert above + below < 0.2 * counts.sum()


@pytest.mark.parametrize("name", ["rmse", "mae", "r2"])
def test_intervals_have_the_stated_coverage(name):
    """95 % of 300 is 285 ± 3.8; below 90 % would be four standard errors."""
    truth = draw(1, 400_000).values()[name]
    held = 0
    for seed in range(300):
        found = draw(50 + seed, 200).estimates()[name]
        held += found.lower <= truth <= found.upper
    assert held >= 270


def test_the_rank_correlation_equals_scipys():
    rows = draw(8)
    found = rank_correlation(rows.actual, rows.predicted)
    assert found.value == pytest.approx(spearmanr(rows.actual, rows.predicted).statistic)
    assert found.lower < found.value < found.upper
    assert rank_correlation(np.arange(5.0), -np.arange(5.0)).value == pytest.approx(-1)
    assert rank_correlation(np.arange(3.0), np.arange(3.0)) is None
    assert rank_correlation(np.arange(9.0), np.ones(9)) is None
