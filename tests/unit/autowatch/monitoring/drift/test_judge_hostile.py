"""Columns that break drift detectors: ties, identifiers, dates, empty columns, and extreme sizes."""

import unicodedata
from collections import Counter

import msgspec
import numpy as np
import pytest

from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.monitoring.drift.statistics import distance, p_value
from autowatch.tabular.bins import categorical_bins, numeric_bins
from autowatch.tabular.profile import Baseline, Profile, ProfileBuilder, add, baseline_column
from tests.support.judged_tables import RULES, baseline_of, judged, profile_of

SEED = 20261123


@pytest.fixture
def random():
    return np.random.default_rng(SEED)


def drawn(random, values, rows):
    return [f"v{value}" for value in random.integers(0, values, rows)]


class TestManyCategories:
    @pytest.mark.parametrize(("values", "reference_rows"), [(300, 3_000), (1_000, 5_000), (1_500, 3_000)])
    def test_evenly_spread_categories_do_not_drift_from_a_small_reference(
        self, random, values, reference_rows
    ):
        reference = drawn(random, values, reference_rows)

        verdicts = Counter(
            judged({"c": reference}, {"c": drawn(random, values, 5_000)})[1].verdict for _ in range(10)
        )

        assert "drift" not in verdicts

    @pytest.mark.parametrize("reference_rows", [300, 1_000, 30_000])
    def test_identifiers_never_drift_whatever_the_size_of_the_reference(self, reference_rows):
        reference = [f"id{number}" for number in range(reference_rows)]

        report, column = judged({"c": reference}, {"c": [f"id{number}" for number in range(50_000, 55_000)]})

        assert (column.verdict, report.alarms) == ("not judged", ())

    def test_the_loss_of_half_of_the_categories_is_drift(self, random):
        _, column = judged({"c": drawn(random, 300, 10_000)}, {"c": drawn(random, 150, 5_000)})

        assert column.verdict == "drift"

    def test_a_frequent_value_among_many_rare_ones_has_a_bin(self, random):
        rare = drawn(random, 1_500, 9_500)

        _, column = judged({"c": [*rare, *["top"] * 500]}, {"c": [*rare[:4_000], *["top"] * 1_000]})

        assert column.verdict == "drift"
        assert "top" in {share.label for share in column.bins}

    def test_rare_categories_are_chosen_independently_of_their_counts(self):
        counts = {f"v{number}": 10 for number in range(300)}
        others = {value: 9 + number % 3 for number, value in enumerate(counts)}

        assert set(categorical_bins("c", "feature", counts).values) == set(
            categorical_bins("c", "feature", others).values
        )


class TestTies:
    def test_two_distinct_values(self):
        _, same = judged({"n": ["0", "1"] * 5_000}, {"n": ["0", "1"] * 500})
        _, moved = judged({"n": ["0", "1"] * 5_000}, {"n": ["0"] * 350 + ["1"] * 650})

        assert (same.verdict, moved.verdict) == ("no drift", "drift")

    def test_a_number_that_becomes_frequent_inside_a_bin_is_drift(self, random):
        values = random.integers(0, 1_000, 30_000)
        current = np.where(random.random(20_000) < 0.1, 500, random.integers(0, 1_000, 20_000))

        _, column = judged({"n": values.astype(str).tolist()}, {"n": current.astype(str).tolist()})

        assert column.verdict == "drift"


class TestSizes:
    def test_one_changed_value_among_a_million_is_quiet(self):
        reference = (500_000, 500_000, 0, 0)
        baseline = Baseline(
            "run-1", 10**6, (baseline_column("c", "feature", "categorical", {"a": 1, "b": 1}),)
        )
        column = Baseline(
            "run-1", 10**6, (msgspec.structs.replace(baseline.columns[0], counts=(*reference, 0)),)
        )
        current = Profile("run-1", column.bins, 10**6, {"c": (500_000, 499_999, 0, 1, 0)})

        report = judge(column, current, DriftRules())

        assert (report.verdict, report.alarms) == ("no drift", ())
        assert report.columns[0].p_value > 0.5

    @pytest.mark.timeout(10)
    @pytest.mark.parametrize("rows", [10**6, 10**9, 10**12])
    def test_any_number_of_rows_is_judged_quickly(self, rows):
        baseline = baseline_of(c=["a"] * 9_000 + [""] * 1_000)
        current = Profile("run-1", baseline.bins, rows, {"c": (rows // 2, 0, rows // 4, rows // 4)})

        report = judge(baseline, current, DriftRules())

        assert report.verdict == "drift"
        assert [alarm.kind for alarm in report.alarms] == ["missing values", "new categories"]

    def test_nearly_equal_shares_have_a_distance(self, random):
        for _ in range(500):
            counts = random.integers(1, 10**6, random.integers(2, 15))
            more = counts * int(random.integers(1, 5))
            more[0] += 1

            assert 0 <= distance(counts.tolist(), more.tolist()) < 0.01
            assert 0 <= p_value(counts.tolist(), more.tolist()) <= 1


class TestNothing:
    @pytest.mark.parametrize("name", ["n", "c"])
    def test_a_column_that_was_empty_in_training_drifts_once_filled(self, name):
        _, still_empty = judged({name: [""] * 5_000}, {name: [""] * 1_000})
        _, filled = judged({name: [""] * 5_000}, {name: ["1"] * 1_000})

        assert (still_empty.verdict, filled.verdict) == ("no drift", "drift")

    @pytest.mark.parametrize("name", ["n", "c"])
    def test_a_column_that_becomes_empty_drifts(self, name):
        report, column = judged({name: ["1", "2"] * 2_500}, {name: [""] * 1_000})

        assert column.verdict == "drift"
        assert [alarm.kind for alarm in report.alarms] == ["missing values"]

    def test_a_column_missing_from_half_of_the_files_is_judged_by_the_others(self):
        baseline = baseline_of(n=["1", "2"] * 2_500, c=["a", "b"] * 2_500)
        builder = ProfileBuilder(baseline)
        builder.add({"c": ["a", "b"] * 500})
        both = add(builder.build(), profile_of(baseline, n=["1", "2"] * 500, c=["a", "b"] * 500))

        report = judge(baseline, both, RULES)

        assert [(alarm.column, alarm.message) for alarm in report.alarms] == [
            ("n", "1000 of 2000 rows do not have this column.")
        ]
        assert [column.verdict for column in report.columns] == ["no drift", "no drift"]


class TestOddValues:
    def test_dates_written_as_numbers_leave_the_range(self):
        report, column = judged(
            {"n": [str(20260101 + day % 28) for day in range(5_000)]},
            {"n": [str(20260201 + day % 28) for day in range(1_000)]},
        )

        assert column.verdict == "drift"
        assert [alarm.kind for alarm in report.alarms] == ["out of range"]

    def test_both_zeros_share_one_bin(self):
        bins = [
            numeric_bins("n", "feature", dict(counts))
            for counts in ([(-0.0, 60), (1.0, 40)], [(0.0, 60), (1.0, 40)])
        ]

        assert repr(bins[0]) == repr(bins[1])
        assert bins[0].labels() == bins[1].labels()
        assert judged({"n": ["-0.0"] * 5_000}, {"n": ["0"] * 1_000})[1].js == 0.0

    @pytest.mark.parametrize(
        "values", [["inf", "1"], ["1.7976931348623157e308", "-1.7976931348623157e308"], ["5e-324", "0"]]
    )
    def test_extreme_floats_are_ordinary_numbers(self, values):
        report, column = judged({"n": values * 2_500}, {"n": values * 500})

        assert (column.verdict, column.js, report.alarms) == ("no drift", 0.0, ())

    def test_texts_that_look_alike_are_different_categories(self):
        composed, taken_apart = (unicodedata.normalize(form, "é") for form in ("NFC", "NFD"))

        report, _ = judged({"c": ["a", composed] * 2_500}, {"c": ["a", taken_apart] * 500})

        assert [alarm.kind for alarm in report.alarms] == ["new categories"]


class TestPrediction:
    """The probability is an ordinary column, but its reference, the hold-out, has fewer rows."""

    @staticmethod
    def scores(random, rows, added_log_odds=0.0):
        log_odds = np.log(1 / 8) + random.normal(size=rows) + added_log_odds
        return [f"{score:.6f}" for score in 1 / (1 + np.exp(-log_odds))]

    def report(self, random, holdout_rows, added_log_odds, rows=2_000):
        ages = [str(20 + number % 50) for number in range(20_000)]
        columns = (
            baseline_column("age", "feature", "numeric", Counter(ages)),
            baseline_column(
                "p", "prediction", "numeric", Counter(self.scores(random, holdout_rows)), bounds=(0.0, 1.0)
            ),
        )
        baseline = Baseline("run-1", len(ages), columns)
        current = profile_of(baseline, age=ages[:rows], p=self.scores(random, rows, added_log_odds))
        return judge(baseline, current, RULES)

    def test_a_changed_model_drifts_only_in_its_prediction(self, random):
        report = self.report(random, 4_000, 0.5)

        assert [column.name for column in report.drifted] == ["p"]
        assert report.drifted[0].kind == "prediction"

    @pytest.mark.parametrize("holdout_rows", [500, 4_000])
    def test_a_holdout_of_few_rows_makes_the_threshold_larger_and_no_drift(self, random, holdout_rows):
        report = self.report(random, holdout_rows, 0.0)

        age, prediction = report.columns
        assert prediction.js_threshold > age.js_threshold
        assert (report.verdict, report.alarms) == ("no drift", ())

    def test_a_holdout_below_the_minimum_leaves_the_prediction_without_a_verdict(self, random):
        report = self.report(random, 299, 0.5)

        assert [column.verdict for column in report.columns] == ["no drift", "not judged"]

    def test_constant_predictions_are_drift(self, random):
        assert [column.name for column in self.report(random, 4_000, -40).drifted] == ["p"]
