import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.arrow.lines import quoted, to_csv, to_lines
from autowatch.tabular.csv_lines import csv_lines

CELL = st.text(st.sampled_from('a,";\n\r ü'), max_size=4)


def arrays(columns):
    return [pa.array(column, pa.string()) for column in columns]


@pytest.mark.parametrize("cell", [CELL, st.sampled_from(["", "a", "b c"])])
@given(data=st.data())
def test_lines_are_those_of_lists(cell, data):
    width = data.draw(st.integers(1, 3))
    rows = data.draw(st.lists(st.lists(cell, min_size=width, max_size=width)))
    columns = list(zip(*rows, strict=True)) or [()] * width
    assert to_csv(arrays(columns)) == "".join(f"{line}\n" for line in csv_lines(columns)).encode()
    assert to_lines(arrays(columns)).to_pylist() == csv_lines(columns, whole=False)


def test_a_slice_is_quoted_by_its_own_texts():
    assert quoted(pa.array(["a,b", "c", 'd"e'])[1:]).to_pylist() == ["c", '"d""e"']
