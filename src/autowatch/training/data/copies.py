"""Near copies: rows that differ only in columns that identify the row or give the day of its export."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from autowatch.records.contract import Contract
from autowatch.records.holdout import HoldoutRule
from autowatch.tabular.cells import MISSING
from autowatch.tabular.repeated import RepeatedRows
from autowatch.training.data.columns import ColumnSurvey

_NAMES_ROWS = 0.9
"""A column of texts or whole numbers identifies rows if at least this share of its values is distinct."""

_DATE = re.compile(r"\s*(?:[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{1,2}[./][0-9]{1,2}[./][0-9]{4})(?:[T ].*)?")
_WHOLE = re.compile(r"\s*[-+]?[0-9]+(?:\.0*)?\s*")
_NEARLY_ALL = 0.95

_MOST_COLUMNS = 6
_FEWEST_ROWS = 10
_SMALLEST_SHARE = 0.01
_TIMES_CHANCE = 10.0
"""Near copies must exceed chance by this factor: columns depend on each other, so more rows agree than by chance."""


@dataclass(frozen=True)
class NearCopies:
    """How many rows equal an earlier row in all columns except these; an estimate if not `is_exact`."""

    rows: int
    columns: tuple[str, ...]
    is_exact: bool

    def warning(self, rows: int, id_column: str) -> str:
        """The warning about the copies in a file with this number of rows."""
        names, about = " and ".join(map(repr, self.columns)), "" if self.is_exact else "About "
        remedy = (
            f"Remove the copies, or leave the parameter IdColumn empty and add {names} to DropColumns"
            if id_column in self.columns
            else f"Add {names} to the parameter DropColumns, or remove the copies; if another column identifies "
            "the rows, set the parameter IdColumn to that column"
        )
        return (
            f"{about}{self.rows:,} of {rows:,} rows are copies of an earlier row: they differ from it only in "
            f"{names}. Copies are both in the rows to train on and in the hold-out, so that the gate's figures flatter "
            f"the model. {remedy}. Then train again."
        )


def copies_by_time(duplicates: int, rows: int, rule: HoldoutRule) -> list[str]:
    """The warning about exact copies if rows are held out by time, where no digest keeps copies in one part."""
    if rule.by != "newest" or duplicates < max(_FEWEST_ROWS, _SMALLEST_SHARE * rows):
        return []
    return [
        f"{duplicates:,} of {rows:,} rows are exact copies of an earlier row. Since rows are held out by time, copies "
        "may be both in the rows to train on and in the hold-out, which flatters the model. If they repeat cases, "
        "remove them and train again."
    ]


class NearCopiesFinder:
    """Looks for near copies block by block, in bounded memory.

    Counts the rows that repeat an earlier one without each column that identifies rows, and without all of these.
    """

    def __init__(
        self, surveys: Mapping[str, ColumnSurvey], contract: Contract, header: Sequence[str], rows: int
    ) -> None:
        names = [feature.name for feature in contract.features]
        names += [contract.id_column] if contract.id_column else []
        naming = [name for name in names if name == contract.id_column or _names_rows(surveys[name])]
        naming = sorted(naming, key=lambda name: -surveys[name].distinct)[:_MOST_COLUMNS]
        left_out = [(name,) for name in naming] + ([tuple(naming)] if len(naming) > 1 else [])
        self._rows = rows
        self._chances = {name: _agreement(surveys[name].texts) for name in [*names, contract.target]}
        self._counts = {names: RepeatedRows() for names in left_out and [(), *left_out]}
        self._kept = {
            names: [place for place, name in enumerate(header) if name in self._chances and name not in names]
            for names in self._counts
        }

    def add(self, columns: Sequence[Sequence[str]]) -> None:
        """Adds rows, column by column in the header's order."""
        for names, counts in self._counts.items():
            kept = [columns[place] for place in self._kept[names]]
            counts.add(map(hash, zip(*kept, strict=True)))

    def found(self) -> NearCopies | None:
        """The fewest columns without which the most rows are copies; None if chance explains their number."""
        if not self._counts:
            return None
        exact = self._counts[()].count()
        near = {names: counts.count() - exact for names, counts in self._counts.items() if names}
        names = max(near, key=lambda each: (near[each], -len(each)))
        rows = near[names]
        if rows < max(_FEWEST_ROWS, _SMALLEST_SHARE * self._rows, _TIMES_CHANCE * self._by_chance(names)):
            return None
        return NearCopies(rows, names, self._counts[names].is_exact)

    def _by_chance(self, left_out: tuple[str, ...]) -> float:
        """How many pairs of rows would agree in the other columns if these were independent."""
        agree = prod(chance for name, chance in self._chances.items() if name not in left_out)
        return self._rows * (self._rows - 1) / 2 * agree


def _names_rows(survey: ColumnSurvey) -> bool:
    present = {text: times for text, times in survey.texts.items() if text not in MISSING}
    if not present:
        return False
    if survey.type == "categorical" and _share(present, _DATE) >= _NEARLY_ALL:
        return True
    if survey.distinct < _NAMES_ROWS * sum(present.values()):
        return False
    return survey.type == "categorical" or _share(present, _WHOLE) >= _NEARLY_ALL


def _share(texts: Mapping[str, int], pattern: re.Pattern[str]) -> float:
    return sum(times for text, times in texts.items() if pattern.fullmatch(text)) / sum(texts.values())


def _agreement(texts: Mapping[str, int]) -> float:
    """The chance that two rows have the same text."""
    total = sum(texts.values())
    return sum((times / total) ** 2 for times in texts.values())
