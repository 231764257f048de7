"""What pages show of predictions of several labels and of numbers: of a run at the gate, and of a day with labels."""

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
    """How well one label is predicted, as texts; `cells` are the rows of it by the label that they got."""

    label: str
    rows: str
    predicted: str
    figures: Sequence[str]
    cells: Sequence["ConfusionCell"]


@dataclass(frozen=True)
class ConfusionCell:
    """Rows with one true label that got one label: how many, and as a share of all with this true label."""

    rows: int
    share: float
    is_right: bool


@dataclass(frozen=True)
class ClassView:
    """The labels with the most rows first; `hidden` are not shown."""

    classes: Sequence[ClassRow]
    hidden: int


@dataclass(frozen=True)
class GridCell:
    """A rectangle of the picture of predicted against actual numbers, in coordinates from 0 to 1."""

    x: float
    y: float
    width: float
    height: float
    share: float
    text: str


@dataclass(frozen=True)
class BiasRow:
    """A tenth of the rows by their prediction: in texts, and where its bias and the ends of that lie from 0 to 1."""

    predicted: str
    actual: str
    bias: str
    interval: str
    rows: str
    at: float
    ends: tuple[float, float] | None


@dataclass(frozen=True)
class NumberView:
    """How predicted numbers lie against those that came true.

    Attributes:
        cells: the rows by both numbers; the share is that of the fullest cell.
        ticks: the ends of both axes and their middle, as pairs of a place from 0 to 1 and a text.
        bias: by rising prediction; `zero` is where no bias lies, `bias_ticks` are those of that axis.
        errors: pairs of a share of the rows and the error that it does not exceed, as texts.
    """

    cells: Sequence[GridCell]
    ticks: Sequence[tuple[float, str]]
    bias: Sequence[BiasRow]
    zero: float
    bias_ticks: Sequence[tuple[float, str]]
    errors: Sequence[tuple[str, str]]


def read_classes(document: Any) -> ClassView | None:
    """The table of a document, in whichever form; None where there is none in this form."""
    try:
        return class_view(msgspec.convert(document, ClassTable))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def read_numbers(document: Any) -> NumberView | None:
    """As `read_classes`."""
    try:
        return number_view(msgspec.convert(document, NumberTable))
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def class_view(table: ClassTable) -> ClassView:
    """The table as pages show it.

    Raises:
        ValueError: its parts do not belong together.
    """
    places = sorted(range(len(table.classes)), key=lambda place: -table.classes[place].rows)[:_MOST_CLASSES]
    if any(len(row) != len(table.classes) for row in table.confusion) or len(table.confusion) < len(places):
        raise ValueError("the confusion matrix has another size than the labels")
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
    """The table as pages show it.

    Raises:
        ValueError: its parts do not belong together.
    """
    edges = table.edges
    if any(len(row) != len(edges) - 1 for row in table.counts) or len(table.counts) != max(len(edges) - 1, 0):
        raise ValueError("the counts have another size than the edges")
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
    """Where 0 lies on an axis that holds all biases with their intervals, its ticks, and where a bias lies."""
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
