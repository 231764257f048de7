import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.tabular.cells import MISSING, to_number
from autowatch.tabular.raw.fields import split_fields
from autowatch.tabular.raw.numbers import read_numbers

TEXTS = st.one_of(
    st.integers(-(10**18), 10**18).map(str),
    st.integers(-999, 999).map(str),
    st.decimals(-(10**6), 10**6, places=4).map(str),
    st.decimals(-1, 1, places=17).map(str),
    st.floats().map(repr),
    st.from_regex(r"\A-?[0-9]{0,13}\.?[0-9]{0,13}\Z"),
    st.text("0123456789.-+eE/:NaA ", max_size=26),
)


def column_of(texts):
    return split_fields("".join(f"x,{text}\n" for text in texts).encode(), ",", 2).column(1)


@settings(deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_a_number_lies_between_its_bounds_and_what_is_none_is_odd_or_missing(texts):
    numbers = read_numbers(column_of(texts))

    odd = set(numbers.odd.tolist())
    assert numbers.missing == sum(text in MISSING for text in texts)
    for row, text in enumerate(texts):
        if text in MISSING or row in odd:
            assert math.isnan(numbers.least[row])
            assert math.isnan(numbers.most[row])
        else:
            assert numbers.least[row] <= to_number(text) <= numbers.most[row]


@given(st.lists(st.decimals(-(10**6), 10**6, places=6).map(str), min_size=1, max_size=20))
def test_numbers_of_up_to_sixteen_characters_are_read_as_float_reads_them(texts):
    numbers = read_numbers(column_of(texts))

    assert not len(numbers.odd)
    np.testing.assert_array_equal(numbers.least, [float(text) for text in texts])
    np.testing.assert_array_equal(numbers.most, numbers.least)


@pytest.mark.parametrize(
    "text", ["-", ".", "-.", "1.2.3", "1-2", "--1", "+1", " 1", "1e3", "/", ":", "9007199254740993", "1" * 25]
)
def test_what_is_not_read_here_is_odd(text):
    assert read_numbers(column_of(["1", text, "2"])).odd.tolist() == [1]


@pytest.mark.parametrize(
    "text",
    ["0", "-0", "5.", ".5", "-.5", "0.0117393430490929", "12345678", "123456789", "0.011739343049092982"],
)
def test_common_numbers_are_not_odd(text):
    assert not len(read_numbers(column_of([text])).odd)


def test_the_bounds_of_a_long_number_are_next_to_it():
    numbers = read_numbers(column_of(["-0.011739343049092982"]))

    assert numbers.least[0] < -0.011739343049092982 < numbers.most[0]
    assert numbers.most[0] - numbers.least[0] < 1.1e-14
