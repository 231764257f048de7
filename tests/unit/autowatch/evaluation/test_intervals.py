import numpy as np
import pytest
from scipy import stats

from autowatch.evaluation.figures import Bounded, Estimate
from autowatch.evaluation.intervals import (
    f1_estimate,
    logit_interval,
    mean_estimate,
    mean_of_shares,
    share_estimate,
)


@pytest.mark.parametrize(("hits", "rows"), [(0, 1), (1, 1), (0, 50), (50, 50), (3, 200), (1, 10**6), (5, 7)])
def test_shares_have_wilsons_interval(hits, rows):
    expected = stats.binomtest(hits, rows).proportion_ci(0.95, method="wilson")
    estimate = share_estimate(hits, rows)
    assert estimate.value == hits / rows
    assert (estimate.lower, estimate.upper) == pytest.approx((expected.low, expected.high), abs=1e-12)
    assert 0 <= estimate.lower <= estimate.value <= estimate.upper <= 1


def test_means_have_the_normal_interval():
    values = np.random.default_rng(1).exponential(size=500)
    expected = stats.norm.interval(0.95, values.mean(), stats.sem(values))
    estimate = mean_estimate(values)
    assert (estimate.lower, estimate.upper) == pytest.approx(expected, rel=1e-12)
    assert mean_estimate(np.array([2.0])) == Estimate(2.0, None, None)
    assert mean_estimate(np.array([2.0, 2.0])) == Bounded(2.0, 2.0, 2.0)


def test_f1_rises_with_the_jaccard_index():
    estimate, jaccard = f1_estimate(30, 10, 20), share_estimate(30, 60)
    assert estimate.value == pytest.approx(2 * 30 / (2 * 30 + 10 + 20))
    for end in ("lower", "upper"):
        share = getattr(jaccard, end)
        assert getattr(estimate, end) == pytest.approx(2 * share / (1 + share))
    assert f1_estimate(0, 0, 0) is None
    assert f1_estimate(0, 4, 0).value == 0
    assert f1_estimate(4, 0, 0).value == f1_estimate(4, 0, 0).upper == 1


def test_a_mean_of_shares_has_an_interval_where_every_row_is_right():
    one = share_estimate(20, 20)
    assert mean_of_shares([one]) == one
    several = mean_of_shares([one] * 4)
    assert (several.value, several.upper) == (1, 1)
    assert one.lower < several.lower < 1


@pytest.mark.parametrize("rows", [20, 100])
def test_the_interval_of_a_mean_of_shares_has_the_stated_coverage(rows):
    """95 % of 2,000 is 1,900 ± 10."""
    random = np.random.default_rng(1)
    chances = np.array([0.5, 0.8, 0.95])
    hits = random.binomial(rows, chances, (2_000, 3))
    found = [mean_of_shares([share_estimate(int(each), rows) for each in day]) for day in hits]
    held = sum(each.lower <= chances.mean() <= each.upper for each in found)
    assert 1_860 <= held <= 1_970


def test_an_interval_on_the_logit_scale_stays_between_0_and_1():
    wide = logit_interval(0.9, 0.3)
    assert 0 < wide.lower < 0.9 < wide.upper < 1
    assert logit_interval(0.5, 0.01).upper == pytest.approx(0.5196, abs=1e-4)
