"""Reading a CSV of the bucket row by row, with the bytes of each row, so that rows can be taken out and no other byte.

Rows, lines and delimiters are counted as scoring counts them.
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
_LARGEST_FIELD = 16 * 1024 * 1024


class NotSearchableError(RequestError):
    """An object is not a CSV whose rows can be told apart."""


@dataclass(frozen=True)
class Row:
    """One row below the header.

    Attributes:
        number: among the rows, from 1; blank lines are none.
        line: of the file, from 1, on which it begins.
        raw: its bytes, with the end of its last line.
    """

    number: int
    line: int
    fields: list[str]
    raw: bytes


class RowsFile:
    """A CSV file that was opened: the header at once, the rows as they are asked for.

    Attributes:
        header: the names of the columns; empty where the file is.
        head: the bytes up to the first row.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._lines = _Lines(file)
        self.head, text, delimiter = _read_head(self._lines)
        # What is not UTF-8 was never scored, and holds rows all the same.
        csv.field_size_limit(_LARGEST_FIELD)
        self.header = next(csv.reader([text], delimiter=delimiter), []) if text else []
        self._delimiter = delimiter

    def rows(self) -> Iterator[Row]:
        """The rows, however many fields they have; blank lines come as rows without fields and number 0.

        Raises:
            NotSearchableError: quotes are not as in RFC 4180.
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


def write_without(source: Path, target: Path, numbers: Container[int]) -> None:
    """Copies a CSV byte by byte, but for the rows of these numbers."""
    with source.open("rb") as file, target.open("wb") as kept:
        table = RowsFile(file)
        kept.write(table.head)
        for row in table.rows():
            if row.number not in numbers:
                kept.write(row.raw)


class _Lines:
    """The lines of a file as text, and the bytes of those that nobody has taken yet."""

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
        # Archives, workbooks and UTF-16; a row may hold such a character.
        raise NotSearchableError("it is no text in UTF-8")
    delimiter = told or max(_DELIMITERS, key=_QUOTED.sub("", text).count)
    return lines.take(), text, delimiter
