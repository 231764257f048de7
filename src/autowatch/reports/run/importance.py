"""The view of a run's column importance."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from autowatch.evaluation.measures import MEASURES
from autowatch.records.importance import ColumnImportance, ModelImportance

_MOST_SHOWN = 30


@dataclass(frozen=True)
class UsedColumn:
    """One column: its share of the model's use, its bar as a share of the longest, and its value with interval."""

    name: str
    share: float
    bar: float
    value: str


@dataclass(frozen=True)
class ImportanceView:
    """The columns that the model uses, most important first.

    Attributes:
        hidden: the number of columns that are not shown.
        unused: the number of columns without a share.
        how: the method, in words.
        values: the heading of the values.
    """

    columns: Sequence[UsedColumn]
    hidden: int
    unused: int
    how: str
    values: str


def importance_view(document: Any) -> ImportanceView:
    """The view of a run's `importance.json`.

    Raises:
        KeyError, ValueError: the document has an unknown form.
    """
    found = msgspec.convert(document, ModelImportance)
    used = [column for column in found.columns if column.share]
    longest = max((column.share for column in used), default=1.0)
    shown = [
        UsedColumn(column.name, column.share, column.share / longest, _value(column))
        for column in used[:_MOST_SHOWN]
    ]
    return ImportanceView(
        columns=shown,
        hidden=len(used) - len(shown),
        unused=len(found.columns) - len(used),
        how=_how(found),
        values=_heading(found),
    )


def _heading(found: ModelImportance) -> str:
    if found.method != "permutation":
        return "SHAP value"
    measure = MEASURES[found.measure]
    return f"{'Rise' if measure.lower_is_better else 'Loss'} of {measure.words}"


def _value(column: ColumnImportance) -> str:
    if column.lower is None or column.upper is None:
        return f"{column.value:.4g}"
    return f"{column.value:.4g} ({column.lower:.4g} to {column.upper:.4g})"


def _how(found: ModelImportance) -> str:
    if found.method == "autopilot":
        return (
            "From Autopilot's explanation of the model: each column's mean absolute SHAP value, as a share of the sum "
            "over all columns."
        )
    if found.method is None:
        return f"It is not known which columns the model uses. {found.note}"
    return (
        f"Measured on {found.rows or 0:,} hold-out rows: what the model loses when the values of one column are "
        "shuffled among the rows, as a share of the losses of all columns. Columns with the same information replace "
        f"each other, so each looks less important than it is. {found.note}"
    )
