"""Reads the registered CSV files: only the declared columns, and only as much as needed."""

import csv
import itertools
import math
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

ValueType = Literal["numerical", "categorical"]

_ROWS_TO_GUESS_TYPES = 1000


class TableUnusable(Exception):
    """Domino cannot ingest the file; the message says why."""


@dataclass(frozen=True)
class Table:
    """The kept content of a file: numbers of each numerical column, counts of each categorical one."""

    rows: int
    numbers: Mapping[str, Sequence[float]]
    categories: dict[str, Counter[str]]


def read_table(path: Path, columns: Mapping[str, ValueType]) -> Table:
    """The declared columns of a CSV file with a header row; others are ignored.

    Raises:
        TableUnusable: a declared column is missing, or this is not a UTF-8 CSV file.
    """
    numbers = {name: array("d") for name, kind in columns.items() if kind == "numerical"}
    categories: dict[str, Counter[str]] = {name: Counter() for name in columns if name not in numbers}
    rows = 0
    for row in _rows(path, columns):
        rows += 1
        for name, values in numbers.items():
            number = _number(row[name])
            if number is not None:
                values.append(number)
        for name, counts in categories.items():
            if row[name]:
                counts[row[name]] += 1
    return Table(rows, numbers, categories)


def read_pairs(path: Path, key: str, value: str | None = None) -> dict[str, str]:
    """The values of one column by those of another; for a repeated key, the last value.

    Without `value`, the file must have exactly one column besides `key`.

    Raises:
        TableUnusable: a column is missing, there are several to choose from, or this is not a UTF-8 CSV file.
    """
    pairs: dict[str, str] = {}
    for row in _rows(path, (key,) if value is None else (key, value)):
        if value is None:
            others = [name for name in row if name != key]
            if len(others) != 1:
                raise TableUnusable(f"The file has {len(others)} columns beside {key} where one is expected.")
            value = others[0]
        pairs[row[key]] = row[value]
    return pairs


def check_timestamps(path: Path, column: str) -> None:
    """Checks that every field of the declared timestamp is ISO 8601 in UTC.

    Raises:
        TableUnusable: a field is not, or the column is missing.
    """
    for number, row in enumerate(_rows(path, (column,)), 1):
        try:
            offset = datetime.fromisoformat(row[column]).utcoffset()
        except ValueError as error:
            raise TableUnusable(f"{column} of row {number} is not an ISO 8601 time.") from error
        if offset:
            raise TableUnusable(f"{column} of row {number} is not in UTC.")


def guess_columns(path: Path, without: str) -> dict[str, ValueType]:
    """Every column of a CSV file but one; numerical if its first fields are numbers.

    Raises:
        TableUnusable: the file is not a UTF-8 CSV with a header.
    """
    kinds: dict[str, ValueType] = {}
    for row in itertools.islice(_rows(path, ()), _ROWS_TO_GUESS_TYPES):
        for name, text in row.items():
            if text and (_number(text) is None or kinds.get(name) == "categorical"):
                kinds[name] = "categorical"
            elif text:
                kinds[name] = "numerical"
    return {name: kind for name, kind in kinds.items() if name != without}


def _rows(path: Path, columns: Iterable[str]) -> Iterator[dict[str, str]]:
    """The rows by column name. The delimiter is `,` or `;`, whichever the header has more often."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            header = file.readline()
            file.seek(0)
            delimiter = ";" if header.count(";") > header.count(",") else ","
            reader = csv.DictReader(file, delimiter=delimiter, restval="")
            missing = sorted(set(columns) - set(reader.fieldnames or ()))
            if missing:
                raise TableUnusable(f"The file lacks declared columns: {', '.join(missing)}.")
            yield from reader
    except (UnicodeDecodeError, csv.Error) as error:
        raise TableUnusable(f"The file is not a UTF-8 CSV: {error}.") from error


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
