"""The traps of drift detection: where another way of doing it goes wrong, what it would say, and what is said here.

The other ways are written out here, so that each number they are known for can be seen to come out.
"""

import math
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chisquare, norm

from autowatch.monitoring.drift.judge import ColumnRules, DriftRules, judge
from autowatch.monitoring.drift.statistics import (
    distance,
    distance_threshold,
    p_value,
    population_stability_index,
)
from autowatch.tabular.profile import ProfileBuilder, total
from tests.support.judged_tables import RULES, baseline_of, judged, profile_of, texts

SEED = 20261123
DECILES = norm.ppf(np.linspace(0, 1, 11))
COUNTS = st.lists(st.integers(0, 500), min_size=2, max_size=12).filter(any)


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


def shares_in_deciles(mean):
    """The shares of N(mean, 1) between the deciles of N(0, 1)."""
    return np.diff(norm.cdf(DECILES - mean))


def psi_of_shares(reference, current):
    return float(np.sum((reference - current) * np.log(reference / current)))


def pdays(random, share, rows=50_000):
    """999 in a share of the rows, days in the others."""
    other = random.integers(0, 28, rows)
    return np.where(random.random(rows) < share, 999, other).astype(str).tolist()


class TestBinsMadeOnTheDataUnderTest:
    @staticmethod
    def psi_on_joint_bins(reference, current):
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), bins="sturges")
        shares = [np.histogram(side, edges)[0] / len(side) for side in (reference, current)]
        return psi_of_shares(*(np.where(share == 0, 1e-4, share) for share in shares))

    def test_one_added_value_hides_the_drift_from_joint_bins_and_moves_frozen_ones_by_one_part_in_n(
        self, random
    ):
        reference, moved = random.normal(size=5_000), random.normal(1, size=5_000)

        assert self.psi_on_joint_bins(reference, moved) == pytest.approx(0.949, abs=0.1)
        assert self.psi_on_joint_bins(reference, np.append(moved, 1e6)) < 0.03

        _, without = judged({"n": texts(reference)}, {"n": texts(moved)})
        _, with_one = judged({"n": texts(reference)}, {"n": [*texts(moved), "1000000"]})

        assert without.verdict == with_one.verdict == "drift"
        assert abs(without.js - with_one.js) < 1 / 5_000
        assert abs(without.psi - with_one.psi) < 0.01


class TestQuantileBinsCollapse:
    def test_deciles_miss_a_falling_share_of_a_dominant_value(self, random):
        before, now = (np.array(pdays(random, share), dtype=float) for share in (0.96, 0.80))
        edges = np.unique(np.quantile(before, np.linspace(0, 1, 11)))

        shares = [np.histogram(side, edges)[0] / len(side) for side in (before, now)]

        assert len(edges) == 2
        assert psi_of_shares(*shares) == 0.0

    def test_a_dominant_value_has_its_own_bin(self, random):
        reference = pdays(random, 0.96)

        _, same = judged({"n": reference}, {"n": pdays(random, 0.96)})
        _, moved = judged({"n": reference}, {"n": pdays(random, 0.80)})

        assert (same.verdict, moved.verdict) == ("no drift", "drift")
        assert same.psi < 0.0015
        assert moved.psi == pytest.approx(0.289, abs=0.015)


class TestGoodnessOfFit:
    def test_a_reference_taken_as_exact_raises_a_false_alarm_in_a_third_of_the_cases(self, random):
        shares = np.full(6, 1 / 6)
        pairs = [random.multinomial(1_000, shares, 2) for _ in range(1_500)]

        goodness_of_fit = [chisquare(current, reference).pvalue for reference, current in pairs]
        contingency = [p_value(reference, current) for reference, current in pairs]

        assert np.mean(np.array(goodness_of_fit) < 0.05) == pytest.approx(0.34, abs=0.04)
        assert np.mean(np.array(contingency) < 0.05) == pytest.approx(0.051, abs=0.015)


class TestPValuesAlone:
    @pytest.mark.parametrize(("rows", "flagged"), [(500, 0.05), (100_000, 0.89)])
    def test_a_tiny_change_becomes_significant_with_enough_rows_but_is_never_drift(
        self, random, rows, flagged
    ):
        reference, shares = np.full(10, 0.1), shares_in_deciles(0.02)
        pairs = [(random.multinomial(rows, reference), random.multinomial(rows, shares)) for _ in range(300)]

        p_values = np.array([p_value(*pair) for pair in pairs])
        large = [distance(*pair) >= distance_threshold(*pair, ColumnRules().distance) for pair in pairs]

        assert np.mean(p_values < 0.05) == pytest.approx(flagged, abs=0.06)
        assert not np.any((p_values < DriftRules().significance) & large)

    def test_many_rows_do_not_turn_a_tiny_change_into_drift(self, random):
        reference = texts(random.normal(size=100_000))
        current = texts(random.normal(0.03, size=100_000))

        _, column = judged({"n": reference}, {"n": current})

        assert column.p_adjusted < 0.001
        assert column.verdict == "no drift"

    def test_p_values_are_corrected_for_the_number_of_columns(self, random):
        shares = np.full(10, 0.1)
        tables = [
            [p_value(random.multinomial(5_000, shares), random.multinomial(1_000, shares)) for _ in range(20)]
            for _ in range(50)
        ]

        assert np.mean(np.min(tables, axis=1) < 0.05) > 0.5


class TestEffectAlone:
    def test_with_few_rows_a_psi_above_a_tenth_is_noise(self, random):
        shares = np.full(20, 0.05)
        pairs = [random.multinomial(100, shares, 2) for _ in range(500)]

        psi = np.array([population_stability_index(*pair) for pair in pairs])

        assert np.mean(psi > 0.1) >= 0.98

    def test_few_rows_do_not_turn_noise_into_drift(self, random):
        reference = {f"n{number}": texts(random.normal(size=20_000)) for number in range(20)}
        baseline = baseline_of(**reference)

        drifted = sum(
            len(
                judge(
                    baseline,
                    profile_of(baseline, **{n: texts(random.normal(size=300)) for n in reference}),
                    RULES,
                ).drifted
            )
            for _ in range(2)
        )

        assert drifted == 0


class TestPsiRules:
    def test_a_shift_that_they_miss_is_drift(self, random):
        assert psi_of_shares(np.full(10, 0.1), shares_in_deciles(0.3)) == pytest.approx(0.088, abs=0.003)

        _, column = judged(
            {"n": texts(random.normal(size=20_000))}, {"n": texts(random.normal(0.3, size=10_000))}
        )

        assert column.psi < 0.1
        assert column.verdict == "drift"

    def test_one_rare_row_of_the_reference_does_not_multiply_the_index_of_a_new_category(self):
        def with_a_floor_made_of_the_rarest_share(reference, current):
            before, now = (np.array(side) / sum(side) for side in (reference, current))
            rarest = before[before > 0].min()
            return psi_of_shares(np.where(before == 0, rarest / 1e6 if rarest <= 1e-4 else 1e-4, before), now)

        usual = [20_000, 21_188, 0], [495, 495, 10]
        with_rare_row = [20_000, 21_187, 1, 0], [495, 494, 1, 10]

        assert with_a_floor_made_of_the_rarest_share(*usual) == pytest.approx(0.046, abs=0.001)
        assert with_a_floor_made_of_the_rarest_share(*with_rare_row) == pytest.approx(0.198, abs=0.005)
        assert population_stability_index(*usual) == pytest.approx(0.046, abs=0.001)
        assert population_stability_index(*with_rare_row) == pytest.approx(0.046, abs=0.004)


class TestMissingDropped:
    def test_missing_values_have_a_bin_and_raise_an_alarm(self, random):
        values = texts(random.normal(size=10_000))

        report, column = judged({"n": values}, {"n": [*values[:6_000], *[""] * 4_000]})

        assert column.verdict == "drift"
        assert (column.missing_reference, column.missing_current) == (0.0, 0.4)
        assert [(alarm.column, alarm.kind) for alarm in report.alarms] == [("n", "missing values")]

    def test_missing_values_that_stop_are_drift(self, random):
        values = texts(random.normal(size=6_000))

        report, column = judged({"n": [*values, *[""] * 4_000]}, {"n": values})

        assert (column.verdict, report.alarms) == ("drift", ())

    def test_missing_values_that_were_always_there_are_quiet(self, random):
        values = [*texts(random.normal(size=5_000)), *["NA"] * 5_000]

        report, column = judged({"n": values}, {"n": values[::4]})

        assert (column.verdict, report.alarms) == ("no drift", ())


class TestSketches:
    def test_a_sketchs_error_alone_would_be_significant_and_exact_counts_have_none(self, random):
        rows, rank_error = 100_000, 0.0133
        counts = np.full(10, rows // 10)
        sketched = counts + int(rank_error * rows) * np.array([1, -1] + [0] * 8)

        assert p_value(counts, sketched) < 0.05
        assert p_value(counts, counts) == 1.0

    def test_the_sum_of_many_profiles_is_judged_like_the_whole(self, random):
        values = texts(random.normal(0.1, size=20_000))
        baseline = baseline_of(n=texts(random.normal(size=20_000)))
        pieces = np.sort(random.integers(0, 20_000, 99))
        parts = [piece.tolist() for piece in np.split(np.array(values), pieces)]

        together = total(profile_of(baseline, n=part) for part in parts)

        assert judge(baseline, together, RULES) == judge(baseline, profile_of(baseline, n=values), RULES)


class TestNewCategories:
    def test_new_categories_have_a_bin_and_raise_an_alarm(self):
        report, column = judged(
            {"c": ["a"] * 5_000 + ["b"] * 5_000}, {"c": ["a"] * 475 + ["b"] * 475 + ["<new>"] * 50}
        )

        assert column.verdict == "drift"
        assert column.new == 0.05
        assert [alarm.kind for alarm in report.alarms] == ["new categories"]
        assert report.alarms[0].message.endswith("The most frequent: “<new>” (50 rows).")

    def test_two_among_many_rows_are_quiet(self):
        report, _ = judged({"c": ["a"] * 10_000}, {"c": ["a"] * 998 + ["x", "y"]})

        assert report.alarms == ()

    def test_a_thousand_different_ones_count_as_one_bin(self):
        _, one = judged({"c": ["a"] * 5_000}, {"c": ["a"] * 500 + ["x"] * 500})
        _, many = judged({"c": ["a"] * 5_000}, {"c": ["a"] * 500 + [f"x{n}" for n in range(500)]})

        assert (one.js, one.p_value, one.psi) == (many.js, many.p_value, many.psi)

    def test_an_open_column_has_no_new_categories_bin(self):
        report, column = judged(
            {"c": [f"id{number}" for number in range(5_000)]},
            {"c": [f"x{number}" for number in range(5_000)]},
        )

        assert report.alarms == ()
        assert column.new == 0

    def test_values_out_of_range_raise_an_alarm(self):
        reference = [str(number % 100) for number in range(10_000)]

        report, column = judged({"n": reference}, {"n": reference[:950] + ["100"] * 50})

        assert column.out_of_range == 0.05
        assert [alarm.kind for alarm in report.alarms] == ["out of range"]


class TestConstantColumns:
    @pytest.mark.parametrize(("name", "value"), [("n", "7"), ("c", "a"), ("n", ""), ("c", "")])
    def test_an_unchanged_constant_is_quiet_without_nan(self, name, value):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            report, column = judged({name: [value] * 5_000}, {name: [value] * 1_000})

        assert (column.verdict, column.p_value, column.js, column.psi) == ("no drift", 1.0, 0.0, 0.0)
        assert report.alarms == ()

    def test_a_changed_constant_is_drift(self):
        report, column = judged({"n": ["7"] * 5_000}, {"n": ["8"] * 1_000})

        assert column.verdict == "drift"
        assert [alarm.kind for alarm in report.alarms] == ["out of range"]

    def test_a_constant_leaves_the_correction_of_others_defined(self, random):
        values = texts(random.normal(size=5_000))

        report, _ = judged({"n": values, "c": ["a"] * 5_000}, {"n": values[:1_000], "c": ["a"] * 1_000})

        assert all(0 <= column.p_adjusted <= 1 for column in report.columns)


class TestLogBase:
    @given(COUNTS, COUNTS)
    def test_distances_are_in_base_2(self, first, second):
        width = min(len(first), len(second))
        pair = [*first[:width], 1], [*second[:width], 1]
        in_base_e = jensenshannon(*pair)

        assert distance(*pair) == pytest.approx(in_base_e / math.sqrt(math.log(2)), abs=1e-7)

    def test_disjoint_shares_are_1_apart(self):
        assert distance((7, 0), (0, 3)) == 1.0


class TestNotEnoughData:
    def test_not_enough_data_is_not_no_drift(self):
        few, column = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 299})
        enough, _ = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 300})

        assert few.verdict == column.verdict == "not enough data"
        assert [(alarm.column, alarm.kind) for alarm in few.alarms] == [("c", "new categories")]
        assert enough.verdict == "drift"

    def test_a_reference_of_few_rows_has_no_verdict_either(self):
        report, _ = judged({"c": ["a"] * 299}, {"c": ["b"] * 5_000})

        assert report.verdict == "not enough data"


class TestBatchAgainstItself:
    def test_the_reference_has_not_drifted(self, random):
        values = texts(random.normal(size=300))

        _, column = judged({"n": values}, {"n": values})

        assert (column.verdict, column.js) == ("no drift", 0.0)

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["", "0", "-0.0", "1e300", "inf", "-1", "3.5", "NA"]),
                st.sampled_from(["", "a", "b", "NA", " a", "é"]),
            ),
            min_size=1,
            max_size=80,
        ),
        st.integers(1, 50),
    )
    def test_no_table_drifts_from_itself_even_if_repeated(self, rows, times):
        numbers, categories = (list(column) for column in zip(*rows, strict=True))
        baseline = baseline_of(n=numbers, c=categories)
        builder = ProfileBuilder(baseline)
        for _ in range(times):
            builder.add({"n": numbers, "c": categories})

        report = judge(baseline, builder.build(), DriftRules(min_rows=1))

        assert (report.verdict, report.drifted, report.alarms) == ("no drift", (), ())
        assert {column.js for column in report.columns} == {0.0}


class TestWhatCannotBeJudged:
    def test_counts_that_are_nearly_equal_are_0_apart_and_not_nan(self):
        """scipy#20083: the sum under the root can be slightly below 0."""
        for rows in range(1, 400):
            counts = (rows, 2 * rows + 1, 7 * rows + 3, 1)
            close = tuple(count * 3 for count in counts)
            assert 0 <= distance(counts, close) < 1e-6

    def test_values_that_hardly_repeat_are_not_judged(self):
        merchants = [f"m{number}" for number in range(5_000)]
        others = [f"n{number}" for number in range(5_000)]
        report, column = judged({"c": merchants}, {"c": others})
        assert column.verdict == "not judged"
        assert "hardly repeat" in column.reason
        assert report.verdict == "not enough data"

    def test_a_reference_that_is_too_small_stays_too_small(self):
        _, column = judged({"c": ["a"] * 299}, {"c": ["b"] * 5_000})
        assert column.verdict == "not judged"
        assert "299 rows" in column.reason
