from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.bins import (
    MAX_BINS,
    Bins,
    CategoricalBins,
    NotANumber,
    NumericBins,
    categorical_bins,
    numeric_bins,
    rising_texts,
)

NUMBERS = st.one_of(
    st.sampled_from([-1.0, 0.0, 1.0, 999.0]),
    st.floats(allow_nan=False, allow_infinity=False),
    st.integers(-5, 5),
)


def numeric(values, **options):
    return numeric_bins("x", "feature", Counter(map(float, values)), **options)


def categorical(counts, **options):
    return categorical_bins("x", "feature", counts, **options)


def counted(bins, *texts):
    """The labels of the bins that the texts fall into, with their counts."""
    counts = bins.count(Counter(texts))
    assert counts == bins.count_each(texts)
    return {label: count for label, count in zip(bins.labels(), counts, strict=True) if count}


class TestNumericBins:
    def test_quantiles_cut_distinct_values_into_equal_parts(self):
        bins = numeric(range(1000))

        assert bins.atoms == ()
        assert bins.edges == (*range(0, 1000, 100), 999)
        assert bins.count(Counter(str(value) for value in range(1000))) == [0, *[100] * 10, 0, 0]

    def test_a_dominant_value_is_an_atom_and_the_rest_keeps_its_bins(self):
        bins = numeric([999] * 960 + list(range(40)))

        assert bins.atoms == (999.0,)
        assert counted(bins, "999", "998.9", "0", "39", "1000", "-1") == {
            "exactly 999": 1,
            "0 to 999": 3,
            "above 999": 1,
            "below 0": 1,
        }

    def test_a_value_is_an_atom_from_one_part_in_k_of_the_rows(self):
        assert numeric([5] * 100 + list(range(1000, 1900))).atoms == (5.0,)
        assert numeric([5] * 99 + list(range(1000, 1901))).atoms == ()

    def test_intervals_are_closed_on_the_left_and_the_last_one_on_both_sides(self):
        bins = NumericBins("x", "feature", (), (0.0, 10.0, 20.0))

        assert counted(bins, "0", "9.99") == {"0 to 10": 2}
        assert counted(bins, "10", "20") == {"10 to 20": 2}
        assert counted(bins, "-0.0001", "20.0001") == {"below 0": 1, "above 20": 1}

    def test_an_atom_inside_an_interval_does_not_split_it(self):
        bins = NumericBins("x", "feature", (5.0,), (0.0, 10.0))

        assert counted(bins, "4.9", "5", "5.0", "5e0", "5.1") == {"exactly 5": 3, "0 to 10": 2}
        assert [bins.labels()[position] for position in bins.reading_order()] == [
            "below 0",
            "0 to 10",
            "exactly 5",
            "above 10",
            "missing",
        ]

    def test_all_texts_for_missing_and_every_spelling_of_nan_are_missing(self):
        bins = numeric(range(20))

        texts = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "-nan", "NAN", "3"]

        assert counted(bins, *texts)["missing"] == 9

    def test_infinities_are_out_of_range(self):
        assert counted(numeric(range(20)), "inf", "-inf", "1e999") == {"below 0": 1, "above 19": 2}

    @pytest.mark.parametrize("method", ["count", "count_each"])
    def test_a_text_in_a_numeric_column_is_reported_without_its_value(self, method):
        texts = {"secret-value": 1} if method == "count" else ["secret-value"]

        with pytest.raises(NotANumber, match="'x'") as caught:
            getattr(numeric([1, 2]), method)(texts)

        assert "secret-value" not in str(caught.value)
        assert caught.value.__cause__ is None

    def test_without_values_there_is_one_bin_for_any_number(self):
        bins = numeric([])

        assert counted(bins, "1", "", "-5") == {"any number": 2, "missing": 1}
        assert bins.out_of_range == (0,)

    def test_a_constant_column_has_its_value_and_out_of_range(self):
        bins = numeric([7] * 50)

        assert counted(bins, "7", "6", "8") == {"exactly 7": 1, "below 7": 1, "above 7": 1}
        assert len(bins.out_of_range) == 2

    def test_numbers_that_are_not_finite_do_not_become_edges(self):
        bins = numeric([float("inf"), float("-inf"), *range(100)])

        assert (bins.edges[0], bins.edges[-1]) == (0, 99)

    def test_every_probability_is_within_the_range_of_a_prediction(self):
        bins = numeric_bins("p", "prediction", {0.2: 1, 0.3: 1, 0.4: 1}, bounds=(0.0, 1.0))

        assert (bins.edges[0], bins.edges[-1]) == (0.0, 1.0)
        assert sum(bins.count({"0": 1, "1": 1, "1.0": 1})[position] for position in bins.out_of_range) == 0

    def test_labels_distinguish_close_edges(self):
        labels = NumericBins("x", "feature", (), (1.00000001, 1.00000002)).labels()

        assert len(set(labels)) == len(labels)

    @pytest.mark.parametrize(
        ("edges", "ranges"),
        [
            ((0.0, 0.02473891, 0.02928632, 1.0), ["0 to 0.0247", "0.0247 to 0.0293", "0.0293 to 1"]),
            ((93.994, 94.465, 94.4712345), ["93.994 to 94.465", "94.465 to 94.5"]),
            ((94.465, 94.4651234, 94.48), ["94.465 to 94.47", "94.47 to 94.48"]),
            ((4963.6, 5023.512345, 5228.1), ["4963.6 to 5024", "5024 to 5228.1"]),
            ((1_500_000.0, 2_345_678.9), ["1500000 to 2345679"]),
            ((-1e-7, 0.0, 3.3e22), ["-1e-07 to 0", "0 to 3.3e+22"]),
        ],
    )
    def test_an_edge_has_enough_digits_and_a_round_one_has_all(self, edges, ranges):
        labels = NumericBins("x", "feature", (), edges).labels()

        assert list(labels[1:-2]) == ranges

    def test_a_value_with_its_own_bin_can_be_recognised(self):
        assert NumericBins("x", "feature", (0.123456789,), ()).labels()[0] == "exactly 0.123457"

    @given(st.lists(NUMBERS, min_size=2, max_size=50))
    def test_labels_ascend_with_the_edges(self, reference):
        bins = numeric(reference)
        lower = [float(label.split()[0]) for label in bins.labels() if " to " in label]

        assert lower == sorted(set(lower))

    @given(st.lists(NUMBERS, min_size=1, max_size=200), st.lists(NUMBERS, max_size=50))
    def test_counts_agree_with_the_definition(self, reference, values):
        bins = numeric(reference)
        texts = [repr(float(value)) for value in values]

        expected = [0] * len(bins)
        for value in map(float, values):
            if value in bins.atoms:
                expected[bins.atoms.index(value)] += 1
                continue
            edges = bins.edges
            at = len([edge for edge in edges if edge <= value])
            if value == edges[-1]:
                at -= 1
            expected[len(bins.atoms) + at] += 1

        assert bins.count(Counter(texts)) == bins.count_each(texts) == expected

    @given(st.lists(NUMBERS, min_size=1, max_size=300))
    def test_the_reference_itself_is_never_out_of_range_and_bins_stay_few(self, reference):
        bins = numeric(reference)
        counts = bins.count(Counter(repr(float(value)) for value in reference))

        assert sum(counts) == len(reference)
        assert sum(counts[position] for position in bins.out_of_range) == 0
        assert len(bins) <= 2 * MAX_BINS + 4
        assert sorted(bins.reading_order()) == list(range(len(bins)))
        assert msgspec.json.decode(msgspec.json.encode(bins), type=Bins) == bins


class TestCategoricalBins:
    def test_frequent_values_have_bins_and_the_rest_is_other_new_or_missing(self):
        bins = categorical({"a": 50, "b": 40, "c": 10}, max_values=2)

        assert bins.values == ("a", "b")
        assert counted(bins, "a", "b", "c", "d", "") == {
            "a": 1,
            "b": 1,
            "other known values": 1,
            "never seen in training": 1,
            "missing": 1,
        }

    def test_ties_do_not_depend_on_the_order_of_the_rows(self):
        assert categorical({"b": 5, "a": 5, "c": 5}) == categorical({"c": 5, "a": 5, "b": 5})

    def test_a_value_that_the_model_reads_as_missing_is_not_a_category(self):
        assert counted(categorical({"NA": 5, "a": 5}), "NA", "None", "a") == {"missing": 2, "a": 1}

    def test_the_empty_text_is_never_a_value(self):
        assert categorical({"": 90, "a": 10}).values == ("a",)

    def test_values_differ_by_case_and_spaces(self):
        assert counted(categorical({"a": 5}), "a", "A", " a") == {"a": 1, "never seen in training": 2}

    def test_a_column_with_too_many_values_is_open(self):
        counts = {f"v{number}": 100 for number in range(31)}

        assert not categorical(counts, max_values=20, remembered=11).open
        bins = categorical(counts, max_values=20, remembered=10)
        assert (bins.open, bins.other) == (True, ())
        assert counted(bins, "never seen") == {"other known values": 1}

    def test_a_column_of_identifiers_is_open(self):
        assert categorical({f"id{number}": 1 for number in range(500)}).open

    def test_a_small_column_with_one_rare_value_is_not_open(self):
        assert not categorical({"a": 3, "b": 1}).open

    def test_no_values_at_all(self):
        bins = categorical({})

        assert counted(bins, "a", "") == {"never seen in training": 1, "missing": 1}

    @given(st.dictionaries(st.text(max_size=3), st.integers(1, 1000), max_size=60))
    def test_the_reference_itself_is_never_new(self, counts):
        bins = categorical(counts)

        counted_reference = bins.count(counts)

        assert sum(counted_reference) == sum(counts.values())
        assert all(counted_reference[position] == 0 for position in bins.new)
        assert msgspec.json.decode(msgspec.json.encode(bins), type=Bins) == bins


def test_hostile_names_and_values_survive_the_document():
    bins = CategoricalBins("<b>\n'\"", "feature", ("</script>", "\u0000", "ü, ;"), (), False)

    assert msgspec.json.decode(msgspec.json.encode(bins), type=Bins) == bins


@pytest.mark.parametrize(
    ("numbers", "texts"),
    [
        ([], []),
        ([0.0247389], ["0.0247"]),
        ([0.5, 0.50001, 1.0], ["0.5", "0.50001", "1"]),
        ([0.5, 0.50001234, 1.0], ["0.5", "0.50001", "1"]),
        ([1_234_567.0, 1_234_568.25], ["1234567", "1234568"]),
        ([-9_999.99, 999.9712, 999_999.7], ["-10000", "1000", "1000000"]),
        ([-2.000001234, 0.0, 1e15, 1e300], ["-2", "0", "1e+15", "1e+300"]),
    ],
)
def test_numbers_are_short_and_distinct(numbers, texts):
    assert rising_texts(numbers, 3) == texts


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, max_size=20), st.integers(1, 6)
)
def test_ascending_numbers_have_ascending_texts(numbers, digits):
    rising = sorted(numbers)
    read = [float(text) for text in rising_texts(rising, digits)]

    assert read == sorted(set(read))
    assert len(read) == len(numbers)
