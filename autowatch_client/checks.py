"""Checks a local file before it is uploaded, so that a mistake in it starts no run and sends no mail."""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autowatch_client.errors import FileUnfitError
from autowatch_client.nearest import nearest, suggestion
from autowatch_client.tables import Table, open_table

LARGEST_COUNTED_BYTES = 300_000_000
"""Bytes. Only the header of a larger file is checked: counting its labels here would take minutes."""

MOST_CLASSES = 100
MOST_UNCLEAR_NUMBERS = 20
"""Up to this many different numbers may be class names or amounts; more are amounts."""

_FEWEST_ROWS_OF_CLASS = 20
_FEWEST_ROWS = 500
"""The fewest rows that a model is trained on, not counting the hold-out."""


@dataclass(frozen=True)
class TrainingLook:
    """What the local check found in a training file.

    Attributes:
        classes: rows by label; None if the file was too large to count, or numbers are predicted.
        dropped: the columns of DropColumns.
        key: the column of IdColumn; empty if it is not set.
    """

    rows: int | None
    classes: Mapping[str, int] | None
    dropped: tuple[str, ...]
    key: str = ""


def check_training(path: Path, parameters: Mapping[str, str]) -> TrainingLook:
    """Checks against the stack's parameters that a run could train on a file.

    Raises:
        FileUnfitError: it could not.
    """
    table = open_table(path)
    target = parameters.get("TargetColumn", "y")
    if target not in table.header:
        raise FileUnfitError(
            f"{path} has no column {target!r} to predict (TargetColumn). {suggestion(target, table.header, 'columns')}"
        )
    _check_reserved(table, (f"{target}_actual",))
    given = next(csv.reader([parameters.get("DropColumns", "")], skipinitialspace=True), [])
    wished = [name.strip() for name in given if name.strip()]
    for name in wished:
        if name not in table.header:
            raise FileUnfitError(
                f"{path} has no column {name!r}, which DropColumns names. {suggestion(name, table.header, 'columns')}"
            )
    dropped, key = tuple(wished), parameters.get("IdColumn", "")
    if key and key not in table.header:
        raise FileUnfitError(
            f"{path} has no column {key!r}, which IdColumn names. {suggestion(key, table.header, 'columns')}"
        )
    if not set(table.header) - {target, key, *dropped}:
        raise FileUnfitError(f"{path} has no column to learn from beside {target}, IdColumn and DropColumns.")
    if path.stat().st_size > LARGEST_COUNTED_BYTES:
        return TrainingLook(None, None, dropped, key)
    values = Counter(value for value in table.column(target) if value.strip())
    is_number = _check_target(table, target, values, parameters)
    if not is_number:
        _check_reserved(table, (f"{target}_probability",))
    rows = sum(values.values())
    if rows * (1 - int(parameters.get("HoldoutPercent", "20")) / 100) < _FEWEST_ROWS:
        raise FileUnfitError(
            f"{path} has {rows:,} labelled rows. At least {_FEWEST_ROWS} are needed besides the hold-out: add rows."
        )
    return TrainingLook(rows, None if is_number else values, dropped, key)


def check_scoring(path: Path, contract: Mapping[str, Any]) -> Table:
    """Checks by a file's header that the model in force could score it.

    Raises:
        FileUnfitError: it could not.
    """
    table = open_table(path)
    features = [feature["name"] for feature in contract["features"]]
    missing = [name for name in features if name not in table.header]
    if missing:
        spare = [name for name in table.header if name not in features]
        hints = [f"{like} for {name}" for name in missing if (like := nearest(name, spare))]
        hint = f" Did you mean {', '.join(hints)}?" if hints else ""
        raise FileUnfitError(
            f"{path} lacks {_listed(missing)}, which the model in force (run {contract['run']}) needs.{hint}"
        )
    target = contract["target"]
    probability = f"{target}_probability"
    each = contract["labels"] if contract.get("probability_of_each_class") else ()
    of_labels = (probability, *(f"{probability}_{label}" for label in each)) if contract["labels"] else ()
    _check_reserved(table, (*of_labels, f"{target}_actual"))
    return table


def check_labels(path: Path, contract: Mapping[str, Any], key: str) -> tuple[Table, str]:
    """The table, and which of its columns contains the labels.

    Args:
        key: the column that identifies the row of each label: our ids, or the user's own key.

    Raises:
        FileUnfitError: a column is missing, or no row has a label that the model knows.
    """
    table = open_table(path)
    target = contract["target"]
    if key not in table.header:
        more = (
            "" if key != contract.get("row_id", "id") else " To join by a column of your own: --key COLUMN."
        )
        raise FileUnfitError(
            f"{path} has no column {key!r} to join by. {suggestion(key, table.header, 'columns')}{more}"
        )
    candidates = [f"{target}_actual", "label"]
    if not {f"{target}_probability", "prediction_date"}.intersection(table.header):
        candidates.append(target)
    column = next((name for name in candidates if name in table.header), None)
    if column is None:
        raise FileUnfitError(
            f"{path} has no column with labels. Call it {' or '.join(candidates)}; its columns are "
            f"{', '.join(table.header[:8])}."
        )
    found = Counter(table.column(column))
    known = contract["labels"]
    if known and not any(found[label] for label in known):
        raise FileUnfitError(
            f"No row of {path} has a label that the model knows. None of the {len(found):,} different values of "
            f"{column} is {' or '.join(known)}. Labels are compared to the letter."
        )
    return table, column


def _check_target(table: Table, target: str, values: Counter[str], parameters: Mapping[str, str]) -> bool:
    """Checks the target's values, and returns whether they are numbers to predict.

    A wrong column may contain names or amounts, so messages count its values and do not quote them.
    """
    wanted = parameters.get("ProblemType", "auto")
    if len(values) < 2:
        held = "one value alone" if values else "nothing"
        raise FileUnfitError(f"{table.path}: the target {target} holds {held}. Two labels are needed.")
    if wanted == "binary" and len(values) > 2:
        raise FileUnfitError(
            f"{table.path}: the target {target} has {len(values):,} different values, and ProblemType is binary. Set "
            "it to auto, or name a column with two labels in TargetColumn."
        )
    if wanted == "multiclass" and len(values) == 2:
        raise FileUnfitError(
            f"{table.path}: the target {target} has two different values, and ProblemType is multiclass. Set it to "
            "auto or binary."
        )
    if wanted == "regression" and not any(any(map(str.isdigit, value)) for value in values):
        raise FileUnfitError(
            f"{table.path}: the target {target} holds no number, and ProblemType is regression. Set it to auto, or "
            "name a column with numbers in TargetColumn."
        )
    if wanted == "auto" and 2 < len(values) <= MOST_UNCLEAR_NUMBERS and are_numbers(values):
        raise FileUnfitError(
            f"{table.path}: the target {target} has {len(values)} different numbers. They may be the names of classes, "
            "or amounts: set ProblemType to multiclass or regression."
        )
    if wanted == "regression" or (wanted == "auto" and len(values) > 2 and _may_be_numbers(values)):
        return True
    _check_labels(table, target, values, parameters.get("PositiveLabel", ""))
    return False


def _check_labels(table: Table, target: str, values: Counter[str], positive: str) -> None:
    if len(values) > MOST_CLASSES:
        raise FileUnfitError(
            f"{table.path}: the target {target} has {len(values):,} different values, and at most {MOST_CLASSES} "
            "labels can be told apart. Name another column in TargetColumn."
        )
    rare = sum(rows < _FEWEST_ROWS_OF_CLASS for rows in values.values())
    if len(values) > 2 and rare:
        raise FileUnfitError(
            f"{table.path}: the target {target} has {len(values)} different values, and {rare} of them stand in fewer "
            f"than {_FEWEST_ROWS_OF_CLASS} rows, as slips do. Correct these rows, or add more of their kind."
        )
    if positive and positive not in values:
        raise FileUnfitError(
            f"{table.path}: no row has the positive label {positive!r} (PositiveLabel). "
            f"{suggestion(positive, values, 'labels')}"
        )


def _may_be_numbers(values: Mapping[str, int]) -> bool:
    """Whether nearly all texts contain a digit. The stack reads more number formats than `float` does."""
    return (
        sum(any(map(str.isdigit, value)) for value in values)
        > 0.95 * len(values)
        > 0.95 * MOST_UNCLEAR_NUMBERS
    )


def are_numbers(values: Mapping[str, int]) -> bool:
    """Whether all these texts are plain numbers."""
    try:
        for value in values:
            float(value)
    except ValueError:
        return False
    return True


def _check_reserved(table: Table, of_target: tuple[str, ...]) -> None:
    ours = "autowatch_id" if "id" in table.header else "id"
    for name in (ours, "prediction_date", *of_target):
        if name in table.header:
            raise FileUnfitError(
                f"{table.path} has the column {name}, a name that predictions files add. Rename it."
            )


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - 6} more" if len(names) > 6 else ""
    return f"the column{'s' if len(names) > 1 else ''} {', '.join(names[:6])}{more}"
