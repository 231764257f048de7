"""Reading CSV files: UTF-8, a header row, quoting as in RFC 4180, fields separated by `,`, `;`, a tab or `|`.

Here the csv module parses everything. `autowatch.tabular.arrow` parses faster what it can prove to be plain.
"""

import csv
import io
import itertools
import re
from codecs import BOM_UTF8
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from autowatch.errors import UnreadableFile

LARGEST_FIELD = 16 * 1024 * 1024
"""The most characters in a field and bytes in a line. A file beyond it lacks a closing quote or line ends; without a
limit, all the rest of it would be read into memory as one field."""


# The csv module keeps this limit for the whole process; its default (128 kB) is too small for valid files.
csv.field_size_limit(LARGEST_FIELD)


MOST_COLUMNS = 5_000
LARGEST_HEADER = 512 * 1024
"""The most columns of a file, and bytes of its header: manifests, contracts and pages grow with them."""


_ROWS_AT_ONCE = 1_000


_PIECE_BYTES = 32 * 1024
"""Data that a quick parser rejects is cut into pieces of about this size, so that one odd row affects few others."""


_QUOTED = re.compile(r'"[^"]*"')


class EmptyFile(UnreadableFile):
    """The file is empty."""


class NoHeader(UnreadableFile):
    """The first row does not contain the columns' names."""


class DuplicateColumns(UnreadableFile):
    """Two columns have the same name."""


class HeaderTooLarge(UnreadableFile):
    """The header has too many columns or too many bytes."""


class NoRows(UnreadableFile):
    """The file has a header but no rows."""


class NotUtf8(UnreadableFile):
    """The file contains bytes that are not UTF-8."""


class OtherFormat(UnreadableFile):
    """The file has a known format other than CSV."""


class MalformedCsv(UnreadableFile):
    """Quotes or line ends violate RFC 4180, so the rows cannot be told apart."""


@dataclass(frozen=True)
class Block:
    """Some consecutive rows.

    Attributes:
        lines: for each row the line of the file, counted from 1, on which it begins.
        columns: by column, the fields of the rows that are as wide as the header.
        misfits: the fields of the other rows, by their place in the block.
    """

    lines: Sequence[int]
    columns: Sequence[Sequence[str]]
    misfits: Mapping[int, list[str]]

    def rows(self) -> Iterator[list[str]]:
        """The fields of each row, of any width."""
        fitting = map(list, zip(*self.columns, strict=True))
        for index in range(len(self.lines)):
            yield self.misfits[index] if index in self.misfits else next(fitting)


class Read(Protocol):
    """What a quick parser returned for a part of a table: the number of its rows and lines."""

    @property
    def rows(self) -> int:
        """Rows of any width."""

    @property
    def lines(self) -> int:
        """The number of lines, including blank ones."""


Quick = TypeVar("Quick", bound=Read)


class Table:
    """A CSV file that is being read: the header at once, the rows on demand.

    Attributes:
        delimiter: `,`, `;`, a tab or `|`.
        header: the names of the columns.
        rows: the fields of each row as text, of any width; iterate once over either this or `blocks`. Blank lines are
            skipped, even in a file with one column, where a missing value is written `""`. It raises NotUtf8 and
            MalformedCsv when it reaches the place, and NoRows at the end if there was no row.
        line: the line of the file, counted from 1, on which the last row from `rows` begins.
        rows_read: how many rows have been yielded.
        bytes_read: how much of the file has been read; it contains all rows yielded so far.
    """

    def __init__(
        self, chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0, delimiter: str = ""
    ) -> None:
        self.line = self.rows_read = self.bytes_read = 0
        self._lines_taken = self._lines_fed = self._bytes_before = 0
        self._waiting: deque[bytes] = deque()
        self._chunks = _whole_lines(chunks)
        header_lines = self._take_header()
        if (length := sum(map(len, header_lines))) > LARGEST_HEADER:
            raise HeaderTooLarge(
                f"The header has {length:,} bytes, more than {LARGEST_HEADER:,}. Keep the columns that are needed, "
                "and give them shorter names."
            )
        header = b"".join(header_lines).decode()
        told = None if delimiter else _SEPARATOR_LINE.match(header)
        header = header[told.end() :] if told else header
        self.delimiter = delimiter or (told[1] if told else _detect_delimiter(header))
        self.header = _check_header(next(fields for _, fields in self._read_records(header)))
        self._lines_taken, self._bytes_before = len(header_lines) + lines_before, bytes_before
        self.rows: Iterator[list[str]] = self._rows()

    def blocks(self, max_rows: int) -> Iterator[Block]:
        """The same rows, in blocks of at most `max_rows`.

        Raises:
            NotUtf8, MalformedCsv, NoRows: as `rows` does.
        """
        yield from self.stretches(max_rows, _leave)

    def stretches(self, max_rows: int, read: Callable[[bytes, int], Quick | None]) -> Iterator[Quick | Block]:
        """The same rows from a quick parser or, where it declines, in blocks of at most `max_rows`.

        Args:
            max_rows: how many rows a block may have.
            read: the quick parser. It receives bytes that begin with a row and end with a line, and the number of their
                first line. It returns the result for all of them, or None to decline; it is then tried on smaller
                pieces.
        """
        empty = True
        for data in iter(self._next_lines, None):
            quick = read(data, self._lines_taken + 1) if len(data) <= LARGEST_FIELD else None
            if quick is not None:
                empty = empty and not quick.rows
                self._lines_taken += quick.lines
                self.bytes_read += len(data)
                self.rows_read += quick.rows
                yield quick
            elif read is not _leave and len(pieces := _cut_lines(data, _PIECE_BYTES)) > 1:
                self._waiting.extendleft(reversed(pieces))
            else:
                for block in self._read_blocks(self._decode(data), max_rows):
                    empty = False
                    self.rows_read += len(block.lines)
                    yield block
        if empty:
            raise NoRows("The file has a header but no rows. Upload it with at least one row of data.")

    def _rows(self) -> Iterator[list[str]]:
        for block in self.blocks(_ROWS_AT_ONCE):
            self.rows_read -= len(block.lines)
            for self.line, row in zip(block.lines, block.rows(), strict=True):
                self.rows_read += 1
                yield row

    def _read_blocks(self, text: str, max_rows: int) -> Iterator[Block]:
        width = len(self.header)
        records = self._read_records(text)
        while taken := list(itertools.islice(records, max_rows)):
            lines, rows = zip(*taken, strict=True)
            misfits = {index: row for index, row in enumerate(rows) if len(row) != width}
            fitting = [row for row in rows if len(row) == width] if misfits else rows
            columns = list(zip(*fitting, strict=True)) if fitting else [()] * width
            yield Block(lines, columns, misfits)

    def _read_records(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """The rows of a text with their lines. If a field is still open at the end, more text is read."""
        begun_after, fed = self._lines_taken, 0

        def lines() -> Iterator[str]:
            nonlocal fed
            for piece in itertools.chain([text], map(self._decode, iter(self._next_lines, None))):
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

    def _take_header(self) -> list[bytes]:
        """The lines up to the end of the first row that is not blank; the row may contain line breaks."""
        taken: list[bytes] = []
        quotes = length = 0
        for data in iter(self._next_lines, None):
            if not taken:
                _check_format(data)
            if not taken and data.startswith(BOM_UTF8):
                self.bytes_read, data = len(BOM_UTF8), data[len(BOM_UTF8) :]
            lines = io.BytesIO(data)
            for line in lines:
                self._decode(line)
                taken.append(line)
                self._lines_fed = len(taken)
                quotes += line.count(b'"')
                length += len(line)
                if line.strip(b"\r\n") and quotes % 2 == 0 and not is_separator_line(line):
                    if rest := lines.read():
                        self._waiting.append(rest)
                    return taken
            if length > LARGEST_FIELD:
                break
        if quotes:
            raise MalformedCsv(
                "A quote in the header is not closed. Close it, or double it if it belongs to a name."
            )
        raise EmptyFile("The file is empty. Upload a CSV with a header row and at least one row of data.")

    def _next_lines(self) -> bytes | None:
        return self._waiting.popleft() if self._waiting else next(self._chunks, None)

    def _decode(self, data: bytes) -> str:
        """Whole lines, decoded: the byte of a line feed is never part of another character."""
        try:
            text = data.decode()
        except UnicodeDecodeError as error:
            # The lines of an incomplete row have been passed to the csv module, but do not count as taken.
            before = max(self._lines_taken, self._lines_fed)
            line = before + 1 + data.count(b"\n", 0, error.start)
            byte = self.bytes_read + error.start + 1 + self._bytes_before
            raise NotUtf8(
                f"The file is not UTF-8: byte {byte}, on line {line}, is not part of a "
                "character. Save the file as UTF-8."
            ) from None
        self.bytes_read += len(data)
        return text


def _leave(_data: bytes, _line: int) -> None:
    """A quick parser that declines everything."""


def read_table(
    chunks: Iterable[bytes], lines_before: int = 0, bytes_before: int = 0, delimiter: str = ""
) -> Table:
    """Begins to read a CSV file that arrives in chunks of any size, cut anywhere.

    Args:
        chunks: the file's content; or its header followed, in a new chunk, by a later part of it.
        lines_before: how many lines were skipped between the two, so that lines are counted as in the file.
        bytes_before: how many bytes were skipped.
        delimiter: of a file that Autowatch wrote, whose names may contain more of another; if empty, it is detected.

    Raises:
        EmptyFile, NoHeader, DuplicateColumns, NotUtf8, MalformedCsv: the header cannot be read.
    """
    return Table(chunks, lines_before, bytes_before, delimiter)


def _whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    begun: list[bytes] = []
    length = 0
    for chunk in chunks:
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, memoryview(chunk)[:end]])
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


def _cut_lines(data: bytes, size: int) -> list[bytes]:
    """The same bytes in pieces of whole lines, each of at least `size` bytes except the last."""
    pieces, begin = [], 0
    while begin < len(data):
        end = data.find(b"\n", begin + size) + 1 or len(data)
        pieces.append(data[begin:end])
        begin = end
    return pieces


_DELIMITERS = ",;\t|"

_SEPARATOR_LINE = re.compile(r"sep=([,;\t|])\r?\n")
"""A first line that tells spreadsheets the delimiter."""

_FORMATS = {
    b"\x1f\x8b": ("compressed by gzip", "Unpack it"),
    b"PK\x03\x04": ("an Excel workbook or a zip archive", "Save the sheet as CSV, or unpack the archive"),
    b"\xd0\xcf\x11\xe0": ("an old Excel workbook", "Save the sheet as CSV"),
    b"PAR1": ("a Parquet file", "Write the table as CSV"),
    b"%PDF": ("a PDF document", "Write the table as CSV"),
    b"\xff\xfe": ("text in UTF-16 or UTF-32", "Save it as UTF-8"),
    b"\xfe\xff": ("text in UTF-16 or UTF-32", "Save it as UTF-8"),
}


def is_separator_line(line: bytes) -> bool:
    """Whether a line, including its end, only tells spreadsheets the delimiter."""
    return _SEPARATOR_LINE.fullmatch(line.removeprefix(BOM_UTF8).decode(errors="replace")) is not None


def _check_format(data: bytes) -> None:
    for beginning, (what, remedy) in _FORMATS.items():
        if data.startswith(beginning):
            raise OtherFormat(f"The file is {what}, not CSV. {remedy}, and upload that.")


def _detect_delimiter(header: str) -> str:
    """The most frequent delimiter outside quotes; in a tie, the first of `,`, `;`, tab and `|`."""
    unquoted = _QUOTED.sub("", header)
    return max(_DELIMITERS, key=unquoted.count)


def _check_header(names: list[str]) -> tuple[str, ...]:
    if len(names) > MOST_COLUMNS:
        raise HeaderTooLarge(
            f"The first row names {len(names):,} columns, more than {MOST_COLUMNS:,}. Keep the columns that are needed."
        )
    if all(_is_number(name) for name in names):
        raise NoHeader("The first row holds numbers only. Put a row with the names of the columns above it.")
    for position, name in enumerate(names, start=1):
        if not name.strip():
            raise NoHeader(f"Column {position} has no name in the first row. Name every column there.")
    first_places: dict[str, int] = {}
    for position, name in enumerate(names, start=1):
        first = first_places.setdefault(name, position)
        if first != position:
            # Without the name: in a file without a header it is a row's value, and the reason is logged.
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
