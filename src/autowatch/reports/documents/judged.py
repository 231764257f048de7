"""The views of multiclass and regression predictions, for the gate of a run and for a day with labels."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from autowatch.evaluation.figures import Bounded, ClassTable, NumberTable
from autowatch.evaluation.measures import say_number
from autowatch.reports.text import count, number, percent

_MOST_CLASSES = 30
_SHOWN_LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


@dataclass(frozen=True)
class ClassRow:
    """The figures of one label, as texts; `cells` are its rows by predicted label."""

    label: str
    rows: str
    predicted: str
    figures: Sequence[str]
    cells: Sequence["ConfusionCell"]


@dataclass(frozen=True)
class ConfusionCell:
    """The rows with one true and one predicted label: their number, and their share of the true label's rows."""

    rows: int
    share: float
    is_right: bool


@dataclass(frozen=True)
class ClassView:
    """The labels, most rows first; `hidden` is how many are not shown."""

    classes: Sequence[ClassRow]
    hidden: int


@dataclass(frozen=True)
class GridCell:
    """A rectangle in the plot of predicted against actual numbers, in coordinates from 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    share: float
    text: str


@dataclass(frozen=True)
class BiasRow:
    """A tenth of the rows, by prediction: texts, and the positions of the bias and of its interval from 0 to 1."""

    predicted: str
    actual: str
    bias: str
    interval: str
    rows: str
    at: float
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class NumberView:
    """Predicted numbers compared with actual ones.

    Attributes:
        cells: the rows by both numbers; a cell's share is relative to the fullest cell.
        ticks: the ends and the middle of both axes, as pairs of a position from 0 to 1 and a text.
        bias: in order of the prediction.
        zero: the position of a bias of 0.
        bias_ticks: the ticks of the bias axis.
        errors: pairs of a share of the rows and the error that they do not exceed, as texts.
    """

    cells: Sequence[GridCell]
    ticks: Sequence[tuple[float, str]]
    bias: Sequence[BiasRow]
    zero: float
    bias_ticks: Sequence[tuple[float, str]]
    errors: Sequence[tuple[str, str]]


def read_classes(document: Any) -> ClassView | None:
    """Reads the table of a document; None if it is missing or malformed."""
    try:
        return class_view(msgspec.convert(document, ClassTable))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def read_numbers(document: Any) -> NumberView | None:
    """Reads the table of a document; None if it is missing or malformed."""
    try:
        return number_view(msgspec.convert(document, NumberTable))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def class_view(table: ClassTable) -> ClassView:
    """The view of the table.

    Raises:
        ValueError: its parts do not match.
    """
    places = sorted(range(len(table.classes)), key=lambda place: -table.classes[place].rows)[:_MOST_CLASSES]
    if any(len(row) != len(table.classes) for row in table.confusion) or len(table.confusion) < len(places):
        raise ValueError("the confusion matrix does not match the labels")
    rows = []
    for place in places:
        figures, counts = table.classes[place], table.confusion[place]
        total = sum(counts) or 1
        rows.append(
            ClassRow(
                label=figures.label,
                rows=count(figures.rows),
                predicted=count(figures.predicted),
                figures=[
                    _bounded(each) for each in (figures.precision, figures.recall, figures.f1, figures.auc)
                ],
                cells=[
                    ConfusionCell(counts[given], counts[given] / total, given == place) for given in places
                ],
            )
        )
    return ClassView(rows, len(table.classes) - len(places))


def _bounded(figure: Bounded | None) -> str:
    return (
        "–"
        if figure is None
        else f"{number(figure.value)} ({number(figure.lower)} to {number(figure.upper)})"
    )


def number_view(table: NumberTable) -> NumberView:
    """The view of the table.

    Raises:
        ValueError: its parts do not match.
    """
    edges = table.edges
    if any(len(row) != len(edges) - 1 for row in table.counts) or len(table.counts) != max(len(edges) - 1, 0):
        raise ValueError("the counts do not match the edges")
    figures = [*edges, *(part for pair in table.error_quantiles for part in pair)]
    figures += [part for each in table.bias for part in (each.predicted, each.actual, each.bias)]
    figures += [end for each in table.bias for end in (each.lower, each.upper) if end is not None]
    if not all(math.isfinite(figure) for figure in figures):
        raise ValueError("a figure is not finite")
    zero, ticks, at = _bias_axis(table)
    return NumberView(
        cells=_cells(table),
        ticks=_ticks(edges[0], edges[-1]) if edges else [],
        bias=[
            BiasRow(
                predicted=say_number(each.predicted),
                actual=say_number(each.actual),
                bias=_signed(each.bias),
                interval="–"
                if each.lower is None or each.upper is None
                else f"{_signed(each.lower)} to {_signed(each.upper)}",
                rows=count(each.rows),
                at=at(each.bias),
                ends=None if each.lower is None or each.upper is None else (at(each.lower), at(each.upper)),
            )
            for each in table.bias
        ],
        zero=zero,
        bias_ticks=ticks,
        errors=[
            (percent(level), _signed(error))
            for level, error in table.error_quantiles
            if round(level, 4) in _SHOWN_LEVELS
        ],
    )


def _cells(table: NumberTable) -> list[GridCell]:
    edges, most = table.edges, max((rows for line in table.counts for rows in line), default=0)
    span = edges[-1] - edges[0] if edges else 0.0
    if not most or span <= 0:
        return []
    places = [(edge - edges[0]) / span for edge in edges]
    return [
        GridCell(
            x=places[given],
            y=places[true],
            width=places[given + 1] - places[given],
            height=places[true + 1] - places[true],
            share=rows / most,
            text=f"predicted {say_number(edges[given])} to {say_number(edges[given + 1])}, "
            f"actual {say_number(edges[true])} to {say_number(edges[true + 1])}: {rows:,} rows",
        )
        for true, line in enumerate(table.counts)
        for given, rows in enumerate(line)
        if rows
    ]


def _bias_axis(table: NumberTable) -> tuple[float, list[tuple[float, str]], Callable[[float], float]]:
    """The axis for all biases and their intervals: the position of 0, the ticks, and the position of a bias."""
    found = [end for each in table.bias for end in (each.bias, each.lower, each.upper) if end is not None]
    low, high = min([0.0, *found]), max([0.0, *found])
    span = (high - low) or 1.0

    def at(value: float) -> float:
        return (value - low) / span

    ends = [(at(end), _signed(end)) for end in {low, high} if end]
    return at(0.0), [*ends, (at(0.0), "0")], at


def _ticks(low: float, high: float) -> list[tuple[float, str]]:
    return [(place, say_number(low + place * (high - low))) for place in (0.0, 0.5, 1.0)]


def _signed(value: float) -> str:
    return f"{'+' if value > 0 else ''}{say_number(value)}"
