"""Reads a local CSV file before it is uploaded: its header, its delimiter, its rows."""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from autowatch_client.errors import FileUnfitError

_HEADER_CHARACTERS = 1_000_000
_OTHER_FORMATS = {".gz", ".zip", ".bz2", ".xz", ".zst", ".xlsx", ".xls", ".parquet", ".feather"}
_QUOTED = re.compile(r'"[^"]*"')


@dataclass(frozen=True)
class Table:
    """A CSV file whose header was read."""

    path: Path
    header: tuple[str, ...]
    delimiter: str

    def rows(self) -> Iterator[list[str]]:
        """The rows below the header, without blank lines.

        Raises:
            FileUnfitError: a row has another number of fields, or the file is not UTF-8.
        """
        with self.path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, delimiter=self.delimiter)
            try:
                next(reader)
                for row in reader:
                    if row and len(row) != len(self.header):
                        raise FileUnfitError(
                            f"{self.path}, line {reader.line_num}: {len(row)} fields where the header has "
                            f"{len(self.header)}. Quote fields that hold a {self.delimiter!r}."
                        )
                    if row:
                        yield row
            except UnicodeDecodeError as error:
                raise _not_utf8(self.path) from error
            except csv.Error as error:
                raise FileUnfitError(f"{self.path}, line {reader.line_num}: not a CSV ({error}).") from error

    def column(self, name: str) -> Iterator[str]:
        """The values of one column."""
        place = self.header.index(name)
        return (row[place] for row in self.rows())


def open_table(path: Path) -> Table:
    """Reads a file's header.

    Raises:
        FileUnfitError: the file does not exist, or is not a UTF-8 CSV with a header.
    """
    if path.is_dir():
        raise FileUnfitError(f"{path} is a folder. Name the files in it: {path}/*.csv.")
    if not path.is_file():
        near = sorted(item.name for item in path.parent.glob("*.csv")) if path.parent.is_dir() else []
        there = f" There: {', '.join(near[:5])}." if near else ""
        raise FileUnfitError(f"There is no file {path}.{there}")
    if path.suffix.lower() in _OTHER_FORMATS:
        raise FileUnfitError(
            f"{path} is a {path.suffix} file, not a CSV. Write it as an unpacked CSV and upload that."
        )
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = file.read(_HEADER_CHARACTERS)
    except UnicodeDecodeError as error:
        raise _not_utf8(path) from error
    except PermissionError as error:
        raise FileUnfitError(f"You may not read {path}. Change its permissions.") from error
    if not text.strip():
        raise FileUnfitError(f"{path} is empty. It needs a header and at least one row.")
    line = text.lstrip("\r\n").splitlines()[0]
    delimiter = max(",;\t|", key=_QUOTED.sub("", line).count)
    header = tuple(next(csv.reader([line], delimiter=delimiter)))
    _check_header(path, header)
    if len(text.splitlines()) < 2 and len(text) < _HEADER_CHARACTERS:
        raise FileUnfitError(f"{path} has a header and no rows.")
    return Table(path, header, delimiter)


def write_table(
    path: Path, header: Sequence[str], rows: Iterator[Sequence[str]] | Sequence[Sequence[str]]
) -> None:
    """Writes a CSV as Autowatch reads it: UTF-8, `,`, line feeds."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


def _check_header(path: Path, header: tuple[str, ...]) -> None:
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise FileUnfitError(f"{path} has the column {twice[0]!r} more than once. Rename one of them.")
    if "" in header:
        raise FileUnfitError(f"{path}: column {header.index('') + 1} has no name. Give it one in the header.")


def _not_utf8(path: Path) -> FileUnfitError:
    return FileUnfitError(
        f"{path} is not UTF-8. Convert it: iconv -f WINDOWS-1252 -t UTF-8 {path} > converted.csv"
    )
