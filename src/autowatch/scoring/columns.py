"""How a file's columns fit a contract, and which of its rows do not."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from autowatch.errors import UnreadableFile
from autowatch.records.contract import Contract, reserved_columns
from autowatch.tabular.cells import missing_values
from autowatch.tabular.table import Block


class MissingColumns(UnreadableFile):
    """The table lacks columns that the model was trained with."""


class ReservedColumns(UnreadableFile):
    """The table has columns under names that the predictions need."""


@dataclass(frozen=True)
class Layout:
    """Where the contract's columns stand in a file.

    Attributes:
        width: how many fields a row has.
        features: the positions of the model's columns, in the contract's order.
        numeric: the positions of those among them that hold numbers, with their names.
        output: the names of the columns of the scored rows: the file's own in their order (the target under
            `<target>_actual`), then `<target>` and `<target>_probability`.
    """

    width: int
    features: Sequence[int]
    numeric: Mapping[int, str]
    output: Sequence[str]


def match_columns(header: Sequence[str], contract: Contract) -> Layout:
    """Finds the contract's columns in a header, by name.

    Raises:
        MissingColumns, ReservedColumns: the file cannot be scored with these columns.
    """
    names = [feature.name for feature in contract.features]
    missing = [name for name in names if name not in header]
    if missing:
        raise MissingColumns(
            f"The file lacks {_columns(missing)}, with which the model of run {contract.run} was trained. "
            "Add what is missing, under exactly these names."
        )
    reserved = [name for name in reserved_columns(contract.target) if name in header]
    if reserved:
        raise ReservedColumns(
            f"The file has {_columns(reserved)}, which the predictions add. Rename what is in the file."
        )
    positions = {name: position for position, name in enumerate(header)}
    own = [contract.actual_column if name == contract.target else name for name in header]
    return Layout(
        width=len(header),
        features=[positions[name] for name in names],
        numeric={positions[item.name]: item.name for item in contract.features if item.type == "numeric"},
        output=[*own, contract.target, contract.probability_column],
    )


def check_rows(rows: Sequence[Sequence[str]], layout: Layout) -> dict[int, str]:
    """Why rows cannot be sent to the model, by their index: the wrong number of fields, or a number that is none."""
    misfits = {index: row for index, row in enumerate(rows) if len(row) != layout.width}
    fitting = [row for row in rows if len(row) == layout.width] if misfits else rows
    return _check(len(rows), list(zip(*fitting, strict=True)), misfits, layout)


def check_block(block: Block, layout: Layout) -> dict[int, str]:
    """As `check_rows`, for the rows of a block."""
    return _check(len(block.lines), block.columns, block.misfits, layout)


def _check(
    rows: int, columns: Sequence[Sequence[str]], misfits: Mapping[int, Sequence[str]], layout: Layout
) -> dict[int, str]:
    reasons = {
        index: f"The row has {len(row)} fields, the header {layout.width}." for index, row in misfits.items()
    }
    if columns and (wrong := _check_numbers(columns, layout)):
        fitting = [index for index in range(rows) if index not in misfits]
        reasons.update({fitting[place]: reason for place, reason in wrong.items()})
    return reasons


def _check_numbers(columns: Sequence[Sequence[str]], layout: Layout) -> dict[int, str]:
    # Each text is looked at once, and all together: nearly all columns are without fault.
    reasons: dict[int, str] = {}
    for position, name in layout.numeric.items():
        column = columns[position]
        texts = set(column) - missing_values("numeric")
        if _are_numbers(texts):
            continue
        wrong = {text for text in texts if not _are_numbers((text,))}
        for index, text in enumerate(column):
            if text in wrong:
                reasons.setdefault(index, f"Column {name} does not hold a number.")
    return reasons


def _columns(names: Sequence[str]) -> str:
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _are_numbers(texts: Iterable[str]) -> bool:
    """Whether all are finite decimal numbers. It may say no to very large ones together, never to one alone."""
    joined = "".join(texts)
    try:
        # Python reads 1_000 and the digits of every script, the model's reader does not.
        return joined.isascii() and "_" not in joined and math.isfinite(sum(map(float, texts)))
    except ValueError:
        return False
