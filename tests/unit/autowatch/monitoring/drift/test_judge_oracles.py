"""Each statistic of the drift verdict, compared with another computation, known values and identities."""

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import (
    binom,
    chi2,
    chi2_contingency,
    entropy,
    false_discovery_control,
    fisher_exact,
    hypergeom,
)

from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.monitoring.drift.statistics import (
    distance,
    distance_threshold,
    p_value,
    pool_thin_bins,
    population_stability_index,
)
from autowatch.tabular.profile import Profile, add
from tests.support.judged_tables import RULES, baseline_of, judged, profile_of, texts

SEED = 20261123
PAIRS = st.integers(2, 15).flatmap(
    lambda width: st.tuples(
        *(st.lists(st.integers(0, 400), min_size=width, max_size=width).filter(any) for _ in range(2))
    )
)
FULL_PAIRS = st.integers(2, 15).flatmap(
    lambda width: st.tuples(
        *(st.lists(st.integers(30, 400), min_size=width, max_size=width) for _ in range(2))
    )
)
UNEQUAL_PAIRS = (
    st.lists(
        st.tuples(st.one_of(st.integers(0, 30), st.integers(0, 20_000)), st.integers(0, 60)),
        min_size=2,
        max_size=15,
    )
    .map(lambda bins: tuple(map(list, zip(*bins, strict=True))))
    .filter(lambda pair: all(map(any, pair)))
)


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


def shares(counts):
    return np.array(counts) / sum(counts)


def chi_square(bins):
    table = np.array(bins).T
    comparable = len(bins) > 1 and table.sum(axis=1).all()
    return chi2_contingency(table, correction=False).pvalue if comparable else 1.0


def exact_p_value(pool, rows):
    """The probability of a split of the pool at most as likely as this one, if all rows are equally likely in it."""
    before, now = pool
    chances = binom.pmf(np.arange(before + now + 1), before + now, rows[1] / sum(rows))
    return float(chances[chances <= chances[now] * (1 + 1e-7)].sum())


def moved_by_one_row(reference, current, data):
    """The change of the squared distance when one bin gets one more row."""
    more = list(current)
    more[data.draw(st.integers(0, len(more) - 1))] += 1
    return abs(distance(reference, more) ** 2 - distance(reference, current) ** 2)


class TestPValue:
    def test_it_equals_the_example_in_scipys_documentation(self):
        assert p_value((10, 10, 20), (20, 20, 20)) == pytest.approx(0.24935220877729622)

    @given(FULL_PAIRS)
    def test_without_thin_bins_it_is_pearsons_formula(self, pair):
        reference, current = map(np.array, pair)
        expected = np.outer([reference.sum(), current.sum()], reference + current)
        expected = expected / (reference.sum() + current.sum())
        if expected.min() < 5:
            return
        statistic = ((np.array([reference, current]) - expected) ** 2 / expected).sum()

        assert p_value(*pair) == pytest.approx(chi2.sf(statistic, len(reference) - 1), rel=1e-9, abs=1e-300)

    @example(([0, 0, 16, 12592], [46, 60, 60, 0]))
    @example(([0, 0, 15, 300, 300, 9871], [57, 60, 60, 0, 0, 1]))
    @given(st.one_of(PAIRS, UNEQUAL_PAIRS))
    def test_it_equals_scipys_tests_of_the_manually_pooled_table(self, pair):
        rows = [sum(side) for side in pair]
        smaller = min(rows) / sum(rows)
        bins = [bin_ for bin_ in zip(*pair, strict=True) if any(bin_)]
        thin = [bin_ for bin_ in bins if sum(bin_) * smaller < 5]
        solid = [bin_ for bin_ in bins if bin_ not in thin]
        pool = tuple(map(sum, zip(*thin, strict=True))) or (0, 0)

        if sum(pool) * smaller >= 5:
            expected = chi_square([pool, *solid])
        elif len(solid) > 1 and thin:
            expected = min(2 * chi_square(solid), 2 * exact_p_value(pool, rows), 1)
        else:
            expected = exact_p_value(pool, rows) if thin else chi_square(solid)

        # For so rare a split, the sum of probabilities is exact and scipy's test has six digits.
        digits = 1e-9 if expected > 1e-100 else 1e-6
        assert p_value(*pair) == pytest.approx(expected, rel=digits, abs=1e-300)

    def test_a_thin_bin_is_tested_exactly(self):
        # 25 of 500 scored and none of 30,000 reference rows are in the bin, so all 25 of its rows are scored ones.
        by_chance = (500 / 30_500) ** 25

        assert p_value((15_000, 15_000, 0), (238, 237, 25)) == pytest.approx(2 * by_chance, rel=1e-6)
        assert p_value((30_000, 0), (475, 25)) == pytest.approx(by_chance, rel=1e-6)

    @given(st.integers(0, 30), st.integers(0, 4))
    def test_a_thin_bins_test_is_close_to_fishers(self, before, now):
        table = [[before, now], [30_000 - before, 500 - now]]

        ours = p_value((before, 30_000 - before), (now, 500 - now))

        assert ours == pytest.approx(fisher_exact(table).pvalue, rel=0.1)

    @pytest.mark.timeout(5)
    def test_a_billion_rows_take_no_longer(self):
        assert p_value((10**9, 10**9, 0), (10**9, 10**9 - 1, 1)) == 1.0

    def test_a_side_with_all_rows_in_thin_bins_is_tested_there(self):
        assert p_value((15_000, 15_000, 0), (0, 0, 20)) == pytest.approx(2 * (20 / 30_020) ** 20, rel=1e-6)

    def test_one_row_in_a_new_bin_is_not_significant(self):
        assert p_value((15_000, 15_000, 0), (250, 249, 1)) == pytest.approx(2 * 500 / 30_500, rel=1e-6)

    @pytest.mark.parametrize("rows", [500, 30_000])
    def test_under_the_null_hypothesis_the_error_rate_holds(self, random, rows):
        uneven = np.array([0.5, 0.3, 0.15, 0.04, 0.006, 0.002, 0.001, 0.0007, 0.0003])
        pairs = [(random.multinomial(30_000, uneven), random.multinomial(rows, uneven)) for _ in range(1_500)]

        p_values = np.array([p_value(*pair) for pair in pairs])

        assert np.mean(p_values < 0.05) < 0.065
        assert np.mean(p_values < 0.01) < 0.018

    def test_after_pooling_each_expected_count_is_five_and_no_row_is_lost(self, random):
        for _ in range(200):
            reference = random.multinomial(5_000, random.dirichlet(np.full(15, 0.2)))
            current = random.multinomial(400, random.dirichlet(np.full(15, 0.2)))
            solid, thin = pool_thin_bins(np.array([reference, current]))

            assert (solid.sum(axis=1) + (0 if thin is None else thin)).tolist() == [5_000, 400]
            assert (solid.sum(axis=0) * 400 / 5_400 >= 5).all()
            assert thin is None or 0 < thin.sum() * 400 / 5_400 < 5

    @given(PAIRS)
    def test_it_is_a_probability(self, pair):
        assert 0 <= p_value(*pair) <= 1

    def test_counts_on_one_bin_cannot_differ(self):
        assert p_value((100, 0), (50, 0)) == 1.0
        assert p_value((1, 1), (1, 0)) == 1.0


class TestDistance:
    def test_it_equals_the_values_in_scipys_documentation(self):
        assert distance((1, 0, 0), (0, 1, 0)) == 1.0
        assert jensenshannon([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.46450140402245893)
        assert distance((10, 0), (5, 5)) == pytest.approx(0.46450140402245893 / math.sqrt(math.log(2)))
        assert distance((7, 0, 0), (7, 0, 0)) == 0.0

    @given(PAIRS)
    def test_its_square_is_the_entropy_of_the_mixture_minus_the_mean_entropy(self, pair):
        p, q = map(shares, pair)
        divergence = entropy((p + q) / 2, base=2) - (entropy(p, base=2) + entropy(q, base=2)) / 2

        assert distance(*pair) ** 2 == pytest.approx(divergence, abs=1e-12)

    @given(PAIRS)
    def test_it_is_symmetric_and_between_0_and_1(self, pair):
        assert 0 <= distance(*pair) <= 1
        assert distance(*pair) == pytest.approx(distance(*reversed(pair)), abs=1e-12)

    @given(PAIRS, st.integers(1, 1_000))
    def test_it_depends_only_on_shares(self, pair, times):
        reference, current = pair

        assert distance(reference, [count * times for count in current]) == pytest.approx(
            distance(*pair), abs=1e-7
        )


class TestDistanceThreshold:
    @pytest.mark.parametrize("rows", [500, 5_000])
    def test_it_adds_what_chance_adds_to_the_squared_distance(self, random, rows):
        even = np.full(12, 1 / 12)
        pairs = [(random.multinomial(20_000, even), random.multinomial(rows, even)) for _ in range(1_000)]
        expected = distance_threshold(*pairs[0], 0.0) ** 2

        assert np.mean([distance(*pair) ** 2 for pair in pairs]) == pytest.approx(expected, rel=0.06)

    def test_it_tends_to_the_rule_with_many_rows(self):
        many = [10**8] * 10

        assert distance_threshold(many, many, 0.07) == pytest.approx(0.07, abs=1e-5)
        assert distance_threshold([50] * 10, [50] * 10, 0.07) > 0.1


class TestPopulationStabilityIndex:
    @given(FULL_PAIRS)
    def test_it_is_the_sum_of_both_divergences(self, pair):
        p, q = map(shares, pair)

        assert population_stability_index(*pair) == pytest.approx(entropy(p, q) + entropy(q, p), abs=1e-9)
        assert population_stability_index(*pair) == pytest.approx(
            float(np.sum((p - q) * np.log(p / q))), abs=1e-9
        )

    @given(PAIRS)
    def test_an_empty_bin_counts_as_one_in_ten_thousand(self, pair):
        p, q = (np.maximum(shares(side), 1e-4) for side in pair)
        p, q = p / p.sum(), q / q.sum()

        index = population_stability_index(*pair)

        assert math.isfinite(index)
        assert index == pytest.approx(entropy(p, q) + entropy(q, p), abs=1e-9)


@pytest.mark.parametrize("statistic", [p_value, distance, population_stability_index])
def test_no_rows_have_no_statistic(statistic):
    assert statistic((5, 5), (0, 0)) is None
    assert statistic((0, 0), (5, 5)) is None
    assert distance_threshold((0, 0), (5, 5), 0.07) is None


class TestCorrection:
    def test_it_equals_the_p_values_in_scipys_documentation(self):
        # The example of Benjamini and Hochberg, with the result from scipy's documentation.
        p_values = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
                    0.5719, 0.6528, 0.7590, 1.000]  # fmt: skip

        assert false_discovery_control(p_values, method="bh")[:4] == pytest.approx(
            [0.0015, 0.003, 0.0095, 0.035625]
        )

    def test_it_is_scipys_over_the_columns_present(self, random):
        reference = {f"n{number}": texts(random.normal(size=2_000)) for number in range(6)} | {
            "c": ["a"] * 2_000
        }
        baseline = baseline_of(**reference)
        current = {name: texts(random.normal(0.05, size=800)) for name in list(reference)[:5]} | {
            "c": ["a"] * 800
        }

        columns = judge(baseline, profile_of(baseline, **current), RULES).columns

        came = [column for column in columns if column.name != "n5"]
        assert [column.p_adjusted for column in came] == pytest.approx(
            false_discovery_control([column.p_value for column in came]).tolist()
        )
        assert columns[5].p_adjusted is None


class TestAlarms:
    def test_it_equals_the_example_in_scipys_documentation(self):
        assert fisher_exact([[6, 2], [1, 4]], alternative="greater").pvalue == pytest.approx(0.0862, abs=1e-4)

    @given(st.integers(0, 60), st.integers(300, 3_000), st.integers(0, 60), st.integers(300, 3_000))
    def test_a_rise_that_is_significant_in_fishers_test_raises_an_alarm(
        self, missing_before, before, missing, rows
    ):
        baseline = baseline_of(c=["a"] * (before - missing_before) + [""] * missing_before)
        current = Profile("run-1", baseline.bins, rows, {"c": (rows - missing, 0, 0, missing)})

        report = judge(baseline, current, DriftRules(min_rows=1))

        # The probability of at least this many missing values among the scored rows under random assignment.
        by_chance = hypergeom.sf(missing - 1, before + rows, missing_before + missing, rows)
        expected = missing / rows - missing_before / before >= 0.03 and by_chance < 0.001
        assert ("missing values" in {alarm.kind for alarm in report.alarms}) == expected


class TestIdentities:
    @given(PAIRS, st.randoms())
    def test_the_order_and_the_names_of_the_bins_change_nothing(self, pair, random):
        order = list(range(len(pair[0])))
        random.shuffle(order)
        shuffled = [[side[position] for position in order] for side in pair]

        for statistic in (p_value, distance, population_stability_index):
            assert statistic(*shuffled) == pytest.approx(statistic(*pair), rel=1e-9, abs=1e-7)
        assert distance_threshold(*shuffled, 0.07) == distance_threshold(*pair, 0.07)

    @given(PAIRS)
    def test_bins_without_rows_change_nothing(self, pair):
        wider = [[0, *side, 0, 0] for side in pair]

        for statistic in (p_value, distance):
            assert statistic(*wider) == pytest.approx(statistic(*pair), rel=1e-9, abs=1e-7)
        assert distance_threshold(*wider, 0.07) == distance_threshold(*pair, 0.07)

    @given(st.lists(st.sampled_from(["", "1", "2.5", "NA", "999"]), min_size=2, max_size=60), st.randoms())
    def test_row_order_and_batch_limits_change_nothing(self, rows, random):
        baseline = baseline_of(n=["1", "2", "3", "999"] * 200)
        shuffled = random.sample(rows, len(rows))
        cut = random.randint(1, len(rows) - 1)
        in_parts = add(profile_of(baseline, n=shuffled[:cut]), profile_of(baseline, n=shuffled[cut:]))

        assert judge(baseline, in_parts, RULES) == judge(baseline, profile_of(baseline, n=rows), RULES)

    def test_renaming_categories_changes_nothing(self):
        _, first = judged({"c": ["a"] * 600 + ["b"] * 400}, {"c": ["a"] * 500 + ["b"] * 500})
        _, second = judged({"c": ["x"] * 600 + ["y"] * 400}, {"c": ["x"] * 500 + ["y"] * 500})

        assert (first.js, first.p_value, first.psi) == (second.js, second.p_value, second.psi)

    @given(FULL_PAIRS, st.data())
    def test_one_more_row_moves_the_divergence_of_full_bins_by_a_few_parts_in_n(self, pair, data):
        """The divergence's slope towards bin i is at most half of log2(1 + p_i / q_i)."""
        p, q = map(shares, pair)
        rows = sum(pair[1])

        assert moved_by_one_row(*pair, data) <= (math.log2(1 + max(p / q)) / 2 + 1 / rows) / rows

    @given(PAIRS, st.data())
    def test_one_more_row_moves_any_divergence_by_at_most_a_logarithmic_bound(self, pair, data):
        rows = sum(pair[1]) + 1

        assert moved_by_one_row(*pair, data) <= (1 + math.log2(rows)) / rows

    @given(FULL_PAIRS, st.data())
    def test_one_more_row_moves_the_index_of_full_bins_by_a_few_parts_in_n(self, pair, data):
        reference, current = pair
        more = list(current)
        more[data.draw(st.integers(0, len(more) - 1))] += 1

        moved = abs(population_stability_index(reference, more) - population_stability_index(*pair))

        assert moved <= 40 / sum(more)
