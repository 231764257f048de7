"""The rows of a predictions file and of a rejected file, as bytes: the same whoever scored them."""

from collections.abc import Iterable, Mapping, Sequence

from autowatch.records.arrival import Arrival
from autowatch.records.contract import ID_COLUMN, PREDICTION_DATE_COLUMN
from autowatch.records.timestamps import to_text
from autowatch.tabular.csv_lines import csv_line, csv_lines


def predictions_header(output: Iterable[str]) -> bytes:
    """The header of a predictions file, from the names of the scored rows' columns (`Layout.output`)."""
    *own, label, probability = output
    names = [*own, ID_COLUMN, label, probability, PREDICTION_DATE_COLUMN]
    return "\n".join([*csv_lines([[name] for name in names]), ""]).encode()


def predictions_rows(
    arrival: Arrival, row_numbers: Sequence[int], columns: Mapping[str, Sequence[str]]
) -> bytes:
    """Some rows of a predictions file.

    Args:
        row_numbers: the place of each row among all of the input's, from 1.
        columns: for each name in `Layout.output`, in that order, the fields of these rows.
    """
    *own, labels, probabilities = columns.values()
    return predictions_lines(arrival, row_numbers, csv_lines(own, whole=False), labels, probabilities)


def predictions_lines(
    arrival: Arrival,
    row_numbers: Sequence[int],
    own: Sequence[str],
    labels: Sequence[str],
    probabilities: Sequence[str],
) -> bytes:
    """As `predictions_rows`, for rows whose own fields are lines of CSV already."""
    prefix = arrival.id_prefix
    ids = [f"{prefix}-{number}" for number in row_numbers]
    added = csv_lines([ids, labels, probabilities, [to_text(arrival.time)] * len(ids)])
    return "\n".join([*map(",".join, zip(own, added, strict=True)), ""]).encode()


def rejected_header(header: Sequence[str]) -> bytes:
    """The header of a rejected file, from the input's."""
    return _write_csv([["line", "reason", *header]])


def rejected_rows(rows: Iterable[tuple[int, str, Sequence[str]]]) -> bytes:
    """Rows of a rejected file: of each the line on which it begins, why it was rejected, and its fields."""
    return _write_csv([str(line), reason, *fields] for line, reason, fields in rows)


def _write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join(f"{csv_line(row)}\n" for row in rows).encode()
