"""The view of a run's decision threshold, its effect, and the trade-off at other thresholds."""

from collections.abc import Sequence
from dataclasses import dataclass

from autowatch.evaluation.figures import Confusion, TradeOffPoint
from autowatch.records.decision import GateDecision, JudgedModel

_WIDTHS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
"""Possible ends of the threshold axis: if the positive label is rare, no probability is close to 1."""


@dataclass(frozen=True)
class TradeOffLine:
    """One figure against the threshold, in coordinates from 0 to 1."""

    name: str
    points: Sequence[tuple[float, float]]


@dataclass(frozen=True)
class ThresholdView:
    """How the challenger's rows get their labels.

    Attributes:
        value: the lowest probability at which a row is positive; None if the model chooses the label.
        origin: how it was chosen, in words.
        flatters: whether it was chosen on the rows that are shown, so that their figures are optimistic.
        confusion: the rows by true and predicted label.
        gives_no_positive_label: whether every row gets the negative label.
        champion: the champion's threshold, in words; empty if it was not judged.
        lines: of the trade-off.
        width: the threshold at the right end of the picture.
    """

    value: float | None
    origin: str
    flatters: bool
    confusion: Confusion
    gives_no_positive_label: bool
    champion: str
    lines: Sequence[TradeOffLine]
    width: float

    @property
    def place(self) -> float | None:
        """The threshold's position in the picture, from 0 to 1; None if it lies outside."""
        return None if self.value is None or self.value > self.width else self.value / self.width


def threshold_view(decision: GateDecision) -> ThresholdView | None:
    """The view of the threshold; None for decisions of versions without thresholds."""
    challenger = decision.challenger
    if challenger is None or challenger.confusion is None:
        return None
    threshold, curve = challenger.threshold, decision.trade_off
    highest = max((point.threshold for point in curve), default=1.0)
    width = next(width for width in _WIDTHS if width >= highest)
    return ThresholdView(
        value=threshold.value if threshold else None,
        origin=threshold.origin if threshold else "",
        flatters=threshold is not None and threshold.chosen_by != "parameter",
        confusion=challenger.confusion,
        gives_no_positive_label=challenger.gives_no_positive_label,
        champion=_place_of(decision.champion) if decision.champion else "",
        lines=_lines(curve, width),
        width=width,
    )


def _place_of(model: JudgedModel) -> str:
    return f"positive from {model.threshold.value:.6g}" if model.threshold else "the model's own"


def _lines(curve: Sequence[TradeOffPoint], width: float) -> list[TradeOffLine]:
    figures = {
        "precision": [point.precision for point in curve],
        "recall": [point.recall for point in curve],
        "F1": [point.f1 for point in curve],
    }
    costs = [point.cost for point in curve if point.cost is not None]
    if costs:
        highest = max(costs) or 1.0
        figures[f"cost (at most {highest:.4g} a row)"] = [cost / highest for cost in costs]
    across = [point.threshold / width for point in curve]
    return [
        TradeOffLine(name, list(zip(across, line, strict=True))) for name, line in figures.items() if line
    ]
