"""Reading a CSV file as agreed: UTF-8, a header row, `,` or `;`, quoting as in RFC 4180.

The quick way to read a block of CSV that is as plain as nearly all CSV is.
"""

import csv
import io
import itertools
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from autowatch.errors import UnreadableFile

LARGEST_FIELD = 16 * 1024 * 1024
"""Characters in one field, bytes in one line. A file past it has lost a closing quote or its line ends;
without a bound all the rest of it would be taken into memory as one field."""


# The csv module keeps this limit for the whole process; its default (128 kB) is too small for honest files.
csv.field_size_limit(LARGEST_FIELD)


_ROWS_AT_ONCE = 1_000


_QUOTED = re.compile(r'"[^"]*"')


class EmptyFile(UnreadableFile):
    """The file holds no text."""


class NoHeader(UnreadableFile):
    """The first row does not name the columns."""


class DuplicateColumns(UnreadableFile):
    """Two columns have the same name."""


class NoRows(UnreadableFile):
    """The file holds a header and nothing else."""


class NotUtf8(UnreadableFile):
    """The file holds bytes that are not UTF-8."""


class MalformedCsv(UnreadableFile):
    """Quotes or line ends are not as in RFC 4180, so that the rows cannot be told apart."""


@dataclass(frozen=True)
class Block:
    """Some consecutive rows.

    Attributes:
        lines: for each row the line of the file, counted from 1, on which it begins.
        columns: column by column the fields of the rows that are as wide as the header.
        misfits: the fields of the other rows, by their place in the block.
        text: the rows as `csv_lines` would write them, where that cost nothing.
    """

    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    misfits: Mapping[int, list[str]]
    text: str | None

    def rows(self) -> Iterator[list[str]]:
        """The fields of each row, however many it has."""
        fitting = map(list, zip(*self.columns, strict=True))
        for index in range(len(self.lines)):
            yield self.misfits[index] if index in self.misfits else next(fitting)


class Taken(NamedTuple):
    """How many rows somebody else has read of a table, and on how many lines, blank ones among them."""

    rows: int
    lines: int


class Table:
    """A CSV file that is being read: the header at once, the rows as they are asked for.

    Attributes:
        delimiter: `,` or `;`.
        header: the names of the columns.
        rows: the fields of each row as text, however many it has; to be gone through once, unless `blocks` is. Blank
            lines are skipped, in a file of one column too: there a missing value is written `""`. It raises NotUtf8
            and MalformedCsv when it gets to the place, and NoRows at the end if there was no row.
        line: the line of the file, counted from 1, on which the row that `rows` gave last begins.
        rows_read: how many rows have been given.
        bytes_read: how much of the file has been taken in; the rows given so far all lie within it.
    """

    def __init__(self, chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0) -> None:
        self.line = self.rows_read = self.bytes_read = 0
        self._lines_taken = self._lines_fed = self._bytes_before = 0
        texts = self._decode(_whole_lines(chunks))
        header_lines, rest = self._split_header(texts)
        header = "".join(header_lines)
        self.delimiter = _detect_delimiter(header)
        self.header = _check_header(next(fields for _, fields in self._read_records(header, iter(()))))
        self._lines_taken, self._bytes_before = len(header_lines) + lines_before, bytes_before
        self._texts = itertools.chain([rest] if rest else [], texts)
        self.rows: Iterator[list[str]] = self._rows()

    def blocks(self, max_rows: int, take: Callable[[str], Taken | None] | None = None) -> Iterator[Block]:
        """The same rows, many at once: at most `max_rows`, and at most a piece of the file as it came in.

        Args:
            max_rows: how many rows a block may have.
            take: may take rows over before they are read. It is given a text that begins with a row and ends with a
                line, and returns what it has taken: all that is in it or, by None, nothing.

        Raises:
            NotUtf8, MalformedCsv, NoRows: as `rows` does.
        """
        for block in self._blocks(max_rows, take):
            self.rows_read += len(block.lines)
            yield block

    def _rows(self) -> Iterator[list[str]]:
        for block in self._blocks(_ROWS_AT_ONCE):
            for self.line, row in zip(block.lines, block.rows(), strict=True):
                self.rows_read += 1
                yield row

    def _blocks(self, max_rows: int, take: Callable[[str], Taken | None] | None = None) -> Iterator[Block]:
        empty = True
        texts = itertools.chain.from_iterable(_cut(text, max_rows) for text in self._texts)
        for text in texts:
            taken = take(text) if take and len(text) <= LARGEST_FIELD else None
            if taken:
                empty = empty and not taken.rows
                self.rows_read += taken.rows
                self._lines_taken += taken.lines
                continue
            for block in self._read_blocks(text, texts, max_rows):
                empty = False
                yield block
        if empty:
            raise NoRows("The file has a header but no rows. Upload it with at least one row of data.")

    def _read_blocks(self, text: str, following: Iterator[str], max_rows: int) -> Iterator[Block]:
        """The rows of a text: by the quick way where that gives the same, and otherwise by the csv module."""
        width = len(self.header)
        plain = split_plain(text, self.delimiter, width) if len(text) <= LARGEST_FIELD else None
        if plain:
            first = self._lines_taken + 1
            self._lines_taken += len(plain.columns[0])
            yield Block(range(first, self._lines_taken + 1), plain.columns, {}, plain.text)
            return
        records = self._read_records(text, following)
        while taken := list(itertools.islice(records, max_rows)):
            lines, rows = zip(*taken, strict=True)
            misfits = {index: row for index, row in enumerate(rows) if len(row) != width}
            fitting = [row for row in rows if len(row) == width] if misfits else rows
            columns = list(zip(*fitting, strict=True)) if fitting else [()] * width
            yield Block(lines, columns, misfits, None)

    def _read_records(self, text: str, following: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """The rows of a text with their lines; where a field is still open at its end, those of the next one too."""
        begun_after, fed = self._lines_taken, 0

        def lines() -> Iterator[str]:
            nonlocal fed
            for piece in itertools.chain([text], following):
                fed += piece.count("\n") + (not piece.endswith("\n"))
                self._lines_fed = begun_after + fed
                yield from io.StringIO(piece, newline="\n")

        reader = csv.reader(lines(), delimiter=self.delimiter, strict=True)
        line = begun_after + 1
        try:
            for fields in reader:
                if fields:
                    yield line, fields
                self._lines_taken = begun_after + reader.line_num
                line = self._lines_taken + 1
                if reader.line_num == fed:
                    return
        except csv.Error as error:
            raise MalformedCsv(f"The row that begins on line {line} is not CSV: {_explain(error)}") from None

    def _split_header(self, texts: Iterator[str]) -> tuple[list[str], str]:
        """The lines up to the end of the first row that is not blank, which may have line breaks in it, and what
        follows them in the same text."""
        taken: list[str] = []
        quotes = length = 0
        for text in texts:
            lines = io.StringIO(text, newline="\n")
            for line in lines:
                taken.append(line)
                quotes += line.count('"')
                length += len(line)
                if line.strip("\r\n") and quotes % 2 == 0:
                    return taken, lines.read()
            self._lines_fed = len(taken)
            if length > LARGEST_FIELD:
                break
        if quotes:
            raise MalformedCsv(
                "A quote in the header is not closed. Close it, or double it if it belongs to a name."
            )
        raise EmptyFile("The file is empty. Upload a CSV with a header row and at least one row of data.")

    def _decode(self, blocks: Iterable[bytes]) -> Iterator[str]:
        """Whole lines, decoded a block at a time: the byte of a line feed is part of no other character."""
        for block in blocks:
            start = self.bytes_read
            if start == 0 and block.startswith(BOM_UTF8):
                start, block = len(BOM_UTF8), block[len(BOM_UTF8) :]
            try:
                text = block.decode()
            except UnicodeDecodeError as error:
                # Of a row that is not whole yet the lines have been fed to the csv module, but not taken.
                before = max(self._lines_taken, self._lines_fed)
                line = before + 1 + block.count(b"\n", 0, error.start)
                byte = start + error.start + 1 + self._bytes_before
                raise NotUtf8(
                    f"The file is not UTF-8: byte {byte}, on line {line}, belongs to no "
                    "character. Save the file as UTF-8."
                ) from None
            self.bytes_read = start + len(block)
            yield text


def read_table(chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0) -> Table:
    """Begins to read a CSV file that comes in pieces of any size, cut anywhere.

    Args:
        chunks: the file's content; or its header and, from a chunk of its own on, a later part of it.
        lines_before: how many lines were left out between the two, so that lines are counted as in the file.
        bytes_before: how many bytes were left out.

    Raises:
        EmptyFile, NoHeader, DuplicateColumns, NotUtf8, MalformedCsv: the header cannot be read as agreed.
    """
    return Table(chunks, lines_before, bytes_before)


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []
    length = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, chunk[:end]])
            begun, length = [], 0
        if end < len(chunk):
            begun.append(chunk[end:])
            length += len(chunk) - end
        if length > LARGEST_FIELD:
            raise MalformedCsv(
                f"A line of the file is longer than {LARGEST_FIELD} bytes. End each row with a line feed."
            )
    if begun:
        yield b"".join(begun)


def _cut(text: str, max_lines: int) -> Iterator[str]:
    if len(text) <= max_lines or text.count("\n") <= max_lines:
        yield text
        return
    lines = io.StringIO(text, newline="\n")
    while piece := "".join(itertools.islice(lines, max_lines)):
        yield piece


def _detect_delimiter(header: str) -> str:
    """The more frequent of `,` and `;` outside quotes; `,` where there are as many of both, or none."""
    unquoted = _QUOTED.sub("", header)
    return ";" if unquoted.count(";") > unquoted.count(",") else ","


def _check_header(names: list[str]) -> tuple[str, ...]:
    if all(_is_number(name) for name in names):
        raise NoHeader("The first row holds numbers only. Put a row with the names of the columns above it.")
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise NoHeader(f"Column {position} has no name in the first row. Name every column there.")
    first_places: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        first = first_places.setdefault(name, position)
        if first != position:
            # Not the name: in a file without a header it is a row's value, and the reason is logged.
            raise DuplicateColumns(
                f"Columns {first} and {position} have the same name. Give each column a name of its own."
            )
    return tuple(names)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _explain(error: csv.Error) -> str:
    message = str(error)
    if "unexpected end" in message:
        return "a quote is opened there and never closed. Close it, or double it if it belongs to the value."
    if "field limit" in message:
        return f"a field has more than {LARGEST_FIELD} characters. Look for a quote that is not closed."
    if "new-line" in message:
        return "a carriage return stands alone. End each row with LF or CRLF, or quote the field."
    return "something follows a closing quote. Double the quotes that belong to a value."


class PlainBlock(NamedTuple):
    """The fields of a plain block, column by column, and its rows as `csv_lines` would write them."""

    columns: list[list[str]]
    text: str


def split_plain(text: str, delimiter: str, width: int) -> PlainBlock | None:
    """Reads a block of whole lines, unless it takes the csv module to do so: then the answer is None.

    Plain is a block in which every line is a row of `width` fields, at least two, and no field holds a quote, a comma,
    a semicolon or a line break; whole fields may stand in quotes. There the rows are what splitting at every delimiter
    gives. The whole block is split at once, and it takes no loop over the rows to prove that all of them are
    `width` fields wide: each line feed gets a delimiter in front, so that no field has two of them; if there are
    as many line feeds as rows and each row's first field has one, then no other field has any.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if width == 1 or "\r" in text or (";" if delimiter == "," else ",") in text:
        return None
    text = text.removesuffix("\n")
    fields = ("\n" + text).replace("\n", delimiter + "\n").split(delimiter)
    rows = text.count("\n") + 1
    if len(fields) != 1 + rows * width:
        return None
    columns = [fields[position::width] for position in range(1, width + 1)]
    columns[0] = "".join(columns[0]).split("\n")[1:]
    if len(columns[0]) != rows:
        return None
    if '"' in text:
        for position, column in enumerate(columns):
            unquoted = _unquote_column(column)
            if unquoted is None:
                return None
            columns[position] = unquoted
        text = text.replace('"', "")
    return PlainBlock(columns, text.replace(delimiter, ",") + "\n")


def _unquote_column(column: list[str]) -> list[str] | None:
    if '"' not in "".join(column):
        return column
    # Columns in quotes hold the names of things, which repeat.
    unquoted = {field: field[1:-1] if _is_quoted(field) else field for field in set(column)}
    if any('"' in field for field in unquoted.values()):
        return None
    return list(map(unquoted.__getitem__, column))


def _is_quoted(field: str) -> bool:
    return len(field) > 1 and field[0] == field[-1] == '"'
