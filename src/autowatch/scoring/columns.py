"""How a file's columns fit a contract, and which of its rows do not."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from autowatch.errors import UnreadableFile
from autowatch.records.contract import Contract
from autowatch.tabular.cells import PLAIN_FORM, NumberForm
from autowatch.tabular.csv_lines import no_formula
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
        own: what the file's own columns are called in the predictions: the target is `<target>_actual`.
        predicted: the names of the columns that the model adds.
        names: the names of the model's columns, in the contract's order. In the file they may be written with other
            spaces around them, or in another Unicode form.
        forms: how those of the numeric ones write numbers that do not write them plainly.
    """

    width: int
    features: Sequence[int]
    numeric: Mapping[int, str]
    own: Sequence[str]
    predicted: Sequence[str]
    names: Sequence[str] = ()
    forms: Mapping[int, NumberForm] = field(default_factory=dict)


def match_columns(header: Sequence[str], contract: Contract) -> Layout:
    """Finds the contract's columns in a header, by name.

    Raises:
        MissingColumns, ReservedColumns: the file cannot be scored with these columns.
    """
    names = [feature.name for feature in contract.features]
    positions = {name: position for position, name in enumerate(header)}
    positions |= _alike([name for name in names if name not in header], header, names)
    missing = [name for name in names if name not in positions]
    if missing:
        raise MissingColumns(
            f"The file lacks {_columns(missing)}, with which the model of run {contract.run} was trained."
            f"{near_misses(missing, header)} Add what is missing, under exactly these names."
        )
    reserved = [name for name in contract.reserved_columns(contract.row_id_in(header)) if name in header]
    if reserved:
        raise ReservedColumns(
            f"The file has {_columns(reserved)}, which the predictions add. Rename what is in the file."
        )
    return Layout(
        width=len(header),
        features=[positions[name] for name in names],
        numeric={positions[item.name]: item.name for item in contract.features if item.type == "numeric"},
        own=[contract.actual_column if name == contract.target else name for name in header],
        predicted=contract.prediction_columns,
        names=names,
        forms={positions[item.name]: item.form for item in contract.features if not item.form.is_plain},
    )


def check_written_names(layout: Layout) -> None:
    """Looks whether the predictions' columns still have different names when none of them is a formula.

    Raises:
        ReservedColumns: two would have the same, and no reader could tell them apart.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(map(no_formula, [*layout.own, *layout.predicted]), start=1):
        if (first := places.setdefault(name, place)) != place:
            raise ReservedColumns(
                f"Columns {first} and {place} would have the same name in the predictions, since NeutraliseFormulas "
                "puts ' before a name that begins like a formula. Rename one of them."
            )


def _alike(missing: Sequence[str], header: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The positions of columns whose names differ from the missing ones only by what nobody sees, where one alone does:
    spaces around them, zero-width characters, the Unicode form."""
    free = [position for position, name in enumerate(header) if name not in names]
    found = {}
    for name in missing:
        alike = [position for position in free if _visible(header[position]) == _visible(name)]
        if len(alike) == 1:
            found[name] = alike[0]
    return found


def near_misses(missing: Sequence[str], header: Sequence[str]) -> str:
    """A sentence for each column that differs from a missing one by capitals or by what nobody sees, in front of each a
    space; at most three. It tells the column's place: in a file without a header the names are a customer's cells."""
    places = [
        (name, position)
        for name in missing
        for position, own in enumerate(header, start=1)
        if _visible(own).casefold() == _visible(name).casefold()
    ]
    return "".join(
        f" Column {position} differs from {name!r} only by capitals, spaces or invisible characters."
        for name, position in places[:3]
    )


def _visible(name: str) -> str:
    return unicodedata.normalize("NFC", re.sub("[\u200b-\u200d\u2060\ufeff\u00ad]", "", name)).strip()


def check_block(block: Block, layout: Layout) -> dict[int, str]:
    """Why rows of a block cannot be sent to the model, by their index: the wrong number of fields, or a text where a
    number must be."""
    reasons = {index: wrong_width(len(row), layout.width) for index, row in block.misfits.items()}
    if wrong := _check_numbers(block.columns, layout):
        fitting = [index for index in range(len(block.lines)) if index not in block.misfits]
        reasons.update({fitting[place]: reason for place, reason in wrong.items()})
    return reasons


def wrong_width(fields: int, width: int) -> str:
    """Why a row with so many fields cannot be sent."""
    return f"The row has {fields} fields, the header {width}."


def not_a_number(column: str) -> str:
    """Why a row cannot be sent in which this column should hold a number."""
    return f"Column {column} does not hold a number."


def _check_numbers(columns: Sequence[Sequence[str]], layout: Layout) -> dict[int, str]:
    reasons: dict[int, str] = {}
    for position, name in layout.numeric.items():
        column = columns[position]
        form = layout.forms.get(position, PLAIN_FORM)
        wrong = {text for text in set(column) if not _can_be_read(text, form)}
        if wrong:
            for index, text in enumerate(column):
                if text in wrong:
                    reasons.setdefault(index, not_a_number(name))
    return reasons


def _can_be_read(text: str, form: NumberForm) -> bool:
    try:
        form.plain(text)
    except ValueError:
        return False
    return True


def _columns(names: Sequence[str]) -> str:
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(map(repr, names))}"
