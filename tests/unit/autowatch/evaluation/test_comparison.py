"""The comparison against scikit-learn's AUC, a bootstrap that compares every pair, and simulations."""

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_error, roc_auc_score, root_mean_squared_error

from autowatch.evaluation.comparison import NotComparable, compare, compare_classes, compare_errors
from benchmarks.gate_error_rates import CHAMPION_AUC, draw_hold_out, simulate


def hold_out(seed, rows=400, decimals=16):
    """The rows in random order, with ties if the scores are rounded."""
    random = np.random.default_rng(seed)
    positive, challenger, champion = draw_hold_out(random, rows, 0.8, 0.02)
    order = random.permutation(rows)
    return positive[order], challenger[order].round(decimals), champion[order].round(decimals)


@pytest.mark.parametrize("decimals", [0, 1, 16])
def test_the_difference_equals_that_of_scikit_learns_aucs(decimals):
    positive, challenger, champion = hold_out(1, decimals=decimals)
    comparison = compare(positive, challenger, champion, 0.95)
    assert comparison.challenger == pytest.approx(roc_auc_score(positive, challenger), abs=1e-12)
    assert comparison.champion == pytest.approx(roc_auc_score(positive, champion), abs=1e-12)
    assert comparison.difference == comparison.challenger - comparison.champion
    assert comparison.rows == len(positive)


def area_by_pairs(positive, negative):
    gaps = positive[:, None] - negative
    return np.mean((gaps > 0) + (gaps == 0) / 2)


@pytest.mark.parametrize("decimals", [1, 16])
def test_counting_draws_equals_comparing_every_pair_of_each_resample(decimals):
    positive, challenger, champion = hold_out(2, decimals=decimals)
    random = np.random.default_rng(9)
    classes = np.flatnonzero(positive), np.flatnonzero(~positive)
    drawn = []
    for _ in range(2_000):
        above, below = (random.choice(of_class, len(of_class)) for of_class in classes)
        areas = [area_by_pairs(score[above], score[below]) for score in (challenger, champion)]
        drawn.append(areas[0] - areas[1])
    comparison = compare(positive, challenger, champion, 0.95)
    error = comparison.standard_error
    assert error == pytest.approx(np.std(drawn), rel=0.07)
    # With 44 positive rows the widened level of 95 % is 95.5 %.
    ends = np.quantile(drawn, [0.045, 0.955])
    assert [comparison.lower, comparison.upper] == pytest.approx(ends, abs=0.2 * error)


def test_the_interval_is_deterministic_and_the_seed_depends_on_the_scores():
    positive, challenger, champion = hold_out(3)
    first = compare(positive, challenger, champion, 0.95)
    assert compare(positive, challenger, champion, 0.95) == first
    assert compare(positive, champion, challenger, 0.95).seed != first.seed


def test_a_model_is_not_worse_than_itself():
    positive, challenger, _ = hold_out(4)
    comparison = compare(positive, challenger, challenger, 0.95)
    assert (comparison.lower, comparison.difference, comparison.upper) == (0, 0, 0)


def test_more_confidence_widens_the_interval():
    ends = [compare(*hold_out(5), confidence).upper for confidence in (0.8, 0.9, 0.95, 0.999)]
    assert ends == sorted(ends)
    assert len(set(ends)) == 4


@pytest.mark.parametrize("positives", [0, 1, 19, 20])
def test_rows_of_a_single_class_cannot_be_compared(positives):
    positive = np.arange(20) < positives
    scores = np.linspace(0, 1, 20)
    with pytest.raises(NotComparable, match=f"{positives} positive and {20 - positives} negative"):
        compare(positive, scores, scores, 0.95)


def test_two_rows_of_each_class_are_enough():
    positive = np.array([True, True, False, False])
    comparison = compare(positive, np.array([4, 3, 2, 1]), np.array([1, 2, 3, 4]), 0.95)
    assert (comparison.challenger, comparison.champion) == (1, 0)
    assert comparison.upper == 1


def test_the_simulated_models_have_their_stated_aucs():
    positive, challenger, champion = draw_hold_out(np.random.default_rng(6), 200_000, 0.9, 0.02)
    assert roc_auc_score(positive, champion) == pytest.approx(CHAMPION_AUC, abs=0.006)
    assert roc_auc_score(positive, challenger) == pytest.approx(CHAMPION_AUC - 0.02, abs=0.006)
    assert roc_auc_score(positive, champion) - roc_auc_score(positive, challenger) == pytest.approx(
        0.02, abs=0.003
    )


@pytest.mark.parametrize("rows", [100, 1_000])
def test_an_equal_challenger_is_found_worse_no_more_often_than_stated(rows):
    """5 % of 300 hold-outs are 15 ± 3.8; past 9 % would be more than three standard errors."""
    equal = simulate(np.random.default_rng(11), rows, 0.9, 0.0, 300, 100)
    assert 0.005 <= equal.found_worse <= 0.09


@pytest.mark.parametrize(("rows", "least"), [(1_000, 0.4), (5_000, 0.92)])
def test_a_challenger_worse_by_a_fiftieth_is_caught_as_often_as_its_standard_error_says(rows, least):
    worse = simulate(np.random.default_rng(12), rows, 0.9, 0.02, 100, 100)
    assert worse.found_worse >= least
    assert worse.found_worse == pytest.approx(worse.expected_power(0.02), abs=0.15)


def class_hold_out(seed, rows=400, labels=4, shares=None):
    """Labels, and the probabilities of a challenger and of a slightly better champion."""
    random = np.random.default_rng(seed)
    actual = random.choice(labels, rows, p=shares)
    shared = random.normal(size=(rows, labels))
    models = []
    for strength in (0.9, 1.0):
        scores = shared + 0.5 * random.normal(size=(rows, labels))
        scores[np.arange(rows), actual] += strength
        models.append(np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True))
    return actual, *models


def test_the_comparison_of_several_classes_equals_scikit_learns_macro_auc():
    actual, challenger, champion = class_hold_out(1)
    comparison = compare_classes(actual, challenger, champion, 0.95)
    assert comparison.measure == "macro_auc"
    assert comparison.challenger == pytest.approx(roc_auc_score(actual, challenger, multi_class="ovr"))
    assert comparison.champion == pytest.approx(roc_auc_score(actual, champion, multi_class="ovr"))
    assert comparison.difference == comparison.challenger - comparison.champion
    assert comparison.sure_loss == -comparison.upper


def test_the_linear_bootstrap_agrees_with_recomputing_the_aucs():
    actual, challenger, champion = class_hold_out(2)
    random = np.random.default_rng(9)
    drawn = []
    for _ in range(400):
        rows = np.concatenate(
            [random.choice(of_class, len(of_class)) for of_class in map(np.flatnonzero, np.eye(4)[actual].T)]
        )
        aucs = [roc_auc_score(actual[rows], each[rows], multi_class="ovr") for each in (challenger, champion)]
        drawn.append(aucs[0] - aucs[1])
    comparison = compare_classes(actual, challenger, champion, 0.95)
    assert comparison.standard_error == pytest.approx(np.std(drawn), rel=0.15)
    assert comparison.upper == pytest.approx(np.quantile(drawn, 0.95), abs=0.3 * comparison.standard_error)


def test_with_two_classes_it_nearly_equals_the_comparison_of_aucs():
    positive, challenger, champion = hold_out(4, 2_000)
    exact = compare(positive, challenger, champion, 0.95)
    both = [np.stack([1 - each, each], axis=1) for each in (challenger, champion)]
    linear = compare_classes(positive.astype(int), *both, 0.95)
    assert linear.difference == pytest.approx(exact.difference)
    assert linear.standard_error == pytest.approx(exact.standard_error, rel=0.1)
    assert linear.upper == pytest.approx(exact.upper, abs=0.3 * exact.standard_error)


def test_labels_with_one_row_are_left_out_of_a_comparison():
    actual, challenger, champion = class_hold_out(5)
    actual[actual == 3] = 2
    actual[0] = 3
    comparison = compare_classes(actual, challenger, champion, 0.95)
    kept = [roc_auc_score(actual == place, challenger[:, place]) for place in range(3)]
    assert comparison.challenger == pytest.approx(np.mean(kept))


def test_several_classes_that_cannot_be_compared():
    actual = np.array([0, 0, 0, 1, 2])
    scores = np.full((5, 3), 1 / 3)
    with pytest.raises(NotComparable, match="Only 1 of the 3 labels have 2 rows"):
        compare_classes(actual, scores, scores, 0.95)


@pytest.mark.parametrize("measure", ["rmse", "mae"])
def test_errors_are_compared_as_a_share_of_the_champions(measure):
    random = np.random.default_rng(3)
    actual = random.normal(100, 20, 500)
    champion = actual + random.normal(0, 10, 500)
    challenger = actual + 1.2 * (champion - actual)
    comparison = compare_errors(actual, challenger, champion, measure, 0.95)
    assert comparison.measure == measure
    oracle = root_mean_squared_error if measure == "rmse" else mean_absolute_error
    assert comparison.champion == pytest.approx(oracle(actual, champion))
    assert comparison.challenger == pytest.approx(oracle(actual, challenger))
    # Every error is a fifth larger, and so is that of every resample.
    ends = (comparison.lower, comparison.difference, comparison.upper, comparison.sure_loss)
    assert ends == pytest.approx((0.2,) * 4)
    assert comparison.standard_error == pytest.approx(0, abs=1e-9)


def test_the_better_of_two_numeric_models_is_never_found_worse():
    random = np.random.default_rng(4)
    actual = random.normal(0, 1, 400)
    better, worse = (actual + random.normal(0, error, 400) for error in (0.5, 1.0))
    assert compare_errors(actual, better, worse, "rmse", 0.95).sure_loss < 0
    assert compare_errors(actual, worse, better, "rmse", 0.95).sure_loss > 0


def test_models_without_errors_can_be_compared():
    numbers = np.arange(10.0)
    perfect = compare_errors(numbers, numbers, numbers, "rmse", 0.95)
    assert (perfect.difference, perfect.lower, perfect.upper) == (0, 0, 0)
    assert compare_errors(numbers, numbers + 1, numbers, "rmse", 0.95).difference == 1
    with pytest.raises(NotComparable, match="There are 1 rows"):
        compare_errors(numbers[:1], numbers[:1], numbers[:1], "mae", 0.95)


def test_errors_of_huge_numbers_are_compared():
    actual = 1.7e308 * np.linspace(-1, 1, 20)
    with np.errstate(over="raise", invalid="raise"):
        comparison = compare_errors(actual, -actual, actual / 2, "rmse", 0.95)
    assert comparison.difference == pytest.approx(3)
    assert np.isfinite([comparison.challenger, comparison.champion]).all()
