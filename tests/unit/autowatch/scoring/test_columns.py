from dataclasses import replace

import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.scoring.columns import MissingColumns, ReservedColumns, check_block, match_columns
from autowatch.scoring.rows import RowChecker, columns_to_check
from autowatch.tabular.arrow.rows import read_rows
from autowatch.tabular.csv_lines import csv_line
from autowatch.tabular.profile import Baseline
from autowatch.tabular.table import read_table

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


def check(rows):
    """The reasons by the rows' places, equal for the csv module's rows and for Arrow's."""
    data = "".join(f"{line}\n" for line in ["x,y,z", *map(csv_line, rows)]).encode()
    (block,) = read_table([data]).blocks(1000)
    reasons = check_block(block, LAYOUT)
    checker = RowChecker(LAYOUT.width, columns_to_check(LAYOUT, Baseline("", 0, ())))
    rejected = [row for part in read_rows(read_table([data]), 1000) for row in checker.check(part).rejected]
    assert [(row.line, row.reason, list(row.fields)) for row in rejected] == [
        (block.lines[place], reasons[place], rows[place]) for place in sorted(reasons)
    ]
    return reasons


def test_columns_are_found_by_name_in_the_contracts_order():
    layout = match_columns(("note", "calls", "y", "job", "age"), CONTRACT)
    assert (layout.width, list(layout.features)) == (5, [4, 3, 1])
    assert dict(layout.numeric) == {4: "age", 1: "calls"}
    assert list(layout.own) == ["note", "calls", "y_actual", "job", "age"]
    assert list(layout.predicted) == ["y", "y_probability"]


def test_a_header_that_does_not_match_is_rejected():
    with pytest.raises(MissingColumns, match="the columns 'age', 'calls'"):
        match_columns(("job", "Age"), CONTRACT)
    with pytest.raises(ReservedColumns, match="the column 'autowatch_id'"):
        match_columns(("age", "job", "calls", "id", "autowatch_id"), CONTRACT)


def test_each_row_has_its_own_reason_and_the_first_fault_counts():
    rows = [["1", "x", "2"], ["1"], ["a", "x", "b"], ["", "", "NA"], ["1", "x", "b"]]
    assert check(rows) == {
        1: "The row has 1 fields, the header 3.",
        2: "Column age does not hold a number.",
        4: "Column calls does not hold a number.",
    }


@pytest.mark.parametrize("rows", [[["1"]], [["1", "x", "2"]], [["1"], ["1", "x", "2"]]])
def test_few_rows(rows):
    assert set(check(rows)) == {index for index, row in enumerate(rows) if len(row) != 3}


@pytest.mark.parametrize("age", ["age ", " age", "age\u200b", "\ufeffage"])
def test_a_name_that_looks_the_same_matches(age):
    layout = match_columns((age, "job", "calls"), CONTRACT)
    assert (list(layout.features), list(layout.names)) == ([0, 1, 2], ["age", "job", "calls"])
    assert layout.own[0] == age
    assert dict(layout.numeric) == {0: "age", 2: "calls"}


def test_a_name_in_another_unicode_form_matches():
    size, decomposed = "gr\u00f6\u00dfe", "gro\u0308\u00dfe"
    contract = replace(CONTRACT, features=(Feature(size, "numeric"),))
    assert list(match_columns(("x", decomposed), contract).features) == [1]


def test_an_ambiguous_name_does_not_match():
    with pytest.raises(MissingColumns, match="the column 'age'"):
        match_columns(("age ", " age", "job", "calls"), CONTRACT)


def test_a_name_in_capitals_is_reported_by_its_place():
    with pytest.raises(MissingColumns, match="Column 2 differs from 'age' only by capitals"):
        match_columns(("job", "AGE", "calls"), CONTRACT)
