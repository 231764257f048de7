"""How a file's columns match a contract, and which of its rows cannot be scored."""

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
    """The table lacks columns on which the model was trained."""


class ReservedColumns(UnreadableFile):
    """The table has columns with names that the predictions need."""


@dataclass(frozen=True)
class Layout:
    """The positions of the contract's columns in a file.

    Attributes:
        width: how many fields a row has.
        features: the positions of the model's columns, in the contract's order.
        numeric: the positions of the numeric ones among them, with their names.
        own: the names of the file's own columns in the predictions: the target is `<target>_actual`.
        predicted: the names of the columns that the model adds.
        names: the names of the model's columns, in the contract's order. In the file they may have other surrounding
            spaces or another Unicode form.
        forms: the number forms of numeric columns whose numbers are not plain.
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
            f"The file lacks {_columns(missing)}, on which the model of run {contract.run} was trained."
            f"{near_misses(missing, header)} Add what is missing under exactly these names."
        )
    reserved = [name for name in contract.reserved_columns(contract.row_id_in(header)) if name in header]
    if reserved:
        raise ReservedColumns(
            f"The file has {_columns(reserved)}, which the predictions add. Rename them in the file."
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
    """Checks that the predictions' columns still have distinct names when formulas in them are neutralised.

    Raises:
        ReservedColumns: two columns would have the same name.
    """
    places: dict[str, int] = {}
    for place, name in enumerate(map(no_formula, [*layout.own, *layout.predicted]), start=1):
        if (first := places.setdefault(name, place)) != place:
            raise ReservedColumns(
                f"Columns {first} and {place} would have the same name in the predictions, since NeutraliseFormulas "
                "puts ' before a name that begins like a formula. Rename one of them."
            )


def _alike(missing: Sequence[str], header: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """The positions of columns that differ from the missing ones only invisibly, by the missing name.

    That is, by surrounding spaces, zero-width characters or the Unicode form. A name that several columns match is left
    out.
    """
    free = [position for position, name in enumerate(header) if name not in names]
    found = {}
    for name in missing:
        alike = [position for position in free if _visible(header[position]) == _visible(name)]
        if len(alike) == 1:
            found[name] = alike[0]
    return found


def near_misses(missing: Sequence[str], header: Sequence[str]) -> str:
    """A sentence, after a space, for each of at most three columns that nearly match a missing one.

    They differ only in capitals or invisibly. The sentence gives the column's place, not its name: in a file without a
    header the names are a customer's cells.
    """
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
    """Why rows of a block cannot be sent, by their index: the wrong number of fields, or a text in a numeric column."""
    reasons = {index: wrong_width(len(row), layout.width) for index, row in block.misfits.items()}
    if wrong := _check_numbers(block.columns, layout):
        fitting = [index for index in range(len(block.lines)) if index not in block.misfits]
        reasons.update({fitting[place]: reason for place, reason in wrong.items()})
    return reasons


def wrong_width(fields: int, width: int) -> str:
    """Why a row with this many fields cannot be sent."""
    return f"The row has {fields} fields, the header {width}."


def not_a_number(column: str) -> str:
    """Why a row cannot be sent in which this column is not a number."""
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
