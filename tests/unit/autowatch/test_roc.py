import numpy as np
import pytest
from sklearn import metrics

from autowatch.roc import roc_curve


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
