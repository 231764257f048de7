"""Rows during scoring: which can be sent, how they are counted, and how they are written with their predictions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import attrgetter, sub
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from autowatch.records.arrival import Arrival
from autowatch.records.timestamps import to_text
from autowatch.scoring.columns import Layout, not_a_number, wrong_width
from autowatch.scoring.requests import Rejected
from autowatch.tabular.arrow.counts import ColumnCounter, ColumnCounts
from autowatch.tabular.arrow.fields import Column
from autowatch.tabular.arrow.lines import content_in_place, join, quoted
from autowatch.tabular.arrow.rows import Rows
from autowatch.tabular.bins import Bins, NumericBins
from autowatch.tabular.cells import PLAIN_FORM, NumberForm
from autowatch.tabular.profile import Baseline, Profile
from autowatch.tabular.sketches import EMPTY_SKETCH


@dataclass(frozen=True)
class CheckedRows:
    """Rows after the check.

    Attributes:
        rows: those that can be sent.
        rejected: the others, in the table's order.
        counts: for each checked column, the counts of the rows that can be sent.
    """

    rows: Rows
    rejected: Sequence[Rejected]
    counts: Mapping[str, ColumnCounts]


class RowChecker:
    """Finds the rows that cannot be sent, and counts the others.

    Args:
        width: how many fields a row has.
        columns: the bins of the columns to check, by their position. A numeric column must hold numbers.
    """

    def __init__(self, width: int, columns: Mapping[int, Bins]) -> None:
        self._width = width
        self._counters = {position: ColumnCounter(bins) for position, bins in columns.items()}

    def check(self, rows: Rows) -> CheckedRows:
        """Checks some rows."""
        counted = self._count(rows)
        rejected = [
            Rejected(misfit.line, misfit.number, wrong_width(len(misfit.fields), self._width), misfit.fields)
            for misfit in rows.misfits
        ]
        faulty = {position: column.faulty for position, column in counted.items() if column.faulty}
        if faulty:
            mask = _holds_any(rows, faulty)
            refused, rows = rows.where(mask), rows.where(pc.invert(mask))
            rejected = sorted([*rejected, *self._reject(refused, faulty)], key=attrgetter("line"))
            counted = {
                place: self._without(place, column, refused, rows) for place, column in counted.items()
            }
        counts = {counter.bins.name: counted[place] for place, counter in self._counters.items()}
        return CheckedRows(rows, rejected, counts)

    def _without(self, place: int, column: ColumnCounts, refused: Rows, rest: Rows) -> ColumnCounts:
        """A column's counts without the refused rows; counting these few and subtracting takes less time."""
        counter = self._counters[place]
        if column.faulty or column.sketch != EMPTY_SKETCH:
            return counter.count(rest.columns[place])
        less = counter.count(refused.columns[place]).counts
        return ColumnCounts(list(map(sub, column.counts, less)), [])

    def _count(self, rows: Rows) -> dict[int, ColumnCounts]:
        return {place: counter.count(rows.columns[place]) for place, counter in self._counters.items()}

    def _reject(self, refused: Rows, faulty: Mapping[int, Sequence[str]]) -> list[Rejected]:
        texts = {position: set(column) for position, column in faulty.items()}
        return [
            Rejected(line, number, self._reason(fields, texts), fields)
            for line, number, fields in refused.texts()
        ]

    def _reason(self, fields: Sequence[str], faulty: Mapping[int, set[str]]) -> str:
        position = next(position for position, texts in faulty.items() if fields[position] in texts)
        return not_a_number(self._counters[position].bins.name)


def columns_to_check(layout: Layout, baseline: Baseline) -> dict[int, Bins]:
    """The model's columns that are numeric or are counted, in the contract's order."""
    counted = {column.name: column for column in baseline.columns}
    columns: dict[int, Bins] = {}
    for position, name in zip(layout.features, layout.names, strict=True):
        if name in counted:
            columns[position] = counted[name]
        elif position in layout.numeric:
            form = layout.forms.get(position, PLAIN_FORM)
            columns[position] = NumericBins(name, "feature", (), (), form)
    return columns


def model_columns(columns: Sequence[Column], layout: Layout) -> list[Column]:
    """The model's columns in the contract's order, with their numbers as the model reads them."""
    return [
        plain_numbers(columns[position], layout.forms[position])
        if position in layout.forms
        else columns[position]
        for position in layout.features
    ]


def plain_numbers(column: Column, form: NumberForm) -> Column:
    """The numbers of a column with this form, as a model reads them."""
    encoded = column.dictionary_encode()
    plain = pa.array(form.plain_each(encoded.dictionary.to_pylist()), pa.string())
    return pc.take(plain, encoded.indices)


def profile_of(baseline: Baseline, rows: int, counts: Mapping[str, ColumnCounts]) -> Profile:
    """The profile of some rows, from the counts of the checked columns."""
    counted = {column.name for column in baseline.columns}
    columns = {name: tuple(column.counts) for name, column in counts.items() if name in counted}
    sketches = {name: counts[name].sketch for name in columns if not counts[name].sketch.is_empty}
    return Profile(baseline.run, baseline.bins, rows, columns, sketches)


def with_counts(profile: Profile, counts: Mapping[str, ColumnCounts]) -> Profile:
    """The profile with the counts of more columns of the same rows."""
    columns = {name: tuple(column.counts) for name, column in counts.items()}
    sketches = {name: column.sketch for name, column in counts.items() if not column.sketch.is_empty}
    return replace(profile, columns=profile.columns | columns, sketches=profile.sketches | sketches)


def no_rows(baseline: Baseline, names: Iterable[str]) -> Profile:
    """The profile of zero rows that have the columns with these names."""
    columns = {column.name: (0,) * len(column) for column in baseline.columns}
    return Profile(baseline.run, baseline.bins, 0, {name: columns[name] for name in names if name in columns})


def predictions_rows(
    arrival: Arrival, numbers: Any, lines: Column, predicted: Sequence[Column]
) -> memoryview:
    """Some rows of a predictions file, as bytes.

    Args:
        arrival: the file of the rows.
        numbers: the place of each row in the input, from 1.
        lines: its own fields as CSV.
        predicted: the columns that the model adds, beginning with its label or number.
    """
    ids = join([arrival.id_prefix, pc.cast(numbers, pa.string())], "-")
    label, *rest = predicted
    return content_in_place(join([lines, ids, quoted(label), *rest, f"{to_text(arrival.time)}\n"]))


def _holds_any(rows: Rows, faulty: Mapping[int, Sequence[str]]) -> Any:
    """For each row, whether one of its fields is among the faulty texts of its column."""
    masks = (
        pc.is_in(rows.columns[position], pa.array(texts, pa.string())) for position, texts in faulty.items()
    )
    return reduce(pc.or_, masks)
