import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.reports.density import density
from autowatch.reports.documents.drift import BinBar


def bars(*bins):
    return [BinBar("", before, now, low, high) for low, high, before, now in bins]


def heights(outline):
    """The height of the outline at each cell's middle, from 0 to 1."""
    found, height = [], 0.0
    across = 4.0
    for command, number in re.findall(r"([HV])([\d.]+)", outline):
        if command == "H":
            cells = round((float(number) - across) / (352 / 44))
            found += [height] * cells
            across = float(number)
        else:
            height = (112 - float(number)) / 96
    return found


def test_unequal_bins_become_cells_of_equal_width():
    picture = density(bars((0.0, 11.0, 0.5, 0.25), (11.0, 44.0, 0.5, 0.75)), [0.0, 44.0])

    assert heights(picture.reference) == pytest.approx([1.0] * 11 + [1 / 3] * 33, abs=0.01)
    assert heights(picture.current) == pytest.approx([0.5] * 44, abs=0.01)
    assert picture.most == "4.5%"
    assert picture.beyond == []


def test_frequent_values_are_in_their_cell_and_the_largest_in_the_last():
    picture = density(bars((0.0, 44.0, 0.0, 0.44), (22.0, 22.0, 0.5, 0.0), (44.0, 44.0, 0.5, 0.5)), [])

    assert [place for place, height in enumerate(heights(picture.reference)) if height] == [22, 43]


def test_rows_out_of_range_are_drawn_and_the_training_range_is_marked():
    picture = density(bars((0.0, 10.0, 1.0, 0.0), (10.0, 40.0, 0.0, 1.0)), [0.0, 10.0])

    assert heights(picture.current)[:10] == [0.0] * 10
    assert picture.limits == [92.0]
    assert [tick.text for tick in picture.ticks] == ["0", "10", "20", "30", "40"]


def test_a_long_thin_tail_is_cut_off_and_described():
    picture = density(bars((0.0, 10.0, 0.9, 0.9), (10.0, 100_000.0, 0.1, 0.1)), [0.0, 100_000.0])

    assert [tick.text for tick in picture.ticks][-1] == "15"
    assert picture.beyond == [
        "Not drawn: 10% of the training data and 10% of these rows lie above 15, reaching 100,000."
    ]
    fat = density(bars((0.0, 10.0, 0.7, 0.7), (10.0, 100_000.0, 0.3, 0.3)), [])
    assert fat.beyond == []
    below = density(bars((0.0, 10.0, 0.9, 0.9), (-100_000.0, 0.0, 0.1, 0.1)), [])
    assert "lie below -5, reaching -100,000." in below.beyond[0]


@pytest.mark.parametrize(
    "bins",
    [
        [],
        [(None, None, 1.0, 1.0)],
        [(None, 3.0, 0.5, 0.0), (3.0, 4.0, 0.5, 1.0)],
        [(5.0, 5.0, 1.0, 1.0)],
        [(4.0, 3.0, 1.0, 1.0)],
        [(1e15, 1e15 + 0.125, 1.0, 1.0)],
    ],
)
def test_without_bin_ends_or_width_there_is_no_plot(bins):
    assert density(bars(*bins), []) is None


NUMBERS = st.floats(-1e15, 1e15)
SHARES = st.floats(-1, 2)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, SHARES, SHARES), max_size=12), st.lists(NUMBERS, max_size=2))
def test_any_bins_are_drawn_within_the_frame(bins, limits):
    picture = density(bars(*bins), limits)

    if picture:
        assert all(4 <= tick.x <= 356 for tick in picture.ticks)
        assert all(4 <= limit <= 356 for limit in picture.limits)
        assert "nan" not in picture.reference + picture.current
