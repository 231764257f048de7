"""Columns with too many values for bins, from the training file to the verdict."""

import random
from dataclasses import replace

import msgspec
import pytest

from autowatch.monitoring.drift.aspects import expected_distinct, variance_of_distinct
from autowatch.monitoring.drift.judge import DriftRules
from autowatch.tabular.profile import add
from tests.support.trained_baseline import counted, judged, to_csv, trained

SHOPS = [f"M{number:05d}" for number in range(2_500)]


def rows_of(seed, number, shops=SHOPS):
    generator = random.Random(seed)
    return [
        (generator.choice(shops), generator.choice("abc"), generator.choice(["yes", "no"]))
        for _ in range(number)
    ]


def file_of(rows):
    return to_csv(("shop", "k", "y"), rows)


@pytest.fixture(scope="module")
def baseline():
    return trained(file_of(rows_of(1, 6_000)))[0]


def shop_of(baseline, rows, rules=None):
    report, columns = judged(baseline, file_of(rows), rules)
    return report, columns["shop"]


def test_the_baseline_has_a_memory_only_for_open_columns(baseline):
    shop, k = baseline.columns
    assert sum(shop.memory.fresh) == 1_140
    assert sum(shop.memory.lengths.counts) == 6_000
    assert sum(times * values for times, values in shop.memory.repeats) == 6_000
    # A value is missing among 4,800 rows with a chance of (1 - 1/2500) ** 4800.
    assert shop.memory.fresh[1] / 1_140 == pytest.approx(0.147, abs=0.03)
    assert k.memory is None


def test_entirely_new_values_are_drift_and_raise_an_alarm(baseline):
    report, shop = shop_of(baseline, rows_of(2, 1_500, [f"N{number:05d}" for number in range(2_500)]))
    assert (report.verdict, shop.verdict) == ("drift", "drift")
    assert [(alarm.column, alarm.kind) for alarm in report.alarms] == [("shop", "new categories")]
    assert report.alarms[0].message.startswith("99.")
    assert shop.size > 5
    assert "“never seen in training” 14% → 99." in shop.moved


def test_fresh_rows_with_the_same_values_do_not_drift(baseline):
    for seed in range(3, 8):
        report, shop = shop_of(baseline, rows_of(seed, 1_500))
        assert (shop.verdict, report.alarms) == ("no drift", ())
        assert [aspect.what for aspect in shop.aspects] == [
            "values never seen in training",
            "lengths of the texts",
            "different values",
        ]


def test_one_repeated_value_is_drift_and_is_named(baseline):
    rows = rows_of(9, 700) + [("UNKNOWN", "a", "no")] * 300
    report, shop = shop_of(baseline, rows)
    assert shop.verdict == "drift"
    assert "“UNKNOWN” (300 rows)" in report.alarms[0].message or "at least" in report.alarms[0].message
    assert shop.to_json()["unknown"][0]["text"] == "UNKNOWN"


def test_a_fifth_of_the_known_values_is_drift_without_new_ones(baseline):
    known = sorted({row[0] for row in rows_of(1, 6_000)})[:400]
    _, shop = shop_of(baseline, rows_of(10, 2_000, known))
    moved = {aspect.what: aspect.drifts(0.001) for aspect in shop.aspects}
    assert moved == {
        "values never seen in training": False,
        "lengths of the texts": False,
        "different values": True,
    }
    assert shop.verdict == "drift"
    assert "different values: 1,384 expected → 398" in shop.moved


def test_a_different_text_format_drifts_in_length(baseline):
    rows = [(shop.lower() + "-x", k, y) for shop, k, y in rows_of(11, 1_500)]
    _, shop = shop_of(baseline, rows)
    assert "number of characters rose: “above 6” 0% → 100%" in shop.moved


def test_missing_values_raise_an_alarm_as_in_any_column(baseline):
    rows = [("" if number % 2 else shop, k, y) for number, (shop, k, y) in enumerate(rows_of(12, 1_500))]
    report, shop = shop_of(baseline, rows)
    assert [alarm.kind for alarm in report.alarms] == ["missing values"]
    assert shop.verdict == "drift"


def test_few_rows_are_tested_exactly(baseline):
    report, shop = shop_of(baseline, rows_of(13, 40, ["other"]))
    assert shop.verdict == "not enough data"
    assert [alarm.kind for alarm in report.alarms] == ["new categories"]


def test_profiles_of_pieces_are_judged_like_the_whole(baseline):
    rows = rows_of(14, 2_000)
    whole = counted(baseline, file_of(rows))
    pieces = [counted(baseline, file_of(rows[begin : begin + 500])) for begin in range(0, 2_000, 500)]
    together = pieces[0]
    for piece in pieces[1:]:
        together = add(piece, together)
    assert together.columns == whole.columns
    ours, theirs = (
        msgspec.structs.replace(profile.sketches["shop"], unknown={}, undercount=0)
        for profile in (together, whole)
    )
    assert ours == theirs


def test_identifiers_are_not_judged_for_a_stated_reason():
    rows = [(f"id {number:05d}", "ab"[number % 2], "yes" if number % 3 else "no") for number in range(4_000)]
    baseline, _ = trained(file_of(rows[:3_000]))
    fresh = rows[3_000:]
    _, columns = judged(baseline, file_of(fresh))
    assert columns["shop"].verdict == "not judged"
    assert columns["shop"].reason.startswith("Nearly every row has a different value")
    stuck = [("id 00000", k, y) for _, k, y in fresh]
    _, columns = judged(baseline, file_of(stuck))
    assert columns["shop"].verdict == "drift"
    assert "different values: 1,000 expected → 1" in columns["shop"].moved


def test_a_baseline_of_an_older_version_is_not_judged_and_says_why(baseline):
    shop, k = baseline.columns
    older = replace(baseline, columns=(msgspec.structs.replace(shop, memory=None), k))
    report, shop = shop_of(older, rows_of(2, 1_500, [f"N{number:05d}" for number in range(2_500)]))
    assert shop.verdict == "not judged"
    assert shop.reason.endswith("Train again to have the column judged.")
    assert report.alarms == ()


def test_the_expected_distinct_count_matches_random_draws():
    generator = random.Random(5)
    values = [int(generator.paretovariate(0.8)) % 3_000 for _ in range(8_000)]
    times = {}
    for value in values:
        times[value] = times.get(value, 0) + 1
    repeats = {}
    for number in times.values():
        repeats[number] = repeats.get(number, 0) + 1
    pairs = tuple(sorted(repeats.items()))
    drawn = [len(set(generator.sample(values, 1_000))) for _ in range(300)]
    mean = sum(drawn) / 300
    assert expected_distinct(pairs, 1_000) == pytest.approx(mean, rel=0.01)
    assert expected_distinct(pairs, 8_000) == len(times)
    variance = sum((each - mean) ** 2 for each in drawn) / 299
    assert variance < variance_of_distinct(pairs, 1_000)


def test_the_columns_settings_apply(baseline):
    rules = DriftRules(columns={"shop": replace(DriftRules().defaults, distance=1.0, new_rise=1.0)})
    report, shop = shop_of(baseline, rows_of(2, 1_500, ["other 1", "other 2", *SHOPS]), rules)
    assert (shop.verdict, report.alarms) == ("no drift", ())
