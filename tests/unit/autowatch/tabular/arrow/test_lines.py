import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.arrow.lines import ended, join_in_orders, quoted, to_csv, to_lines, without_formulas
from autowatch.tabular.csv_lines import csv_lines, no_formula

CELL = st.text(st.sampled_from('a,";\n\r ü'), max_size=4)


def arrays(columns):
    return [pa.array(column, pa.string()) for column in columns]


@pytest.mark.parametrize("cell", [CELL, st.sampled_from(["", "a", "b c"])])
@given(data=st.data())
def test_lines_equal_those_made_of_lists(cell, data):
    width = data.draw(st.integers(1, 3))
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width)))
    columns = list(zip(*rows, strict=True)) or [()] * width
    assert to_csv(arrays(columns)) == "".join(f"{line}\n" for line in csv_lines(columns)).encode()
    assert to_lines(arrays(columns)).to_pylist() == csv_lines(columns, whole=False)


@given(data=st.data())
def test_columns_are_joined_in_two_orders(data):
    width = data.draw(st.integers(1, 6))
    order = data.draw(st.lists(st.integers(0, width - 1), min_size=1, max_size=8))
    columns = [[f"{row}{'abcdef'[place]}" for row in range(3)] for place in range(width)]
    whole, some = join_in_orders(arrays(columns), order)
    assert whole.to_pylist() == csv_lines(columns)
    assert some.to_pylist() == csv_lines([columns[place] for place in order])


@given(st.lists(st.text(max_size=3)), st.integers(0, 2))
def test_lines_are_ended(lines, skipped):
    array = pa.array(lines, pa.string())[skipped:]
    assert ended(array) == "".join(f"{line}\n" for line in lines[skipped:]).encode()


FORMULA_OR_NUMBER = st.text(st.sampled_from("=@+-\t\r\n＝＋－＠'1.e%$€ ()aInFiTyNü\u00a0\v"), max_size=6)


@given(st.lists(FORMULA_OR_NUMBER), st.integers(0, 2))
def test_columns_lose_the_formulas_that_single_fields_lose(fields, skipped):
    column = pa.array(fields, pa.string())[skipped:]
    assert without_formulas(column).to_pylist() == list(map(no_formula, fields[skipped:]))


def test_a_column_without_formulas_is_not_copied():
    column = pa.array(["-1.5", "a=b", "2026-11-23", "ïﾞ", "-2e-05"])
    assert without_formulas(column) is column


def test_a_slice_is_quoted_by_its_own_texts():
    assert quoted(pa.array(["a,b", "c", 'd"e'])[1:]).to_pylist() == ["c", '"d""e"']
