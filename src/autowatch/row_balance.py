"""The balance of a file's rows, which must be right before anything is committed."""

from autowatch.errors import AutowatchError
from autowatch.table import UnreadableFile


class TooManyRejected(UnreadableFile):
    """More of the file's rows cannot be scored than is allowed."""


class RowsLost(AutowatchError):
    """The rows that came out are not as many as went in: a defect, so nothing is committed."""


def check_balance(rows_in: int, scored: int, rejected: int) -> None:
    """Raises RowsLost unless every row that went in was scored or rejected."""
    if scored + rejected != rows_in:
        raise RowsLost(
            f"{rows_in} rows went in, {scored} were scored and {rejected} rejected. Nothing was committed."
        )


def check_rejected(
    rows_in: int, rejected: int, max_percent: float, first_line: int, first_reason: str
) -> None:
    """Raises TooManyRejected if more than `max_percent` of the rows were rejected.

    Args:
        first_line: on which the first rejected row begins; without a meaning if there is none.
        first_reason: why it was rejected, in words that quote nothing of it.
    """
    if rejected * 100 > max_percent * rows_in:
        raise TooManyRejected(
            f"{rejected} of {rows_in} rows cannot be scored, more than the {max_percent:g} % that "
            f"MaxRejectedPercent allows. The first is on line {first_line}: {first_reason}"
        )
