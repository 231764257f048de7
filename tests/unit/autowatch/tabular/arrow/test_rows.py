"""Arrow and the csv module give the same results: rows, lines, places, errors and their texts."""

import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.errors import UnreadableFile
from autowatch.tabular.arrow.fields import read_fields
from autowatch.tabular.arrow.rows import read_rows
from autowatch.tabular.table import read_table

TAME = ["", "1", "a", " ", "ü", '"a"', '""', '"a,b"', '"a;b"', '"a""b"', '""""', "\v", "\u2028"]
WILD = ['"a\nb"', '"a\r\nb"', '"\r"', '"a', 'a"', '"', 'a";"', '"a"x', '"a" ', 'a"b"c', "\0", "\r", "\ufeff"]
CELL = st.sampled_from([*TAME, *TAME, *WILD, '"\ufeff"', "\udcff"])
LINE_END = st.sampled_from(["\n", "\n", "\n", "\r\n", "\n\n", "\r", "\n\r\n"])
LINES = st.lists(st.tuples(st.lists(CELL, min_size=1, max_size=4), LINE_END), min_size=1, max_size=8)


def written(lines, delimiter, ended):
    text = "".join(delimiter.join(cells) + end for cells, end in lines)
    return (text if ended else text.rstrip("\r\n")).encode("utf-8", "surrogateescape")


def pieces(data, size):
    return [data[start : start + size] for start in range(0, len(data), size)]


def by_arrow(chunks, max_rows=1000):
    """The rows in the order of the table, each with its line; or the error."""
    table, found = read_table(chunks), []
    try:
        for rows in read_rows(table, max_rows):
            numbers, lines = rows.numbers.to_pylist(), rows.lines.to_pylist()
            fields = zip(*(column.to_pylist() for column in rows.columns), strict=True)
            found += [
                (number, line, list(row)) for number, line, row in zip(numbers, lines, fields, strict=True)
            ]
            found += [(misfit.number, misfit.line, misfit.fields) for misfit in rows.misfits]
    except UnreadableFile as error:
        return type(error), str(error)
    assert [number for number, _, _ in sorted(found)] == list(range(1, table.rows_read + 1))
    return [(line, row) for _, line, row in sorted(found)]


def by_csv(chunks):
    table = read_table(chunks)
    try:
        return [(table.line, row) for row in table.rows]
    except UnreadableFile as error:
        return type(error), str(error)


@settings(max_examples=400)
@given(LINES, st.sampled_from(",;"), st.integers(2, 4), st.booleans(), st.integers(1, 60), st.integers(1, 4))
def test_arrow_parses_files_like_the_csv_module(lines, delimiter, width, ended, size, max_rows):
    header = delimiter.join("abcd"[:width]).encode() + b"\n"
    chunks = [header, *pieces(written(lines, delimiter, ended), size)]
    assert by_arrow(chunks, max_rows) == by_csv(chunks)


cells = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


@given(
    rows=st.lists(st.lists(cells, min_size=2, max_size=3), min_size=1),
    delimiter=st.sampled_from(",;"),
    line_end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
    size=st.integers(1, 50),
)
def test_files_by_any_writer_are_parsed_alike(rows, delimiter, line_end, quoting, size):
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerow(["first", "second"])
    writer.writerows(rows)
    chunks = pieces(text.getvalue().encode(), size)
    assert by_arrow(chunks) == by_csv(chunks)


@given(data=st.binary(max_size=60), size=st.integers(1, 20))
def test_any_bytes_are_parsed_alike(data, size):
    chunks = [b"a,b\n", *pieces(data, size)]
    assert by_arrow(chunks) == by_csv(chunks)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"1,a\n2,b\n", id="bare"),
        pytest.param(b"1,a\r\n2,b", id="CRLF, no line end"),
        pytest.param(b'1,"a"\n2,\n"",""\n', id="quotes around fields"),
        pytest.param(b",\n,\n", id="nothing but empty fields"),
        pytest.param(b"1,2,3\n1\n2,3\n", id="rows of other widths"),
        pytest.param(b'1,"a,b"\n', id="quoted delimiter"),
        pytest.param(b'1,"a""b"\n', id="doubled quote"),
        pytest.param(b'1,"a,b",3\n1,"2"\n', id="quoted delimiter in a row of another width"),
        pytest.param(b"1,a;b\n", id="the other delimiter"),
        pytest.param(b',"a,b"\n"",\n', id="empty fields in all columns, quoted delimiter"),
    ],
)
def test_common_files_need_no_csv_module(data):
    assert read_fields(data, ",", 2) is not None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b'1,"a\nb"\n', id="line break in quotes"),
        pytest.param(b"1,2\n\n3,4\n", id="blank line"),
        pytest.param(b'\n1,"a,b"\n', id="blank line above quotes"),
        pytest.param(b"1,2\r3,4\n\n", id="blank line that makes up for a lone carriage return"),
        pytest.param(b'1,"2"\r3,4\n\n5,6\n', id="the same with quotes"),
        pytest.param(b'1,a"b"\n', id="bare quote"),
        pytest.param(b'1,"a"b\n', id="text after a quote"),
        pytest.param(b'",1"x,a"\n', id="faults that make up for each other"),
        pytest.param(b"1,2\r3,4\n", id="lone carriage return"),
        pytest.param(b"\xef\xbb\xbf1,2\n", id="byte order mark"),
        pytest.param(b"1,\xff\n", id="not UTF-8"),
        pytest.param(b"1,\xff,3\n", id="not UTF-8 in a row of another width"),
        pytest.param(b'1,"2\n', id="open quote"),
        pytest.param(b"1,\0\n", id="NUL"),
    ],
)
def test_the_csv_module_parses_the_rest(data):
    assert read_fields(data, ",", 2) is None


@pytest.mark.parametrize(
    ("data", "is_plain"),
    [
        pytest.param(b"1;a\r\n2;b\r\n", True, id="bare"),
        pytest.param(b'1;"a"\n2;""\n', True, id="quotes around fields"),
        pytest.param(b"1;2;3\n1;2\n", True, id="a row of another width"),
        pytest.param(b"1;a,b\n", False, id="comma"),
        pytest.param(b'1;"a;b"\n', False, id="quoted delimiter"),
        pytest.param(b'1;"a""b"\n', False, id="doubled quote"),
    ],
)
def test_it_is_known_whether_fields_must_be_quoted(data, is_plain):
    assert read_fields(data, ";", 2).is_plain == is_plain


def test_an_odd_row_affects_few_others(monkeypatch):
    """The csv module gets a piece, not the whole chunk."""
    from autowatch.tabular.arrow import rows as module

    read = []
    whole = module._from_block
    monkeypatch.setattr(
        module, "_from_block", lambda block, before: read.append(len(block.lines)) or whole(block, before)
    )
    data = b"a,b\n" + b"1,2\n" * 50_000 + b'1,"x\ny"\n' + b"1,2\n" * 50_000
    assert len(by_arrow([data])) == 100_001
    assert 0 < sum(read) < 10_000
