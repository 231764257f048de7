"""Forgetting counts rows as scoring does, and removing some keeps every other byte."""

import pytest

from autowatch.tabular.table import read_table
from autowatch_client.forgetting.rows import NotSearchableError, RowsFile, write_without
from tests.corpus.scored import SCORED

TEXTS = {
    "line breaks in a field": b'id,note\r\n1,"two\r\nlines"\r\n2,"a ""quote"", and\nmore"\r\n3,x',
    "blank lines": b"\n\nid,note\n\n1,a\n\n\n2,b\n",
    "a byte order mark": b"\xef\xbb\xbfid;note\n1;a\n2;b\n",
    "a line that tells the delimiter": b"sep=;\nid;note\n1;a,b,c\n2;b\n",
    "a header with a line break": b'"i\nd",note\n1,a\n2,b\n',
    "rows of other widths": b"id,note\n1\n2,b,c\n3,d\n",
    "one column": b'id\n1\n""\n2\n',
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "object.csv"


def rows_of(path):
    with path.open("rb") as file:
        table = RowsFile(file)
        return tuple(table.header), [row for row in table.rows() if row.fields]


@pytest.mark.parametrize(
    "body", [*TEXTS.values(), *(case.content for case in SCORED.values())], ids=[*TEXTS, *SCORED]
)
def test_rows_are_numbered_as_in_scoring(path, body):
    path.write_bytes(body)
    table = read_table(iter([body]))
    expected = [(table.rows_read, table.line, fields) for fields in table.rows]
    header, rows = rows_of(path)
    assert header == table.header
    assert [(row.number, row.line, row.fields) for row in rows] == expected


@pytest.mark.parametrize("body", TEXTS.values(), ids=TEXTS)
def test_every_other_byte_is_kept(path, tmp_path, body):
    path.write_bytes(body)
    rest = tmp_path / "rest.csv"
    write_without(path, rest, frozenset())
    assert rest.read_bytes() == body
    _, rows = rows_of(path)
    write_without(path, rest, {rows[1].number})
    assert rest.read_bytes() == body.replace(rows[1].raw, b"", 1)
    assert rows_of(rest)[1] != rows


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'id\n"open\n1\n', "the row that begins on line 2 is not CSV"),
        (b'"id,note\n1,2\n', "a quote in its header is not closed"),
        ("id\n1\n".encode("utf-16"), "it is not UTF-8 text"),
    ],
)
def test_a_file_without_readable_rows_is_rejected_with_the_reason(path, body, reason):
    path.write_bytes(body)
    with pytest.raises(NotSearchableError, match=reason):
        rows_of(path)


def test_an_empty_file_has_no_rows(path):
    path.write_bytes(b"")
    assert rows_of(path) == ((), [])
