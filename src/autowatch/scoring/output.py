"""Headers of predictions and rejected files, and rows of the latter, as bytes for both ways of scoring."""

from collections.abc import Iterable, Sequence

from autowatch.records.contract import PREDICTION_DATE_COLUMN
from autowatch.tabular.csv_lines import csv_line, csv_lines, no_formula


def predictions_header(
    own: Iterable[str], row_id: str, predicted: Iterable[str], neutralise: bool = False
) -> bytes:
    """The header of a predictions file: the input's own columns, Autowatch's ids, the model's columns.

    With `neutralise` the names are written as in a rejected file.
    """
    written = no_formula if neutralise else str
    names = [*map(written, own), row_id, *map(written, predicted), PREDICTION_DATE_COLUMN]
    return "\n".join([*csv_lines([[name] for name in names]), ""]).encode()


def rejected_header(header: Sequence[str]) -> bytes:
    """The header of a rejected file, from the input's; names are changed in the same way as fields."""
    return _write_csv([["line", "reason", *map(no_formula, header)]])


def rejected_rows(rows: Iterable[tuple[int, str, Sequence[str]]]) -> bytes:
    """Rows of a rejected file: the line on which each begins, why it was rejected, and its fields.

    People open such a file in a spreadsheet, so a field that it would take for a formula begins with `'` here.
    """
    return _write_csv([str(line), reason, *map(no_formula, fields)] for line, reason, fields in rows)


def _write_csv(rows: Iterable[Sequence[str]]) -> bytes:
    return "".join(f"{csv_line(row)}\n" for row in rows).encode()
