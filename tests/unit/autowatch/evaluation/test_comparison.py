"""The comparison against scikit-learn's AUC, a bootstrap that compares every pair, and simulations."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from autowatch.evaluation.comparison import NotComparable, compare
from benchmarks.gate_error_rates import CHAMPION_AUC, draw_hold_out, simulate


def hold_out(seed, rows=400, decimals=16):
    """The rows in any order, with ties where the scores are rounded."""
    random = np.random.default_rng(seed)
    positive, challenger, champion = draw_hold_out(random, rows, 0.8, 0.02)
    order = random.permutation(rows)
    return positive[order], challenger[order].round(decimals), champion[order].round(decimals)


@pytest.mark.parametrize("decimals", [0, 1, 16])
def test_the_difference_is_that_of_scikit_learns_aucs(decimals):
    positive, challenger, champion = hold_out(1, decimals=decimals)
    comparison = compare(positive, challenger, champion, 0.95)
    assert comparison.challenger_auc == pytest.approx(roc_auc_score(positive, challenger), abs=1e-12)
    assert comparison.champion_auc == pytest.approx(roc_auc_score(positive, champion), abs=1e-12)
    assert comparison.difference == comparison.challenger_auc - comparison.champion_auc
    assert comparison.rows == len(positive)


def area_by_pairs(positive, negative):
    gaps = positive[:, None] - negative
    return np.mean((gaps > 0) + (gaps == 0) / 2)


@pytest.mark.parametrize("decimals", [1, 16])
def test_counting_draws_gives_what_comparing_every_pair_of_each_resample_gives(decimals):
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


def test_the_same_scores_give_the_same_interval_and_others_another_seed():
    positive, challenger, champion = hold_out(3)
    first = compare(positive, challenger, champion, 0.95)
    assert compare(positive, challenger, champion, 0.95) == first
    assert compare(positive, champion, challenger, 0.95).seed != first.seed


def test_a_model_is_not_worse_than_itself():
    positive, challenger, _ = hold_out(4)
    comparison = compare(positive, challenger, challenger, 0.95)
    assert (comparison.lower, comparison.difference, comparison.upper) == (0, 0, 0)


def test_more_confidence_takes_a_wider_interval():
    ends = [compare(*hold_out(5), confidence).upper for confidence in (0.8, 0.9, 0.95, 0.999)]
    assert ends == sorted(ends)
    assert len(set(ends)) == 4


@pytest.mark.parametrize("positives", [0, 1, 19, 20])
def test_rows_of_one_class_alone_cannot_be_compared(positives):
    positive = np.arange(20) < positives
    scores = np.linspace(0, 1, 20)
    with pytest.raises(NotComparable, match=f"{positives} positive and {20 - positives} negative"):
        compare(positive, scores, scores, 0.95)


def test_two_rows_of_each_class_are_enough():
    positive = np.array([True, True, False, False])
    comparison = compare(positive, np.array([4, 3, 2, 1]), np.array([1, 2, 3, 4]), 0.95)
    assert (comparison.challenger_auc, comparison.champion_auc) == (1, 0)
    assert comparison.upper == 1


def test_the_simulated_models_have_the_aucs_that_they_are_said_to_have():
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
