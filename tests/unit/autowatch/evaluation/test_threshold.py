import numpy as np
import pytest
from sklearn import metrics

from autowatch.evaluation.figures import Confusion, Costs
from autowatch.evaluation.threshold import (
    best_threshold,
    confusion,
    predict_without_own_row,
    trade_off_curve,
)


def draw(seed, rows=40, decimals=16, share=0.15):
    random = np.random.default_rng(seed)
    positive = random.random(rows) < share
    positive[:2] = True, False
    return positive, random.beta(np.where(positive, 3, 1), 8).round(decimals)


def every_labelling(probability):
    """For every threshold strictly between 0 and 1, the rows that it calls positive, by brute force."""
    values = np.unique(probability)
    between = [*((values[1:] + values[:-1]) / 2), (values[-1] + 1) / 2, values[0] / 2]
    return [probability >= threshold for threshold in between if 0 < threshold < 1]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 2, 16])
def test_no_threshold_has_a_larger_f1(seed, decimals):
    """With one decimal nearly all probabilities are ties."""
    positive, probability = draw(seed, decimals=decimals)
    best = metrics.f1_score(positive, probability >= best_threshold(positive, probability))
    precision, recall, _ = metrics.precision_recall_curve(positive, probability)
    both = precision + recall
    assert best == pytest.approx(max(2 * (precision * recall)[both > 0] / both[both > 0]))
    assert best == max(metrics.f1_score(positive, each) for each in every_labelling(probability))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("decimals", [1, 16])
@pytest.mark.parametrize("costs", [Costs(10, 1), Costs(0.5, 3)])
def test_no_threshold_costs_less(seed, decimals, costs):
    positive, probability = draw(seed, decimals=decimals)

    def cost(predicted):
        (_, alarms), (misses, _) = metrics.confusion_matrix(positive, predicted, labels=[False, True])
        return costs.miss * misses + costs.alarm * alarms

    chosen = probability >= best_threshold(positive, probability, costs)
    assert cost(chosen) == pytest.approx(min(map(cost, every_labelling(probability))))


def test_with_calibrated_probabilities_the_threshold_is_near_the_cost_ratio():
    """The rule of decision theory (Elkan 2001), which a large sample must approach."""
    random = np.random.default_rng(1)
    probability = random.random(200_000)
    positive = random.random(200_000) < probability
    assert best_threshold(positive, probability, Costs(4, 1)) == pytest.approx(0.2, abs=0.03)


def test_the_threshold_lies_between_two_probabilities():
    positive, probability = np.array([False, False, True, True]), np.array([0.1, 0.2, 0.6, 0.9])
    assert best_threshold(positive, probability) == pytest.approx(0.4)


def test_between_neighbouring_floats_the_upper_one_is_the_threshold():
    upper = np.nextafter(0.3, 1)
    assert best_threshold(np.array([False, True]), np.array([0.3, upper])) == upper


def test_of_equally_good_thresholds_the_highest_wins():
    positive, probability = np.array([True, False, True]), np.array([0.8, 0.5, 0.2])
    # Calling only the first row positive costs one miss; calling all positive costs one alarm.
    assert best_threshold(positive, probability, Costs(1, 1)) == pytest.approx(0.65)


@pytest.mark.parametrize(("value", "threshold"), [(0.0, 0.5), (0.3, 0.15), (1.0, 0.5), (1.0000005, 0.5)])
def test_equal_probabilities_are_called_positive_together(value, threshold):
    """No threshold above 0 calls a probability of 0 positive, and none below 1 calls a probability of 1 negative."""
    positive = np.array([True, False, False])
    assert best_threshold(positive, np.full(3, value)) == pytest.approx(threshold)


def test_one_positive_row_is_enough():
    positive, probability = np.zeros(50, bool), np.linspace(0.01, 0.5, 50)
    positive[45] = True
    assert (probability >= best_threshold(positive, probability)).nonzero()[0].tolist() == [
        45,
        46,
        47,
        48,
        49,
    ]


def test_without_a_positive_row_none_is_called_positive():
    probability = np.array([0.2, 0.7])
    assert best_threshold(np.zeros(2, bool), probability) > 0.7


def test_a_row_does_not_influence_its_own_label():
    """The best threshold finds the only positive row; a threshold chosen on the other rows does not."""
    positive, probability = np.zeros(50, bool), np.linspace(0.01, 0.5, 50)
    positive[25] = True
    assert probability[25] >= best_threshold(positive, probability)
    assert not predict_without_own_row(positive, probability)[25]


def test_the_cross_fitted_f1_is_not_too_good():
    """If probabilities say nothing, the best F1 is that of calling all rows positive, about 0.26 at 15 %."""
    shown, flattering = [], []
    for seed in range(100):
        random = np.random.default_rng(seed)
        positive, probability = random.random(100) < 0.15, random.random(100)
        positive[0] = True
        shown.append(metrics.f1_score(positive, predict_without_own_row(positive, probability)))
        flattering.append(metrics.f1_score(positive, probability >= best_threshold(positive, probability)))
    assert np.mean(flattering) > 0.3
    assert np.mean(shown) < 0.26


def test_two_rows_suffice():
    assert len(predict_without_own_row(np.array([True, False]), np.array([0.3, 0.2]))) == 2


@pytest.mark.parametrize("seed", range(5))
def test_counts_equal_scikit_learns(seed):
    random = np.random.default_rng(seed)
    positive, predicted = random.random(99) < 0.2, random.random(99) < 0.4
    (tn, fp), (fn, tp) = metrics.confusion_matrix(positive, predicted)
    assert confusion(positive, predicted) == Confusion(tp, fp, fn, tn)


@pytest.mark.parametrize("decimals", [1, 16])
def test_the_curve_has_the_figures_of_its_thresholds(decimals):
    positive, probability = draw(3, 2_000, decimals)
    curve = trade_off_curve(positive, probability, Costs(5, 1))
    assert 5 < len(curve) <= 101
    assert [point.threshold for point in curve] == sorted({point.threshold for point in curve})
    for point in curve:
        predicted = probability >= point.threshold
        counts = confusion(positive, predicted)
        assert point.precision == pytest.approx(metrics.precision_score(positive, predicted))
        assert point.recall == pytest.approx(metrics.recall_score(positive, predicted))
        assert point.f1 == pytest.approx(metrics.f1_score(positive, predicted))
        assert point.cost == pytest.approx((5 * counts.false_negatives + counts.false_positives) / 2_000)


def test_the_curve_begins_at_full_recall_and_has_no_cost_without_costs():
    curve = trade_off_curve(*draw(4, rows=300))
    assert curve[0].recall == 1.0
    assert {point.cost for point in curve} == {None}


def test_a_curve_of_zeros_is_empty():
    assert trade_off_curve(np.array([True, False]), np.zeros(2)) == ()
