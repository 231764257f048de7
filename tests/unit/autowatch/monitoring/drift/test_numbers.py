import random
from collections import Counter
from dataclasses import replace
from statistics import fmean, median

import msgspec
import pytest

from autowatch.monitoring.drift.judge import DriftRules, judge
from autowatch.monitoring.drift.numbers import quantile
from autowatch.tabular.profile import Baseline, ProfileBuilder, baseline_column


def judged(training, scored, kind="feature", with_means=True):
    column = baseline_column("x", kind, "numeric", Counter(map(str, training)))
    if not with_means:
        column = msgspec.structs.replace(column, means=())
    baseline = Baseline("r", len(training), (column,))
    builder = ProfileBuilder(baseline)
    builder.add({"x": [str(value) for value in scored]})
    (found,) = judge(baseline, builder.build(), DriftRules()).columns
    return found.to_json()


def skewed(seed, rows=5_000, shift=0.0):
    chance = random.Random(seed)
    return [round(chance.lognormvariate(3, 1) + shift, 3) for _ in range(rows)]


def test_mean_and_median_of_the_training_data_are_exact():
    training = skewed(1)
    found = judged(training, skewed(2))["numbers"]["reference"]

    assert found["mean"] == pytest.approx(fmean(training))
    assert found["median"] == pytest.approx(median(training), rel=0.01)
    assert (found["low"], found["high"]) == (min(training), max(training))


@pytest.mark.parametrize("shift", [0.0, 3.0, 10.0])
def test_those_of_scored_rows_are_close(shift):
    scored = skewed(3, shift=shift)
    found = judged(skewed(1), scored)["numbers"]["current"]

    assert found["mean"] == pytest.approx(fmean(scored), rel=0.06)
    assert found["median"] == pytest.approx(median(scored), rel=0.06)


def test_rows_entirely_out_of_range_have_figures():
    scored = [1_000.0 + place for place in range(600)]
    found = judged([float(place) for place in range(100)] * 6, scored)

    assert found["numbers"]["current"] == {
        "mean": pytest.approx(849),
        "median": pytest.approx(849),
        "low": None,
        "high": 1_599.0,
    }
    assert found["bins"][-2] | {"label": ""} == {
        "label": "",
        "reference": 0.0,
        "current": 1.0,
        "from": 99.0,
        "to": 1_599.0,
    }


def test_a_value_that_many_rows_share_is_a_bin_without_width():
    found = judged([5.0] * 500 + [float(place) for place in range(500)], [5.0] * 900 + [7.0] * 100)

    assert found["numbers"]["current"]["median"] == 5.0
    assert (5.0, 5.0) in [(bin_.get("from"), bin_.get("to")) for bin_ in found["bins"]]
    assert "from" not in found["bins"][-1]


def test_a_baseline_of_an_earlier_version_has_bins_but_no_means():
    column = baseline_column("x", "feature", "numeric", Counter({"1": 5, "2": 7}))
    before = Baseline("r", 12, (msgspec.structs.replace(column, means=()),))

    assert replace(before, columns=(column,)).bins == before.bins
    found = judged([1.0] * 600 + [2.0] * 600, [1.0] * 600, with_means=False)["numbers"]
    assert found["reference"]["mean"] is found["current"]["mean"] is None
    assert found["current"]["median"] == 1.0


def test_probabilities_have_no_extremes_and_empty_columns_no_figures():
    assert judged([0.25, 0.75] * 300, [0.5] * 600, "prediction")["numbers"]["reference"]["low"] is None
    assert "numbers" not in judged([""] * 600, [""] * 600)


def test_a_quantile_within_an_unbounded_bin_is_unknown():
    assert quantile([0, 10, 0], [(0.0, 1.0), (1.0, None), (None, None)], 0.5) is None
    assert quantile([0, 0, 3], [(0.0, 1.0), (1.0, 2.0), (None, None)], 0.5) is None
