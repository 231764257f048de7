import dataclasses
from dataclasses import asdict

import numpy as np
import pytest

from autowatch.monitoring.drift.judge import ColumnRules, DriftRules, judge, worst_first
from autowatch.monitoring.drift.moved import BinShare, what_moved
from autowatch.tabular.profile import Profile, ProfileBuilder, ProfilesDiffer
from tests.support.judged_tables import RULES, baseline_of, judged, profile_of, texts

SEED = 20261123


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


class TestJudge:
    def test_without_rows_there_is_no_verdict(self):
        baseline = baseline_of(n=["1", "2"] * 500, c=["a"] * 1_000)

        report = judge(baseline, ProfileBuilder(baseline).build(), RULES)

        assert (report.verdict, report.rows, report.alarms) == ("not enough data", 0, ())
        assert {column.js for column in report.columns} == {None}
        assert report.drifted == ()

    def test_without_rows_there_is_no_verdict_even_with_min_rows_0(self):
        baseline = baseline_of(n=["1", "2"] * 500)

        report = judge(baseline, ProfileBuilder(baseline).build(), DriftRules(min_rows=0))

        assert report.verdict == "not enough data"

    def test_a_missing_column_raises_an_alarm_and_has_no_verdict(self):
        baseline = baseline_of(n=["1", "2"] * 500, c=["a"] * 1_000)
        current = Profile("run-1", baseline.bins, 1_000, {"c": (1_000, 0, 0, 0)})

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

    def test_rows_counted_on_different_bins_are_an_error(self):
        baseline = baseline_of(c=["a"] * 1_000)
        other = dataclasses.replace(profile_of(baseline, c=["a"]), bins="0" * 16)

        with pytest.raises(ProfilesDiffer, match="own run's baseline"):
            judge(baseline, other, RULES)

    def test_counts_with_a_missing_bin_are_an_error(self):
        baseline = baseline_of(c=["a"] * 1_000)
        damaged = dataclasses.replace(profile_of(baseline, c=["a"]), columns={"c": (1, 0)})

        with pytest.raises(ProfilesDiffer, match="own run's baseline"):
            judge(baseline, damaged, RULES)

    def test_the_documents_have_the_agreed_fields(self):
        report, column = judged({"c": ["a"] * 5_000}, {"c": ["b"] * 400})

        assert set(column.to_json()) == {
            "name", "kind", "type", "verdict", "reason",
            "p_value", "p_adjusted", "js", "js_threshold", "psi", "missing",
            "new", "out_of_range", "importance", "moved", "bins", "unknown", "unknown_undercount",
        }  # fmt: skip
        assert set(column.to_json()["bins"][0]) == {"label", "reference", "current"}
        assert set(asdict(report.alarms[0])) == {"column", "kind", "message"}


class TestRulesByColumn:
    """Four columns, the first of which drifts."""

    REFERENCE = {name: ["x", "y"] * 500 for name in "abcd"}  # noqa: RUF012 (read only)

    def report(self, **rules):
        baseline = baseline_of(**self.REFERENCE)
        current = profile_of(baseline, **(self.REFERENCE | {"a": ["x", "x", "y", "x"] * 250}))
        return judge(baseline, current, DriftRules(min_rows=300, **rules))

    def test_one_drifted_column_is_drift_by_default(self):
        report = self.report()
        assert (report.verdict, report.drift_share) == ("drift", 0.25)

    def test_a_larger_distance_for_the_column_ends_its_drift(self):
        assert self.report(columns={"a": ColumnRules(distance=0.9)}).verdict == "no drift"
        assert self.report(columns={"b": ColumnRules(distance=0.9)}).verdict == "drift"
        assert self.report(defaults=ColumnRules(distance=0.9)).verdict == "no drift"

    def test_a_column_without_importance_is_judged_and_decides_nothing(self):
        report = self.report(columns={"a": ColumnRules(importance=0)})
        assert (report.verdict, report.drift_share) == ("no drift", 0)
        assert report.drifted == ()
        column = report.columns[0].to_json()
        assert (column["name"], column["verdict"], column["importance"]) == ("a", "drift", 0)

    @pytest.mark.parametrize("silent", [ColumnRules(importance=0), ColumnRules(distance=1)])
    def test_where_no_column_counts_there_is_no_verdict(self, silent):
        report = self.report(defaults=silent)
        assert (report.verdict, report.drifted, report.drift_share) == ("not enough data", (), 0)
        assert {column.verdict for column in report.columns} <= {"drift", "no drift"}

    def test_columns_without_importance_give_no_verdict_for_others(self):
        weightless = dict.fromkeys("abc", ColumnRules(importance=0))
        assert self.report(columns=weightless).verdict == "no drift"

    @pytest.mark.parametrize(("share", "verdict"), [(0.25, "drift"), (0.2501, "no drift"), (0.0, "drift")])
    def test_drift_share_is_reached_at_equality(self, share, verdict):
        assert self.report(drift_share=share).verdict == verdict

    def test_the_share_is_of_weights_not_of_columns(self):
        heavy = {"a": ColumnRules(importance=7)}
        assert self.report(drift_share=0.7, columns=heavy).verdict == "drift"
        assert self.report(drift_share=0.71, columns=heavy).verdict == "no drift"

    def test_inexact_weights_still_add_up(self):
        tenths = ColumnRules(importance=0.1)
        weights = dict.fromkeys("abc", tenths) | {"d": ColumnRules(importance=0.7)}
        assert self.report(drift_share=0.1, columns=weights).verdict == "drift"

    @pytest.mark.parametrize("rise", [0.05, 0.2])
    def test_an_alarm_uses_the_columns_own_rise(self, rise):
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
        assert [alarm.column for alarm in report.alarms] == ["a"]
        assert report.verdict == "not enough data"


def test_the_largest_rise_and_fall_are_named():
    bins = [BinShare("a", 0.5, 0.1), BinShare("b", 0.3, 0.3), BinShare("c", 0.2, 0.6)]

    assert what_moved(bins) == "rose: “c” 20% → 60%; fell: “a” 50% → 10%"


def test_at_most_two_bins_are_named_each_way():
    bins = [
        BinShare(str(number), 0.2, share) for number, share in enumerate([0.5, 0.3, 0.21, 0.1, 0.0, 0.19])
    ]

    assert what_moved(bins) == "rose: “0” 20% → 50%, “1” 20% → 30%; fell: “4” 20% → 0%, “3” 20% → 10%"


def test_a_change_hidden_by_rounding_has_more_digits():
    assert what_moved([BinShare("a", 0.106, 0.114)]) == "rose: “a” 10.6% → 11.4%"


@pytest.mark.parametrize(
    "bins", [[], [BinShare("a", 0.5, 0.5)], [BinShare("a", 0.5, 0.504), BinShare("b", 0.5, 0.496)]]
)
def test_tiny_changes_are_not_named(bins):
    assert what_moved(bins) == ""


MOVED = {"a": ["x"] * 1_000, "b": ["x", "y"] * 500, "c": ["x", "y"] * 500}
STILL = {name: ["x", "y"] * 500 for name in MOVED}
USE = {"a": 0.6, "b": 0.4, "c": 0.0}


def test_by_default_the_models_use_changes_no_verdict():
    assert RULES.weighted_by(USE) == RULES


def test_the_models_use_weighs_columns_on_request():
    rules = dataclasses.replace(RULES, weights="model", drift_share=0.5)
    plain, _ = judged(STILL, MOVED, rules)
    weighted, _ = judged(STILL, MOVED, rules.weighted_by(USE))
    assert (plain.verdict, plain.drift_share) == ("no drift", pytest.approx(1 / 3))
    assert (weighted.verdict, weighted.drift_share) == ("drift", pytest.approx(0.6))
    # A column with the mean share keeps its weight, so the sum of the weights is unchanged.
    assert sum(column.importance for column in weighted.columns) == pytest.approx(3)


def test_a_column_that_the_model_does_not_use_decides_nothing():
    rules = dataclasses.replace(RULES, weights="model").weighted_by(USE)
    report, _ = judged(STILL, {**STILL, "c": ["x"] * 1_000}, rules)
    assert report.verdict == "no drift"
    assert {column.name: column.verdict for column in report.columns}["c"] == "drift"


def test_set_importance_multiplies_the_models_use():
    own = {"a": ColumnRules(importance=0), "b": ColumnRules(importance=2, distance=0.3)}
    rules = dataclasses.replace(RULES, weights="model", columns=own).weighted_by(USE)
    assert rules.of("a").importance == 0
    assert (rules.of("b").importance, rules.of("b").distance) == (pytest.approx(2 * 0.4 * 3), 0.3)
    assert rules.of("y_probability").importance == 1


def test_without_known_use_only_the_settings_apply():
    rules = dataclasses.replace(RULES, weights="model")
    assert rules.weighted_by({}) == rules
