import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.csv_lines import csv_lines, split_lines
from autowatch.plain_block import split_plain
from autowatch.table import read_table

CELL = st.sampled_from(
    ["", "1", "a", '"a"', '""', '"a', 'a"', '"a""b"', '"', ",", ";", '","', " ", "ü", "\0", "\r"]
)
LINE_END = st.sampled_from(["\n", "\r\n", "\n\n", "\r"])
LINES = st.lists(st.tuples(st.lists(CELL, min_size=1, max_size=4), LINE_END), min_size=1, max_size=5)


def read_slowly(text, delimiter):
    return [
        row for row in csv.reader(io.StringIO(text, newline="\n"), delimiter=delimiter, strict=True) if row
    ]


def write(lines, delimiter):
    return "".join(delimiter.join(cells) + end for cells, end in lines)


@given(LINES, st.sampled_from(",;"), st.integers(1, 4), st.booleans())
def test_what_is_plain_is_what_the_csv_module_reads(lines, delimiter, width, ended):
    text = write(lines, delimiter)
    text = text if ended else text.rstrip("\r\n") or "a"
    plain = split_plain(text, delimiter, width)
    if plain is None:
        return
    rows = read_slowly(text, delimiter)
    assert list(map(list, zip(*plain.columns, strict=True))) == rows
    assert plain.text == "".join(f"{line}\n" for line in csv_lines(list(zip(*rows, strict=True))))


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param("1,a\n2,b\n", [["1", "2"], ["a", "b"]], id="bare"),
        pytest.param("1,a\r\n2,b", [["1", "2"], ["a", "b"]], id="CRLF, no line end"),
        pytest.param('1,"a"\n2,\n"",""\n', [["1", "2", ""], ["a", "", ""]], id="quotes around fields"),
        pytest.param(",\n,\n", [["", ""], ["", ""]], id="nothing but empty fields"),
    ],
)
def test_common_files_are_plain(text, columns):
    assert split_plain(text, ",", 2).columns == columns


@pytest.mark.parametrize(
    "text",
    [
        '"a,b"\n',
        '1,"a\nb"\n',
        "1,2,3\n1\n",
        "1,2\n\n3,4\n",
        "1\n2,3,4\n",
        '1,a"b"\n',
        "1,a;b\n",
        "1,2\r3,4\n",
        "1,2\n3\n",
    ],
)
def test_the_csv_module_reads_the_rest(text):
    assert split_plain(text, ",", 2) is None


@given(LINES, st.integers(1, 60), st.integers(1, 4))
def test_blocks_are_the_rows_however_they_are_cut(lines, size, max_rows):
    data = ("a;b\n" + write(lines, ";")).encode()
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    try:
        rows = read_slowly(data.decode(), ";")[1:]
    except csv.Error:
        return
    if not rows:
        return
    blocks = list(read_table(chunks).blocks(max_rows))
    assert [row for block in blocks for row in block.rows()] == rows
    assert max(len(block.lines) for block in blocks) <= max_rows
    table = read_table(chunks)
    assert [line for block in blocks for line in block.lines] == [table.line for _ in table.rows]


@given(
    st.lists(st.lists(st.text(st.sampled_from('a",\n\r'), max_size=4), min_size=2, max_size=2), min_size=1)
)
def test_lines_are_found_again(rows):
    lines = csv_lines(list(zip(*rows, strict=True)))
    assert split_lines("".join(f"{line}\n" for line in lines)) == lines
