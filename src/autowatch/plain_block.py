"""The quick way to read a block of CSV that is as plain as nearly all CSV is."""

from typing import NamedTuple


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
