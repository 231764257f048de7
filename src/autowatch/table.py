"""Reading a CSV file as agreed: UTF-8, a header row, `,` or `;`, quoting as in RFC 4180."""

import csv
import io
import itertools
import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator

from autowatch.errors import AutowatchError

LARGEST_FIELD = 16 * 1024 * 1024
"""Characters in one field, bytes in one line. A file past it has lost a closing quote or its line ends;
without a bound all the rest of it would be taken into memory as one field."""

# The csv module keeps this limit for the whole process; its default (128 kB) is too small for honest files.
csv.field_size_limit(LARGEST_FIELD)

_QUOTED = re.compile(r'"[^"]*"')


class UnreadableFile(AutowatchError):
    """The file cannot be read as agreed. Trying again cannot help; a corrected file can."""


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


class Table:
    """A CSV file that is being read: the header at once, the rows as they are asked for.

    Attributes:
        delimiter: `,` or `;`.
        header: the names of the columns.
        rows: the fields of each row as text, however many it has; to be gone through once. Blank lines
            are skipped, in a file of one column too: there a missing value is written `""`. It raises NotUtf8
            and MalformedCsv when it gets to the place, and NoRows at the end if there was no row.
        line: the line of the file, counted from 1, on which the row given last begins.
        rows_read: how many rows have been given.
        bytes_read: how much of the file has been taken in; the rows given so far all lie within it.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self.line = self.rows_read = self.bytes_read = 0
        lines = itertools.chain.from_iterable(self._blocks(chunks))
        header_lines = _header_lines(lines)
        self.delimiter = _detect_delimiter("".join(header_lines))
        self._reader = csv.reader(itertools.chain(header_lines, lines), delimiter=self.delimiter, strict=True)
        self.header = _check_header(next(self._records()))
        self.rows_read = 0  # The header was a record, but it is no row.
        self.rows: Iterator[list[str]] = self._rows()

    def _rows(self) -> Iterator[list[str]]:
        records = self._records()
        first = next(records, None)
        if first is None:
            raise NoRows("The file has a header but no rows. Upload it with at least one row of data.")
        yield first
        yield from records

    def _records(self) -> Iterator[list[str]]:
        reader = self._reader
        line = reader.line_num + 1
        try:
            for fields in reader:
                if fields:
                    self.line = line
                    self.rows_read += 1
                    yield fields
                line = reader.line_num + 1
        except csv.Error as error:
            raise MalformedCsv(f"The row that begins on line {line} is not CSV: {_explain(error)}") from None

    def _blocks(self, chunks: Iterable[bytes]) -> Iterator[io.StringIO]:
        """Whole lines, decoded a block at a time: the byte of a line feed is part of no other character."""
        line = 1
        for block in _whole_lines(chunks):
            start = self.bytes_read
            if start == 0 and block.startswith(BOM_UTF8):
                start, block = len(BOM_UTF8), block[len(BOM_UTF8) :]
            try:
                text = block.decode()
            except UnicodeDecodeError as error:
                line += block.count(b"\n", 0, error.start)
                raise NotUtf8(
                    f"The file is not UTF-8: byte {start + error.start + 1}, on line {line}, belongs to no "
                    "character. Save the file as UTF-8."
                ) from None
            self.bytes_read = start + len(block)
            line += text.count("\n")
            yield io.StringIO(text, newline="\n")


def read_table(chunks: Iterable[bytes]) -> Table:
    """Begins to read a CSV file that comes in pieces of any size, cut anywhere.

    Raises:
        EmptyFile, NoHeader, DuplicateColumns, NotUtf8, MalformedCsv: the header cannot be read as agreed.
    """
    return Table(chunks)


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


def _header_lines(lines: Iterator[str]) -> list[str]:
    """The lines up to the end of the first row that is not blank; its names may have line breaks in them."""
    taken: list[str] = []
    quotes = length = 0
    for line in lines:
        taken.append(line)
        quotes += line.count('"')
        length += len(line)
        if line.strip("\r\n") and quotes % 2 == 0:
            return taken
        if length > LARGEST_FIELD:
            break
    if quotes:
        raise MalformedCsv(
            "A quote in the header is not closed. Close it, or double it if it belongs to a name."
        )
    raise EmptyFile("The file is empty. Upload a CSV with a header row and at least one row of data.")


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
