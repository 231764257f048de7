import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.tabular.csv_lines import csv_lines, split_lines
from autowatch.tabular.table import (
    LARGEST_FIELD,
    LARGEST_HEADER,
    MOST_COLUMNS,
    DuplicateColumns,
    EmptyFile,
    HeaderTooLarge,
    MalformedCsv,
    NoHeader,
    NoRows,
    NotUtf8,
    OtherFormat,
    read_table,
)

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


@given(LINES, st.integers(1, 60), st.integers(1, 4))
def test_blocks_contain_the_same_rows_however_the_file_is_cut(lines, size, max_rows):
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


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def read(data, size=7):
    table = read_table(pieces(data, size))
    return table.header, list(table.rows)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("data", "header", "rows"),
    [
        pytest.param(b"a,b\n1,2\n", ("a", "b"), [["1", "2"]], id="plain"),
        pytest.param(b"a,b\n1,2", ("a", "b"), [["1", "2"]], id="no final newline"),
        pytest.param(b"a,b\r\n1,2\r\n", ("a", "b"), [["1", "2"]], id="CRLF"),
        pytest.param(b"a,b\r\n1,2\n3,4", ("a", "b"), [["1", "2"], ["3", "4"]], id="mixed line ends"),
        pytest.param(b"a;b\n1;2\n", ("a", "b"), [["1", "2"]], id="semicolons"),
        pytest.param(b"a;b\n1,5;2\n", ("a", "b"), [["1,5", "2"]], id="decimal commas"),
        pytest.param(b'"a;x;y";b;c\n1;2;3\n', ("a;x;y", "b", "c"), [["1", "2", "3"]], id="quoted delimiter"),
        pytest.param(b'"a;x;y",b\n1,2\n', ("a;x;y", "b"), [["1", "2"]], id="quoted other delimiter"),
        pytest.param(b"\xef\xbb\xbfa,b\n1,2\n", ("a", "b"), [["1", "2"]], id="BOM"),
        pytest.param(b'\xef\xbb\xbf"a",b\n1,2\n', ("a", "b"), [["1", "2"]], id="BOM before a quote"),
        pytest.param(
            "a,b\nü€😀,2\n".encode(), ("a", "b"), [["ü€😀", "2"]], id="2, 3 and 4 bytes a character"
        ),
        pytest.param(b'a,b\n"x\ny","q""q"\n', ("a", "b"), [["x\ny", 'q"q']], id="line break, doubled quote"),
        pytest.param(b'a,b\n"x\r\ny",2\n', ("a", "b"), [["x\r\ny", "2"]], id="CRLF in a field"),
        pytest.param(b'"a\nx",b\n1,2\n', ("a\nx", "b"), [["1", "2"]], id="line break in the header"),
        pytest.param(b"\n\r\na,b\n\n1,2\n\n\n", ("a", "b"), [["1", "2"]], id="blank lines"),
        pytest.param(b'a\n\n""\n1\n', ("a",), [[""], ["1"]], id="one column, blank and missing"),
        pytest.param(b"a,b\n1\n1,2,3\n", ("a", "b"), [["1"], ["1", "2", "3"]], id="too few, too many"),
        pytest.param(b'a,b\n5" disk,2\n', ("a", "b"), [['5" disk', "2"]], id="quote inside a bare field"),
        pytest.param(b"a,b\n007,1.10\n", ("a", "b"), [["007", "1.10"]], id="zeros stay"),
        pytest.param(b"a,b\n 1 ,\t2\n", ("a", "b"), [[" 1 ", "\t2"]], id="spaces stay"),
        pytest.param(
            b"a,b\n\x00,\x0b\x0c\x1c\n", ("a", "b"), [["\0", "\x0b\x0c\x1c"]], id="control characters"
        ),
        pytest.param("a,b\n\u2028,\x85\n".encode(), ("a", "b"), [["\u2028", "\x85"]], id="Unicode line ends"),
        pytest.param(b"a,1\n1,2\n", ("a", "1"), [["1", "2"]], id="one name a number"),
    ],
)
def test_reads_files_of_the_documented_form(data, header, rows, size):
    assert read(data, size) == (header, rows)


@pytest.mark.parametrize(
    ("data", "error", "says"),
    [
        pytest.param(b"", EmptyFile, "empty", id="no bytes"),
        pytest.param(b"\xef\xbb\xbf", EmptyFile, "empty", id="BOM only"),
        pytest.param(b"\n\r\n\n", EmptyFile, "empty", id="blank lines only"),
        pytest.param(b"a,b", NoRows, "no rows", id="header without line end"),
        pytest.param(b"a,b\n\n\n", NoRows, "no rows", id="header and blank lines"),
        pytest.param(b"1,2\n3,4\n", NoHeader, "numbers only", id="numbers for a header"),
        pytest.param(b",a\n1,2\n", NoHeader, "Column 1", id="first name empty"),
        pytest.param(b"a, \n1,2\n", NoHeader, "Column 2", id="blank name"),
        pytest.param(b"a,b,\n1,2,3\n", NoHeader, "Column 3", id="delimiter at the end of the header"),
        pytest.param(b"a,b,a\n1,2,3\n", DuplicateColumns, "Columns 1 and 3 ", id="two columns of one name"),
        pytest.param(b"a,b\n1,2\n3,\xfc\n", NotUtf8, "byte 11, on line 3", id="Latin-1"),
        pytest.param(b"\xef\xbb\xbfa\n\xff\n", NotUtf8, "byte 6, on line 2", id="position counts the BOM"),
        pytest.param("a,b\n1,2\n".encode("utf-16"), OtherFormat, "UTF-16", id="UTF-16"),
        pytest.param(b"a\n\xe2\x82", NotUtf8, "byte 3, on line 2", id="cut inside a character"),
        pytest.param(b"\x1f\x8b\x08\x00", OtherFormat, "gzip", id="gzip"),
        pytest.param(
            b'a,b\n1,2\n"3,4\n5,6\n', MalformedCsv, "begins on line 3.*never closed", id="open quote"
        ),
        pytest.param(b'a,b\n"x"y,2\n', MalformedCsv, "line 2.*closing quote", id="text after a quote"),
        pytest.param(b"a,b\n1,2\r3,4\n", MalformedCsv, "line 2.*carriage return", id="bare CR"),
        pytest.param(b"a,b\r1,2\r", MalformedCsv, "carriage return", id="CR line ends"),
        pytest.param(b'"a,b\n1,2\n', MalformedCsv, "header is not closed", id="open quote in the header"),
    ],
)
@pytest.mark.parametrize("size", [1, 1000])
def test_rejects_with_a_reason(data, error, says, size):
    with pytest.raises(error, match=f"(?s){says}"):
        read(data, size)


@pytest.mark.parametrize(
    "before",
    [
        b"\n\n",
        b'"a\n\n',
        b"a,b\n",
        b"\n\n\n\na,b\n1,2\n",
        b'"a\n\n1",b\n1,2\n',
        b'a,b\n1,2\n"3\n\n3",4\n5,6\n',
        b'a,b\n1,2\n\n"3\n4\n5',
    ],
    ids=[
        "blank lines",
        "open header",
        "header",
        "more lines",
        "breaks in the header",
        "breaks in a row",
        "open row",
    ],
)
@pytest.mark.parametrize("size", [1, 8, 1000])
def test_reports_the_line_of_a_byte_that_is_not_utf8(before, size):
    line = before.count(b"\n") + 1
    with pytest.raises(NotUtf8, match=f"byte {len(before) + 3}, on line {line},"):
        read(before + b"7,\xff", size)


def test_rows_before_the_fault_are_yielded():
    table = read_table(pieces(b"a\n1\n2\n\xff\n", 2))
    assert next(table.rows) == ["1"]
    assert next(table.rows) == ["2"]
    with pytest.raises(NotUtf8):
        next(table.rows)


def test_reports_the_line_on_which_a_row_begins():
    table = read_table([b'\na,b\r\n1,2\n\n"x\n\ny",3\n4,5'])
    assert [(table.line, row[1]) for row in table.rows] == [(3, "2"), (5, "3"), (8, "5")]


def test_counts_rows_and_bytes():
    data = b"\xef\xbb\xbfa,b\n" + b"1,2\n" * 100
    table = read_table(pieces(data, 10))
    assert table.rows_read == 0
    next(table.rows)
    assert table.rows_read == 1
    assert 11 <= table.bytes_read < 30
    assert len(list(table.rows)) == 99
    assert (table.rows_read, table.bytes_read) == (100, len(data))


def test_huge_field():
    field = "x" * 10_000_000
    assert read(f"a,b\n{field},1\n".encode(), 1 << 18)[1] == [[field, "1"]]


@pytest.mark.parametrize("line", [b"x" * 1000, b'"' + b"x" * 998 + b"\n"])
def test_does_not_read_a_file_without_line_ends_into_memory(line):
    """A line or a quote that never ends is rejected at the limit, before memory runs out."""
    given_out = 0

    def endless():
        nonlocal given_out
        yield b"a,b\n"
        while True:
            given_out += len(line)
            yield line if given_out == len(line) else line.replace(b'"', b"x")

    table = read_table(endless())
    with pytest.raises(MalformedCsv, match=str(LARGEST_FIELD)):
        list(table.rows)
    assert given_out < 2 * LARGEST_FIELD


def test_a_header_is_taken_up_to_its_bounds_and_refused_beyond():
    names = [f"c{number}" for number in range(MOST_COLUMNS)]
    row = ",1" * (MOST_COLUMNS - 1)
    assert len(read(f"{','.join(names)}\n1{row}\n".encode())[0]) == MOST_COLUMNS
    with pytest.raises(HeaderTooLarge, match="names 5,001 columns, more than 5,000"):
        read(f"{','.join(names)},more\n1{row},1\n".encode())
    long = "x" * (LARGEST_HEADER - len("a,\n"))
    assert read(f"a,{long}\n1,2\n".encode())[1] == [["1", "2"]]
    with pytest.raises(HeaderTooLarge, match="has 524,289 bytes"):
        read(f"a,{long}x\n1,2\n".encode())


def test_messages_do_not_quote_names_which_may_be_a_rows_values():
    with pytest.raises(DuplicateColumns) as caught:
        read(b"41,Smith,Smith\n42,Miller,Jones\n")
    assert "Smith" not in str(caught.value)


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1),
    delimiter=st.sampled_from(",;"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    size=st.integers(1, 50),
)
def test_any_cells_survive(rows, delimiter, line_end, size):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=csv.QUOTE_ALL)
    writer.writerow(["first", "second"])
    writer.writerows(rows)
    assert read(text.getvalue().encode(), size) == (("first", "second"), rows)


@given(data=st.binary(max_size=60), size=st.integers(1, 20))
def test_any_bytes_are_read_or_raise_a_named_error(data, size):
    whole, in_pieces = outcome(data, 1000), outcome(data, size)
    assert whole == in_pieces


def outcome(data, size):
    try:
        return read(b"a,b\n" + data, size)
    except (NotUtf8, MalformedCsv, NoRows) as error:
        return str(error)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_detected_or_read_from_a_first_line(delimiter):
    text = "a,b\n1,2\n".replace(",", delimiter)
    for first in ("", f"sep={delimiter}\n", f"\ufeffsep={delimiter}\r\n"):
        table = read_table([(first + text).encode()])
        assert (table.header, list(table.rows), table.line) == (("a", "b"), [["1", "2"]], 3 if first else 2)
