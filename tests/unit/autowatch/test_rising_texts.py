import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.rising_texts import rising_texts


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
def test_numbers_are_short_and_told_apart(numbers, texts):
    assert rising_texts(numbers, 3) == texts


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), unique=True, max_size=20), st.integers(1, 6)
)
def test_whatever_rises_is_seen_to_rise(numbers, digits):
    rising = sorted(numbers)
    read = [float(text) for text in rising_texts(rising, digits)]

    assert read == sorted(set(read))
    assert len(read) == len(numbers)
