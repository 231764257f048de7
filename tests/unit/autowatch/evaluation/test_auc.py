import math
import time

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit, logit
from sklearn.metrics import roc_auc_score

from autowatch.evaluation.auc import auc_estimate, auc_estimate_of_counts


def delong_by_pairs(positive, score):
    """The AUC and its variance from all pairs, as DeLong, DeLong and Clarke-Pearson (1988) define them."""
    ours, others = score[positive][:, None], score[~positive][None, :]
    wins = (ours > others) + 0.5 * (ours == others)
    of_positives, of_negatives = wins.mean(axis=1), wins.mean(axis=0)
    variance = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    return wins.mean(), variance


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize(("rows", "positives"), [(4, 2), (30, 2), (30, 28), (300, 30), (300, 150)])
def test_the_variance_equals_delongs(rows, positives, ties):
    random = np.random.default_rng(rows + positives)
    positive = np.arange(rows) < positives
    score = random.normal(positive * 1.0)
    score = score.round(0) if ties else score
    auc, variance = delong_by_pairs(positive, score)
    estimate = auc_estimate(positive, score)
    assert estimate.value == pytest.approx(auc)
    assert estimate.value == pytest.approx(roc_auc_score(positive, score))
    if 0 < auc < 1 and np.ptp(score[positive]) and np.ptp(score[~positive]):
        quantile = stats.t.ppf(0.975, min(positives, rows - positives) - 1)
        half = quantile * math.sqrt(variance) / (auc * (1 - auc))
        expected = expit(logit(auc) + np.array([-half, half]))
        assert (estimate.lower, estimate.upper) == pytest.approx(tuple(expected))


@pytest.mark.parametrize("positives", [0, 1, 9, 10])
def test_without_two_rows_of_each_class_there_is_no_auc(positives):
    assert auc_estimate(np.arange(10) < positives, np.arange(10.0)) is None


def test_constant_scores_have_an_auc_of_one_half():
    estimate = auc_estimate(np.arange(50) < 20, np.full(50, 0.3))
    assert (estimate.lower, estimate.value, estimate.upper) == (0.5, 0.5, 0.5)


@pytest.mark.parametrize("alike", [True, False])
def test_one_class_without_spread_has_an_interval(alike):
    """Ten positive rows that by chance share one of two scores: DeLong's variance is 0 for their class."""
    positive = np.arange(1010) < 10
    score = np.where(positive, 0.0, (np.arange(1010) % 20 == 0) * 1.0)
    estimate = auc_estimate(positive, score) if alike else auc_estimate(~positive, score)
    assert 0.47 < estimate.value < 0.53
    assert estimate.lower < 0.4
    assert estimate.upper > 0.6


def test_separated_classes_still_have_an_interval():
    positive = np.arange(50) < 20
    perfect, reversed_ = auc_estimate(positive, positive * 1.0), auc_estimate(positive, 1.0 - positive)
    assert perfect.value == perfect.upper == 1
    assert 0.8 < perfect.lower < 1
    assert reversed_.value == reversed_.lower == 0
    assert reversed_.upper == pytest.approx(1 - perfect.lower)


@pytest.mark.parametrize(
    ("auc", "positives", "negatives"), [(0.5, 10, 10), (0.78, 928, 7309), (0.99, 12, 400)]
)
def test_the_interval_of_counts_ends_where_chance_does(auc, positives, negatives):
    estimate = auc_estimate_of_counts(auc, positives, negatives)
    others = (positives + negatives) / 2 - 1
    for end in (estimate.lower, estimate.upper):
        ranks = 1 + others * ((1 - end) / (2 - end) + end / (1 + end))
        error = math.sqrt(end * (1 - end) * ranks / (positives * negatives))
        assert abs(end - auc) == pytest.approx(1.959964 * error, rel=1e-5)
    assert 0 <= estimate.lower < auc < estimate.upper <= 1


def test_both_methods_agree_for_many_rows():
    random = np.random.default_rng(5)
    positive = np.arange(20_000) < 2_000
    score = random.normal(positive * 1.1)
    by_scores = auc_estimate(positive, score)
    by_counts = auc_estimate_of_counts(by_scores.value, 2_000, 18_000)
    assert by_counts.upper - by_counts.lower == pytest.approx(by_scores.upper - by_scores.lower, rel=0.1)


def test_a_million_rows_take_seconds():
    random = np.random.default_rng(6)
    positive = random.random(10**6) < 0.1
    begun = time.process_time()
    estimate = auc_estimate(positive, random.normal(positive * 1.0))
    assert time.process_time() - begun < 10
    assert estimate.upper - estimate.lower < 0.01
