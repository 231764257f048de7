"""Reads a CSV row by row with each row's bytes, so that rows can be removed and every other byte kept.

Rows, lines and delimiters are counted as in scoring.
"""

import csv
import re
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from autowatch_client.errors import RequestError

_DELIMITERS = ",;\t|"
_QUOTED = re.compile(r'"[^"]*"')
_SEPARATOR_LINE = re.compile(r"\ufeff?sep=([,;\t|])\r?\n")
_WRITTEN = ("predictions/", "rejected/", "monitoring/labels/")
"""Where the application writes CSV, by commas; names in it may contain more of another delimiter."""

_LARGEST_FIELD = 16 * 1024 * 1024


class NotSearchableError(RequestError):
    """An object cannot be read as a CSV with separate rows."""


@dataclass(frozen=True)
class Row:
    """One row below the header.

    Attributes:
        number: among the rows, from 1; blank lines do not count.
        line: the line of the file on which it begins, from 1.
        raw: its bytes, including the line end.
    """

    number: int
    line: int
    fields: list[str]
    raw: bytes


class RowsFile:
    """An opened CSV file, the object `key`: the header is read, the rows follow on request.

    Attributes:
        header: the column names; empty if the file is empty.
        head: the bytes up to the first row.
    """

    def __init__(self, file: BinaryIO, key: str = "") -> None:
        self._lines = _Lines(file)
        self.head, text, delimiter = _read_head(self._lines)
        if key.startswith(_WRITTEN):
            delimiter = ","
        # A file that is not UTF-8 was never scored, but still has rows.
        csv.field_size_limit(_LARGEST_FIELD)
        self.header = next(csv.reader([text], delimiter=delimiter), []) if text else []
        self._delimiter = delimiter

    def rows(self) -> Iterator[Row]:
        """The rows, of any width. Blank lines are returned as rows without fields and with number 0.

        Raises:
            NotSearchableError: the quoting violates RFC 4180.
        """
        number, line = 0, self._lines.count + 1
        reader = csv.reader(self._lines, delimiter=self._delimiter, strict=True)
        try:
            for fields in reader:
                number += bool(fields)
                yield Row(number if fields else 0, line, fields, self._lines.take())
                line = self._lines.count + 1
        except csv.Error as error:
            raise NotSearchableError(f"the row that begins on line {line} is not CSV") from error


def write_without(source: Path, target: Path, numbers: Container[int], key: str = "") -> None:
    """Copies a CSV byte by byte, except the rows with these numbers."""
    with source.open("rb") as file, target.open("wb") as kept:
        table = RowsFile(file, key)
        kept.write(table.head)
        for row in table.rows():
            if row.number not in numbers:
                kept.write(row.raw)


class _Lines:
    """The lines of a file as text, and the bytes read since the last call."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._waiting: list[bytes] = []
        self.count = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline()
        if not line:
            raise StopIteration
        self._waiting.append(line)
        self.count += 1
        return line.decode(errors="surrogateescape")

    def take(self) -> bytes:
        taken = b"".join(self._waiting)
        self._waiting.clear()
        return taken


def _read_head(lines: _Lines) -> tuple[bytes, str, str]:
    """The bytes up to the first row, the header's text and the delimiter."""
    begun = text = ""
    told = None
    for line in lines:
        if not begun and (match := _SEPARATOR_LINE.fullmatch(line)):
            told = match[1]
            continue
        begun += line
        if begun.strip("\r\n\ufeff") and begun.count('"') % 2 == 0:
            text = begun.removeprefix("\ufeff").lstrip("\r\n")
            break
    else:
        if begun.strip("\r\n\ufeff"):
            raise NotSearchableError("a quote in its header is not closed")
    if "\0" in begun:
        # Archives, workbooks and UTF-16 files contain it; a row may, too.
        raise NotSearchableError("it is not UTF-8 text")
    delimiter = told or max(_DELIMITERS, key=_QUOTED.sub("", text).count)
    return lines.take(), text, delimiter
