import random
from collections import Counter

import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from autowatch.tabular.profile import baseline_column
from autowatch.training.data.report import FEWEST_ROWS_OF_BIN, LEAK_AUCS, single_column_auc


def column_auc(texts, labels, feature_type="categorical"):
    bins = baseline_column("a", "feature", feature_type, Counter(texts))
    return single_column_auc(
        *(
            bins.count(Counter(text for text, label in zip(texts, labels, strict=True) if label == which))
            for which in (0, 1)
        )
    )


def test_the_leak_score_is_the_mann_whitney_statistic_of_the_bins():
    generator = np.random.default_rng(1)
    negatives, positives = generator.integers(60, 500, 8), generator.integers(60, 500, 8)
    shares = positives / (negatives + positives)
    expected = mannwhitneyu(np.repeat(shares, positives), np.repeat(shares, negatives)).statistic
    assert single_column_auc(negatives.tolist(), positives.tolist()) == pytest.approx(
        expected / (positives.sum() * negatives.sum())
    )


@pytest.mark.parametrize(
    ("negatives", "positives", "expected"),
    [([100, 0], [0, 100], 1.0), ([0, 100], [100, 0], 1.0), ([100], [300], 0.5), ([50, 50], [50, 50], 0.5)],
)
def test_the_ends(negatives, positives, expected):
    assert single_column_auc(negatives, positives) == expected


LABELS = [number % 5 == 0 for number in range(1000)]


def test_an_identifier_is_not_a_leak():
    assert column_auc([f"customer {number}" for number in range(1000)], LABELS) < 0.52
    shuffled = [str(number) for number in range(1000)]
    random.Random(2).shuffle(shuffled)
    assert column_auc(shuffled, LABELS, "numeric") < 0.65


def test_noise_in_the_smallest_bins_stays_far_from_the_bound():
    generator = random.Random(3)
    for _ in range(50):
        texts = [str(number // FEWEST_ROWS_OF_BIN) + "x" for number in range(1000)]
        labels = [generator.random() < 0.1 for _ in texts]
        assert column_auc(texts, labels) < LEAK_AUCS["binary"] - 0.05


def test_the_recoded_outcome_is_a_leak_in_any_order_of_its_numbers():
    assert column_auc(["1" if label else "0" for label in LABELS], LABELS, "numeric") == 1.0
    middle = [str(50 if label else (number % 2) * 100) for number, label in enumerate(LABELS)]
    assert column_auc(middle, LABELS, "numeric") == 1.0


def test_a_column_filled_only_after_the_outcome_is_a_leak():
    assert (
        column_auc([f"2026-{number}" if label else "" for number, label in enumerate(LABELS)], LABELS) == 1.0
    )
