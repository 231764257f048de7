import dataclasses
import json
from collections import Counter
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.bins import NotANumber
from autowatch.tabular.profile import (
    Baseline,
    Profile,
    ProfileBuilder,
    ProfilesDiffer,
    ProfileSum,
    UnequalColumns,
    add,
    baseline_column,
    total,
    with_predictions,
)

NUMBER_TEXTS = st.sampled_from(["", "NA", "0", "0.0", "-1", "3", "7.5", "1e3", "nan", "inf"])


CATEGORY_TEXTS = st.sampled_from(["", "a", "b", "c", "new", "NA"])


ROWS = st.lists(st.tuples(NUMBER_TEXTS, CATEGORY_TEXTS), max_size=60)


def make_baseline():
    numbers = Counter(str(number) for number in range(50)) + Counter({"7": 30, "": 5})
    return Baseline(
        "run-1",
        85,
        (
            baseline_column("age", "feature", "numeric", numbers),
            baseline_column("job", "feature", "categorical", Counter({"a": 60, "b": 20, "": 5})),
        ),
    )


BASELINE = make_baseline()


def columns_of(rows):
    return {"age": [row[0] for row in rows], "job": [row[1] for row in rows]}


def profile_of(*batches):
    builder = ProfileBuilder(BASELINE)
    for rows in batches:
        builder.add(columns_of(rows))
    return builder.build()


@given(ROWS, ROWS)
def test_the_profiles_of_two_tables_add_up_to_the_profile_of_both(first, second):
    assert add(profile_of(first), profile_of(second)) == profile_of(first + second)


@given(ROWS, st.randoms())
def test_the_order_of_the_rows_does_not_matter(rows, random):
    shuffled = list(rows)
    random.shuffle(shuffled)

    assert profile_of(shuffled) == profile_of(rows)


@given(ROWS, st.integers(1, 10))
def test_batches_may_be_cut_anywhere(rows, size):
    batches = [rows[start : start + size] for start in range(0, len(rows), size)] or [[]]

    assert profile_of(*batches) == profile_of(rows)


@given(ROWS)
def test_every_row_is_counted_once_in_every_column(rows):
    profile = profile_of(rows)

    assert profile.rows == len(rows)
    assert all(sum(counts) == len(rows) for counts in profile.columns.values())


def test_columns_whose_values_rarely_repeat_are_counted_the_same():
    texts = [f"{number / 7:.6f}" for number in range(30_000)] + ["", "nan", "NA"] * 50
    baseline = Baseline("run-1", 30_150, (baseline_column("x", "feature", "numeric", Counter(texts)),))
    builder = ProfileBuilder(baseline)

    for start in range(0, len(texts), 5_000):
        builder.add({"x": texts[start : start + 5_000]})

    assert builder.build().columns["x"] == baseline.columns[0].counts
    assert baseline.columns[0].counts[-1] == 150


def test_a_column_that_starts_with_distinct_values_and_then_repeats_is_counted_the_same():
    distinct = [f"u{number}" for number in range(6_000)]
    baseline = Baseline("run-1", 1, (baseline_column("x", "feature", "categorical", Counter({"a": 5})),))
    builder = ProfileBuilder(baseline)

    for batch in (distinct, ["a"] * 4_000, distinct, [""] * 10):
        builder.add({"x": batch})

    assert builder.build().columns["x"] == (4_000, 0, 12_000, 10)


def test_building_repeatedly_returns_the_counts_so_far():
    builder = ProfileBuilder(BASELINE)
    builder.add(columns_of([("7", "a")]))
    first = builder.build()
    builder.add(columns_of([("7", "a")]))

    assert builder.build() == builder.build() == add(first, first)


def test_no_rows_and_empty_batches_make_a_profile_of_zero_rows():
    assert ProfileBuilder(BASELINE).build() == Profile("run-1", BASELINE.bins, 0, {})
    assert profile_of([]).rows == 0


def test_a_missing_column_is_absent_and_unknown_columns_are_ignored():
    builder = ProfileBuilder(BASELINE)
    builder.add({"age": ["7"], "other": ["x"]})

    profile = builder.build()

    assert list(profile.columns) == ["age"]
    assert profile.rows == 1
    assert sum(add(profile, profile_of([("7", "a")])).columns["job"]) == 1


def test_columns_of_different_lengths_are_refused():
    with pytest.raises(UnequalColumns, match="between 1 and 2"):
        ProfileBuilder(BASELINE).add({"age": ["1"], "job": ["a", "b"]})


def test_a_text_in_a_numeric_column_is_rejected_without_quoting_it():
    builder = ProfileBuilder(BASELINE)
    with pytest.raises(NotANumber, match="'age'") as caught:
        builder.add({"age": ["forty"], "job": ["a"]})
    assert "forty" not in str(caught.value)


def test_profiles_on_other_bins_do_not_add_up():
    other = dataclasses.replace(profile_of([("7", "a")]), bins="0" * 16)

    with pytest.raises(ProfilesDiffer, match="run-1"):
        add(profile_of([("7", "a")]), other)


def test_the_total_of_no_profiles_is_an_error():
    with pytest.raises(ValueError, match="no profiles"):
        total([])


def test_ten_thousand_profiles_add_up():
    one = profile_of([("7", "a"), ("", "new")])

    everything = total(one for _ in range(10_000))

    assert everything.rows == 20_000
    assert everything.columns["age"] == tuple(10_000 * count for count in one.columns["age"])


def test_documents_keep_everything():
    profile = profile_of([("7", "a"), ("", "new")])

    assert msgspec.json.decode(msgspec.json.encode(profile), type=Profile) == profile
    again = msgspec.json.decode(msgspec.json.encode(BASELINE), type=Baseline)
    assert again == BASELINE
    assert again.bins == BASELINE.bins


def test_the_document_of_a_profile_has_the_documented_form():
    document = json.loads(msgspec.json.encode(profile_of([("7", "a")])))

    assert document == {
        "profile_version": 1,
        "run": "run-1",
        "bins": BASELINE.bins,
        "rows": 1,
        "columns": {name: list(counts) for name, counts in profile_of([("7", "a")]).columns.items()},
        "sketches": {},
    }


def test_the_digest_depends_on_the_bins_but_not_on_the_counts():
    recounted = msgspec.structs.replace(BASELINE.columns[1], counts=(0, 0, 0, 0, 1))
    other_bins = baseline_column("job", "feature", "categorical", Counter({"a": 60, "c": 20}))

    assert dataclasses.replace(BASELINE, columns=(BASELINE.columns[0], recounted)).bins == BASELINE.bins
    assert dataclasses.replace(BASELINE, columns=(BASELINE.columns[0], other_bins)).bins != BASELINE.bins


@pytest.mark.parametrize("odd", [{"profile_version": 99}, {"bins": "0123456789abcdef"}])
def test_a_baseline_whose_digest_does_not_match_its_bins_is_rejected(odd):
    document = msgspec.to_builtins(BASELINE) | odd

    with pytest.raises(ProfilesDiffer, match="run-1"):
        msgspec.convert(document, Baseline)


def test_the_prediction_follows_the_features_and_replaces_an_earlier_one():
    first = baseline_column(
        "y_probability", "prediction", "numeric", Counter({"0.1": 3, "0.9": 1}), bounds=(0.0, 1.0)
    )
    second = baseline_column("y_probability", "prediction", "numeric", Counter({"0.2": 4}), bounds=(0.0, 1.0))

    once = with_predictions(BASELINE, [first])
    twice = with_predictions(once, [second])

    assert [column.name for column in twice.columns] == ["age", "job", "y_probability"]
    assert twice.columns[-1] == second
    assert once.bins not in (BASELINE.bins, twice.bins)


def profiles(count):
    random = Random(count)
    return [
        Profile(
            "run-1",
            "bins",
            random.randrange(10**15, 10**16),
            {
                name: tuple(random.randrange(10**12) for _ in range(length))
                for name, length in (("a", 3), ("b", 1), ("c", 40))
                if name == "a" or random.random() < 0.9
            },
        )
        for _ in range(count)
    ]


def added(some):
    sums = ProfileSum("run-1")
    for profile in some:
        sums.add(profile)
    return sums


@pytest.mark.parametrize("count", [1, 2, 63, 64, 65, 128, 300])
def test_the_sum_is_exact(count):
    some = profiles(count)
    assert added(some).build() == total(some)


def test_more_may_follow_a_sum():
    some = profiles(70)
    sums = added(some[:66])
    assert sums.build() == total(some[:66])
    for profile in some[66:]:
        sums.add(profile)
    assert sums.build() == sums.build() == total(some)


def test_the_added_profiles_are_not_changed():
    some = profiles(65)
    added(some).build()
    assert some == profiles(65)


@pytest.mark.parametrize("count", [3, 64])
@pytest.mark.parametrize(
    ("bins", "counts"), [("others", (1, 2, 3)), ("bins", (1, 2)), ("bins", (1, 2, 3, 4)), ("bins", ())]
)
def test_a_profile_on_other_bins_is_rejected_and_not_added(count, bins, counts):
    sums = added(profiles(count))
    with pytest.raises(ProfilesDiffer, match="run-1"):
        sums.add(Profile("run-1", bins, 10, {"b": (1,), "a": counts}))
    assert sums.build() == total(profiles(count))
