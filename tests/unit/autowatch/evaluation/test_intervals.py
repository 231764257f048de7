import numpy as np
import pytest
from scipy import stats

from autowatch.evaluation.figures import Bounded, Estimate
from autowatch.evaluation.intervals import f1_estimate, mean_estimate, share_estimate


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
