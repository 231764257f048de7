"""Rows as lines of CSV, in bulk, and fields that no spreadsheet takes for a formula."""

import re
from collections.abc import Sequence

_SPECIAL = (",", '"', "\n", "\r")

FORMULA_BEGINS = ("=", "@", "+", "-", "\t", "\r", "\n", "＝", "＠", "＋", "－")
"""The characters by which a spreadsheet recognises a formula (OWASP, CSV injection)."""

SIGNED_NUMBER = "[+-](?:(?:[0-9.,' %$€£()\u00a0\u202f-]|[eE][+-]?[0-9])*|(?i:inf|infinity|nan))"
"""Texts that begin like a formula but are signed numbers. Python's regular expressions and Arrow's agree on it."""

_SIGNED_NUMBER = re.compile(SIGNED_NUMBER)


def no_formula(field: str) -> str:
    """The field, with a `'` before it if a spreadsheet would take it for a formula. Idempotent."""
    return f"'{field}" if field.startswith(FORMULA_BEGINS) and not _SIGNED_NUMBER.fullmatch(field) else field


def csv_lines(columns: Sequence[Sequence[str]], whole: bool = True) -> list[str]:
    """One line of RFC 4180 CSV for each row, without its line end; fields are quoted only if necessary.

    A row with a single empty field becomes `""`, since parsers skip a blank line.

    Args:
        columns: for each column the fields of all rows.
        whole: whether these are all columns; False if more will be added.
    """
    alone = whole and len(columns) == 1
    lines = _join(columns)
    if _needs_no_quotes(lines, len(columns), alone):
        return lines
    return _join([_quote_column(column, alone) for column in columns])


def csv_line(fields: Sequence[str]) -> str:
    """One row as `csv_lines` writes it, for rows of different widths.

    The csv module of Python 3.11 leaves a carriage return unquoted if lines end in a line feed only.
    """
    return csv_lines([[field] for field in fields])[0]


def split_lines(text: str) -> list[str]:
    """Splits text into the lines that `csv_lines` made; line breaks in quotes are kept."""
    parts = text.removesuffix("\n").split("\n") if text else []
    if '"' not in text:
        return parts
    lines: list[str] = []
    begun: list[str] = []
    quoted = False
    for part in parts:
        begun.append(part)
        quoted ^= part.count('"') % 2 == 1
        if not quoted:
            lines.append("\n".join(begun))
            begun = []
    return lines


def _join(columns: Sequence[Sequence[str]]) -> list[str]:
    return list(map(",".join, zip(*columns, strict=True)))


def _needs_no_quotes(lines: list[str], columns: int, alone: bool) -> bool:
    # Counting in the joined text takes a hundredth of the time of checking each field.
    text = "\n".join(lines)
    return (
        text.count(",") == len(lines) * (columns - 1)
        and text.count("\n") == max(len(lines) - 1, 0)
        and '"' not in text
        and "\r" not in text
        and (not alone or all(lines))
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
