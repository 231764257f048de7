import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.scoring.columns import MissingColumns, ReservedColumns, check_rows, match_columns

CONTRACT = Contract(
    run="r1",
    target="y",
    labels=("no", "yes"),
    positive_label="yes",
    features=(Feature("age", "numeric"), Feature("job", "categorical"), Feature("calls", "numeric")),
    dropped_columns=(),
    rows=100,
    profile_version=1,
    training=ObjectVersion("training/x.csv", None, "e", 1),
)
LAYOUT = match_columns(("age", "job", "calls"), CONTRACT)


def test_columns_are_found_by_name_and_given_in_the_contracts_order():
    layout = match_columns(("note", "calls", "y", "job", "age"), CONTRACT)
    assert (layout.width, list(layout.features)) == (5, [4, 3, 1])
    assert dict(layout.numeric) == {4: "age", 1: "calls"}
    assert list(layout.output) == ["note", "calls", "y_actual", "job", "age", "y", "y_probability"]


def test_a_header_that_does_not_fit_is_refused():
    with pytest.raises(MissingColumns, match="the columns age, calls"):
        match_columns(("job", "Age"), CONTRACT)
    with pytest.raises(ReservedColumns, match="the column id"):
        match_columns(("age", "job", "calls", "id"), CONTRACT)


def test_each_row_has_its_own_reason_and_the_first_fault_counts():
    rows = [["1", "x", "2"], ["1"], ["a", "x", "b"], ["", "", "NA"], ["1", "x", "b"], []]
    assert check_rows(rows, LAYOUT) == {
        1: "The row has 1 fields, the header 3.",
        2: "Column age does not hold a number.",
        4: "Column calls does not hold a number.",
        5: "The row has 0 fields, the header 3.",
    }


@pytest.mark.parametrize("rows", [[], [["1"]], [["1", "x", "2"]]])
def test_few_rows_or_none(rows):
    assert set(check_rows(rows, LAYOUT)) == {index for index, row in enumerate(rows) if len(row) != 3}
