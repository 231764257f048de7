import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.csv_lines import csv_line, csv_lines


@pytest.mark.parametrize(
    ("columns", "lines"),
    [
        pytest.param([["1", "2"], ["a", "b"]], ["1,a", "2,b"], id="plain"),
        pytest.param([["1.10"], ["007"]], ["1.10,007"], id="digits stay"),
        pytest.param([["a,b", "c"], ["", "d"]], ['"a,b",', "c,d"], id="only what must be quoted is"),
        pytest.param([['a"b'], ["c\nd"], ["e\rf"]], ['"a""b","c\nd","e\rf"'], id="quotes and line ends"),
        pytest.param([["", "x"]], ['""', "x"], id="one empty field is no blank line"),
        pytest.param([["", ""], ["", ""]], [",", ","], id="empty fields"),
        pytest.param([[], []], [], id="no rows"),
        pytest.param([[" a "], ["a;b"]], [" a ,a;b"], id="spaces and semicolons stay bare"),
        pytest.param([["a\0b"], ["\u2028"]], ["a\0b,\u2028"], id="other control characters stay bare"),
        pytest.param([["a,b", "c"], ["d", "e\n"]], ['"a,b",d', 'c,"e\n"'], id="counts that cancel out"),
    ],
)
def test_lines(columns, lines):
    assert csv_lines(columns) == lines


def test_columns_of_unequal_length_are_a_defect():
    with pytest.raises(ValueError, match="shorter"):
        csv_lines([["1", "2"], ["a"]])


cells = st.one_of(
    st.text(alphabet='ab,;"\n\r ', max_size=5), st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
)


@given(st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width))))
def test_any_cells_survive_a_round_trip(rows):
    lines = csv_lines(list(zip(*rows, strict=True))) if rows else []
    text = "".join(f"{line}\n" for line in lines)
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


def test_one_row_is_written_like_many():
    rows = [["a", "b,c", 'd"e', "f\ng", "h\ri", ""], [""], ["x"]]
    assert [csv_line(row) for row in rows] == [csv_lines([[field] for field in row])[0] for row in rows]
    assert csv_line(["a\rb", "c"]) == '"a\rb",c'
