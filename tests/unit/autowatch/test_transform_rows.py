import pytest

from autowatch.layout import Layout
from autowatch.transform_rows import LONGEST_FILTER, choose_rows
from tests.unit.transform_double import pick


def layout(width, features):
    return Layout(width=width, features=features, numeric={}, output=())


@pytest.mark.parametrize(
    ("width", "features", "expression"),
    [
        (3, [0, 1, 2], "$"),
        (3, [1, 2], "$[1:]"),
        (3, [0], "$[0]"),
        (3, [2], "$[2:]"),
        (5, [0, 2], "$[0,2]"),
        (6, [0, 2, 4, 5], "$[0,2,4:]"),
    ],
)
def test_ascending_columns_are_picked_from_the_files_own_rows(width, features, expression):
    rows = choose_rows(layout(width, features), ",")
    assert (rows.input_filter, rows.as_in_file, list(rows.order)) == (expression, True, list(range(width)))
    assert pick(list(range(width)), rows.input_filter) == features


@pytest.mark.parametrize(
    ("width", "features", "delimiter"),
    [
        (4, [2, 0], ","),
        (4, [0, 2], ";"),
        (2, [1, 0], ","),
        (100, list(range(0, 100, 2)), ","),
    ],
)
def test_other_columns_are_moved_behind_the_rest(width, features, delimiter):
    rows = choose_rows(layout(width, features), delimiter)
    assert not rows.as_in_file
    assert sorted(rows.order) == list(range(width))
    assert pick(list(rows.order), rows.input_filter) == features
    assert len(rows.input_filter) <= LONGEST_FILTER
