import dataclasses
import math
from collections import Counter

import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, entropy

from autowatch.drift import (
    ColumnRules,
    DriftRules,
    distance,
    distance_threshold,
    judge,
    p_value,
    pool_thin_bins,
    population_stability_index,
    worst_first,
)
from autowatch.profile import Baseline, Profile, ProfileBuilder, ProfilesDiffer, baseline_column

RULES = DriftRules(min_rows=300)
SEED = 20261123


def baseline_of(**columns):
    """A baseline of columns of texts; those whose name starts with n are numeric."""
    return Baseline(
        "run-1",
        len(next(iter(columns.values()))),
        tuple(
            baseline_column(
                name, "feature", "numeric" if name.startswith("n") else "categorical", Counter(texts)
            )
            for name, texts in columns.items()
        ),
    )


def profile_of(baseline, **columns):
    builder = ProfileBuilder(baseline)
    builder.add(columns)
    return builder.build()


def judged(reference, current, rules=RULES):
    """The judgement of the one column `name` given as two lists of texts."""
    baseline = baseline_of(**reference)
    report = judge(baseline, profile_of(baseline, **current), rules)
    return report, report.columns[0]


def texts(values):
    return [f"{value:.5f}" for value in values]


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


class TestStatistics:
    def test_the_distance_is_scipys_in_base_2(self):
        assert distance((1, 0), (0, 1)) == 1.0
        assert distance((50, 50), (100, 0)) == pytest.approx(jensenshannon([0.5, 0.5], [1.0, 0.0], base=2))
        assert distance((50, 50), (100, 0)) == pytest.approx(
            jensenshannon([0.5, 0.5], [1.0, 0.0]) / math.sqrt(math.log(2))
        )

    def test_a_known_distance(self):
        # From the docstring of scipy.spatial.distance.jensenshannon.
        assert distance((1, 0, 0), (0, 1, 0)) == 1.0
        assert jensenshannon([1.0, 0.0], [0.5, 0.5]) == pytest.approx(0.46450140402245893)
        assert distance((10, 0), (5, 5)) == pytest.approx(0.46450140402245893 / math.sqrt(math.log(2)))

    def test_the_p_value_is_pearsons_contingency_test(self):
        # The table in the docstring of scipy.stats.chi2_contingency.
        assert p_value((10, 10, 20), (20, 20, 20)) == pytest.approx(0.24935220877729622)

    def test_psi_is_the_sum_of_both_divergences(self):
        before, now = (400, 300, 300), (200, 300, 500)
        p, q = np.array(before) / 1000, np.array(now) / 1000

        assert population_stability_index(before, now) == pytest.approx(entropy(p, q) + entropy(q, p))
        assert population_stability_index(before, now) == pytest.approx(
            float(np.sum((p - q) * np.log(p / q)))
        )

    def test_psi_of_an_empty_bin_is_finite(self):
        assert population_stability_index((1000, 0), (990, 10)) == pytest.approx(
            (0.01 - 0.0001) * math.log(0.01 / 0.0001), rel=0.01
        )

    def test_thin_bins_are_pooled_so_that_at_most_the_pool_is_expected_below_five(self, random):
        for _ in range(200):
            reference = random.multinomial(5_000, random.dirichlet(np.full(15, 0.2)))
            current = random.multinomial(400, random.dirichlet(np.full(15, 0.2)))
            pooled = pool_thin_bins(np.array([reference, current], dtype=float))

            assert pooled.sum(axis=1).tolist() == [5_000, 400]
            if pooled.shape[1] > 1:
                expected = np.sort(chi2_contingency(pooled).expected_freq.min(axis=0))
                assert expected[0] >= 1
                assert expected[1] >= 5

    def test_counts_on_one_bin_cannot_differ(self):
        assert p_value((100, 0), (50, 0)) == 1.0
        assert distance((100, 0), (50, 0)) == 0.0
        assert p_value((1, 1), (1, 0)) == 1.0

    def test_no_rows_have_no_statistics(self):
        for statistic in (p_value, distance, population_stability_index):
            assert statistic((5, 5), (0, 0)) is None
            assert statistic((0, 0), (5, 5)) is None
        assert distance_threshold((0, 0), (5, 5), 0.07) is None

    @pytest.mark.parametrize("rows", [500, 5_000])
    def test_the_threshold_adds_what_chance_adds_to_the_squared_distance(self, random, rows):
        shares = np.full(12, 1 / 12)
        pairs = [(random.multinomial(20_000, shares), random.multinomial(rows, shares)) for _ in range(2_000)]
        expected = distance_threshold(*pairs[0], 0.0) ** 2

        assert np.mean([distance(*pair) ** 2 for pair in pairs]) == pytest.approx(expected, rel=0.05)

    def test_the_threshold_tends_to_the_rule_with_many_rows(self):
        many = [10**8] * 10

        assert distance_threshold(many, many, 0.07) == pytest.approx(0.07, abs=1e-5)
        assert distance_threshold([50] * 10, [50] * 10, 0.07) > 0.1


class TestTraps:
    def test_one_added_value_cannot_hide_a_drift_because_bins_are_frozen(self, random):
        reference, moved = random.normal(size=5_000), random.normal(1, size=5_000)

        _, without = judged({"n": texts(reference)}, {"n": texts(moved)})
        _, with_one = judged({"n": texts(reference)}, {"n": [*texts(moved), "1000000"]})

        assert without.verdict == with_one.verdict == "drift"
        assert abs(without.js - with_one.js) < 1 / 5_000
        assert abs(without.psi - with_one.psi) < 0.01

    def test_a_dominant_value_does_not_collapse_the_bins(self, random):
        def pdays(share):
            return [
                "999" if dominant else str(other)
                for dominant, other in zip(
                    random.random(10_000) < share, random.integers(0, 28, 10_000), strict=True
                )
            ]

        reference = pdays(0.96)

        _, same = judged({"n": reference}, {"n": pdays(0.96)})
        _, moved = judged({"n": reference}, {"n": pdays(0.80)})

        assert (same.verdict, moved.verdict) == ("no drift", "drift")
        assert same.psi < 0.01 < 0.2 < moved.psi

    def test_both_sides_count_as_samples(self, random):
        shares = np.full(10, 0.1)
        p_values = [
            p_value(random.multinomial(1_000, shares), random.multinomial(1_000, shares))
            for _ in range(2_000)
        ]

        assert 0.035 < np.mean(np.array(p_values) < 0.05) < 0.065

    def test_many_rows_do_not_turn_a_trifle_into_drift(self, random):
        reference = texts(random.normal(size=100_000))
        current = texts(random.normal(0.03, size=100_000))

        _, column = judged({"n": reference}, {"n": current})

        assert column.p_adjusted < 0.001
        assert column.verdict == "no drift"

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
            for _ in range(5)
        )

        assert drifted <= 1

    def test_a_shift_that_psi_rules_miss_is_drift(self, random):
        _, column = judged(
            {"n": texts(random.normal(size=20_000))}, {"n": texts(random.normal(0.3, size=10_000))}
        )

        assert column.psi < 0.1
        assert column.verdict == "drift"

    def test_missing_values_are_a_bin_and_an_alarm(self, random):
        values = texts(random.normal(size=10_000))

        report, column = judged({"n": values}, {"n": [*values[:6_000], *[""] * 4_000]})

        assert column.verdict == "drift"
        assert (column.missing_reference, column.missing_current) == (0.0, 0.4)
        assert [(alarm.column, alarm.kind) for alarm in report.alarms] == [("n", "missing values")]

    def test_missing_values_that_were_always_there_are_quiet(self, random):
        values = [*texts(random.normal(size=5_000)), *["NA"] * 5_000]

        report, column = judged({"n": values}, {"n": values[::4]})

        assert (column.verdict, report.alarms) == ("no drift", ())

    def test_new_categories_are_a_bin_and_an_alarm(self):
        report, column = judged(
            {"c": ["a"] * 5_000 + ["b"] * 5_000}, {"c": ["a"] * 475 + ["b"] * 475 + ["<new>"] * 50}
        )

        assert column.verdict == "drift"
        assert column.new == 0.05
        assert [alarm.kind for alarm in report.alarms] == ["new categories"]
        assert "<new>" not in report.alarms[0].message

    def test_two_new_values_among_many_rows_are_quiet(self):
        report, _ = judged({"c": ["a"] * 10_000}, {"c": ["a"] * 998 + ["x", "y"]})

        assert report.alarms == ()

    def test_an_open_column_has_no_new_categories(self):
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

    def test_a_constant_column_stays_quiet_and_notices_a_change(self):
        _, same = judged({"n": ["7"] * 5_000}, {"n": ["7"] * 1_000})
        report, other = judged({"n": ["7"] * 5_000}, {"n": ["8"] * 1_000})

        assert (same.verdict, same.p_value, same.js) == ("no drift", 1.0, 0.0)
        assert other.verdict == "drift"
        assert [alarm.kind for alarm in report.alarms] == ["out of range"]

    def test_a_category_with_another_name_changes_nothing_else(self):
        _, first = judged({"c": ["a"] * 600 + ["b"] * 400}, {"c": ["a"] * 500 + ["b"] * 500})
        _, second = judged({"c": ["x"] * 600 + ["y"] * 400}, {"c": ["x"] * 500 + ["y"] * 500})

        assert (first.js, first.p_value, first.psi) == (second.js, second.p_value, second.psi)

    def test_a_batch_compared_with_itself_has_not_drifted(self, random):
        values = texts(random.normal(size=300))

        _, column = judged({"n": values}, {"n": values})

        assert (column.verdict, column.js) == ("no drift", 0.0)

    def test_not_enough_data_is_not_no_drift(self):
        few, column = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 299})
        enough, _ = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 300})

        assert few.verdict == column.verdict == "not enough data"
        assert few.alarms == ()
        assert enough.verdict == "drift"

    def test_a_reference_of_few_rows_gives_no_verdict_either(self):
        report, _ = judged({"c": ["a"] * 299}, {"c": ["b"] * 5_000})

        assert report.verdict == "not enough data"


class TestJudge:
    def test_no_rows_at_all(self):
        baseline = baseline_of(n=["1", "2"] * 500, c=["a"] * 1_000)

        report = judge(baseline, ProfileBuilder(baseline).build(), RULES)

        assert (report.verdict, report.rows, report.alarms) == ("not enough data", 0, ())
        assert {column.js for column in report.columns} == {None}
        assert report.drifted == ()

    def test_no_rows_are_no_verdict_even_where_none_are_asked_for(self):
        baseline = baseline_of(n=["1", "2"] * 500)

        report = judge(baseline, ProfileBuilder(baseline).build(), DriftRules(min_rows=0))

        assert report.verdict == "not enough data"

    def test_a_column_that_does_not_come_raises_an_alarm_and_has_no_verdict(self):
        baseline = baseline_of(n=["1", "2"] * 500, c=["a"] * 1_000)
        current = Profile("run-1", baseline.digest, 1_000, {"c": (1_000, 0, 0, 0)})

        report = judge(baseline, current, RULES)

        assert [(alarm.column, alarm.kind) for alarm in report.alarms] == [("n", "missing column")]
        assert [column.verdict for column in report.columns] == ["not enough data", "no drift"]
        assert report.verdict == "no drift"

    def test_p_values_are_corrected_over_the_columns(self, random):
        reference = {f"n{number}": texts(random.normal(size=5_000)) for number in range(10)}
        baseline = baseline_of(**reference)
        current = {name: texts(random.normal(size=1_000)) for name in reference}

        report = judge(baseline, profile_of(baseline, **current), RULES)

        p_values = sorted(column.p_value for column in report.columns)
        adjusted = sorted(column.p_adjusted for column in report.columns)
        by_hand = [
            min(min(p_values[later] * 10 / (later + 1) for later in range(rank, 10)), 1) for rank in range(10)
        ]
        assert adjusted == pytest.approx(by_hand)

    def test_drifted_columns_come_worst_first(self, random):
        reference = {name: texts(random.normal(size=10_000)) for name in ("n_still", "n_some", "n_much")}
        baseline = baseline_of(**reference)
        current = {"n_still": 0.0, "n_some": 0.5, "n_much": 2.0}

        report = judge(
            baseline,
            profile_of(
                baseline, **{n: texts(random.normal(mean, size=2_000)) for n, mean in current.items()}
            ),
            RULES,
        )

        assert [column.name for column in report.drifted] == ["n_much", "n_some"]
        assert [column.name for column in worst_first(report.columns)] == ["n_much", "n_some", "n_still"]
        assert report.verdict == "drift"

    def test_shares_of_the_bins_add_up_to_one(self, random):
        _, column = judged({"n": texts(random.normal(size=1_000))}, {"n": texts(random.normal(size=400))})

        assert sum(share.reference for share in column.bins) == pytest.approx(1)
        assert sum(share.current for share in column.bins) == pytest.approx(1)

    def test_rows_counted_on_other_bins_are_refused(self):
        baseline = baseline_of(c=["a"] * 1_000)
        other = dataclasses.replace(profile_of(baseline, c=["a"]), bins="0" * 16)

        with pytest.raises(ProfilesDiffer, match="own run's baseline"):
            judge(baseline, other, RULES)

    def test_the_documents_have_the_agreed_fields(self):
        report, column = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 400})

        assert set(column.to_json()) == {
            "name", "kind", "type", "verdict", "p_value", "p_adjusted", "js", "js_threshold", "psi", "missing",
            "new", "out_of_range", "importance", "moved", "bins",
        }  # fmt: skip
        assert set(column.to_json()["bins"][0]) == {"label", "reference", "current"}
        assert set(report.alarms[0].to_json()) == {"column", "kind", "message"}


class TestRulesByColumn:
    """Four columns of which the first one drifts."""

    REFERENCE = {name: ["x", "y"] * 500 for name in "abcd"}  # noqa: RUF012 (read only)

    def report(self, **rules):
        baseline = baseline_of(**self.REFERENCE)
        current = profile_of(baseline, **(self.REFERENCE | {"a": ["x", "x", "y", "x"] * 250}))
        return judge(baseline, current, DriftRules(min_rows=300, **rules))

    def test_one_drifted_column_is_drift_by_default(self):
        report = self.report()
        assert (report.verdict, report.drift_share) == ("drift", 0.25)

    def test_a_larger_distance_for_the_column_alone_quiets_it(self):
        assert self.report(columns={"a": ColumnRules(distance=0.9)}).verdict == "no drift"
        assert self.report(columns={"b": ColumnRules(distance=0.9)}).verdict == "drift"
        assert self.report(defaults=ColumnRules(distance=0.9)).verdict == "no drift"

    def test_a_column_without_importance_is_judged_and_decides_nothing(self):
        report = self.report(columns={"a": ColumnRules(importance=0)})
        assert (report.verdict, report.drift_share) == ("no drift", 0)
        assert [column.name for column in report.drifted] == ["a"]
        assert report.columns[0].to_json()["importance"] == 0

    def test_without_any_importance_nothing_drifts(self):
        assert self.report(defaults=ColumnRules(importance=0)).verdict == "no drift"

    @pytest.mark.parametrize(("share", "verdict"), [(0.25, "drift"), (0.2501, "no drift"), (0.0, "drift")])
    def test_the_share_that_it_takes_is_reached_at_equality(self, share, verdict):
        assert self.report(drift_share=share).verdict == verdict

    def test_weights_count_not_columns(self):
        heavy = {"a": ColumnRules(importance=7)}
        assert self.report(drift_share=0.7, columns=heavy).verdict == "drift"
        assert self.report(drift_share=0.71, columns=heavy).verdict == "no drift"

    def test_weights_that_binary_fractions_miss_still_add_up(self):
        tenths = ColumnRules(importance=0.1)
        weights = dict.fromkeys("abc", tenths) | {"d": ColumnRules(importance=0.7)}
        assert self.report(drift_share=0.1, columns=weights).verdict == "drift"

    @pytest.mark.parametrize("rise", [0.05, 0.2])
    def test_an_alarm_goes_by_the_columns_own_rise(self, rise):
        baseline = baseline_of(a=["x"] * 1_000)
        current = profile_of(baseline, a=["x"] * 900 + [""] * 100)
        report = judge(
            baseline, current, DriftRules(min_rows=300, columns={"a": ColumnRules(missing_rise=rise)})
        )
        assert [alarm.kind for alarm in report.alarms] == (["missing values"] if rise == 0.05 else [])

    def test_an_alarm_of_a_column_without_importance_is_shown_and_decides_nothing(self):
        baseline = baseline_of(a=["x"] * 1_000)
        current = profile_of(baseline, a=["x"] * 900 + ["new"] * 100)
        report = judge(baseline, current, DriftRules(min_rows=300, columns={"a": ColumnRules(importance=0)}))
        assert len(report.alarms) == 1
        assert report.deciding_alarms == ()
