"""The view of a run's gate: checks, measures, and the points of the curves."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from autowatch.evaluation.figures import CalibrationPoint
from autowatch.evaluation.measures import MEASURES, Measure, say_number
from autowatch.records.decision import Check, GateDecision, JudgedModel, to_decision
from autowatch.reports.documents.judged import ClassView, NumberView, class_view, number_view
from autowatch.reports.run.threshold import ThresholdView, threshold_view
from autowatch.reports.text import percent

Kind = Literal["challenger", "champion"]

_SMALLEST_RADIUS, _LARGEST_RADIUS = 2.5, 7.0


_Z = 1.959964
"""The normal quantile of a two-sided interval of 95 %."""


@dataclass(frozen=True)
class Dot:
    """A point of the calibration curve with its interval; the area grows with the number of rows."""

    at: tuple[float, float]
    lower: float
    upper: float
    rows: int
    radius: float
    text: str


@dataclass(frozen=True)
class Curves:
    """One model's curves, in coordinates from 0 to 1; `lift` is that of the tenth with the highest probabilities."""

    name: str
    kind: Kind
    auc: float | None
    calibration_error: float | None
    roc: Sequence[tuple[float, float]]
    calibration: Sequence[Dot]
    gain: Sequence[tuple[float, float]]
    lift: float | None


@dataclass(frozen=True)
class GateMeasure:
    """A measure of each model as text, and the index of the better one; None if they are equal or there is only one."""

    name: str
    note: str
    values: Sequence[str]
    best: int | None


@dataclass(frozen=True)
class CheckRow:
    """A check of the gate: the measured value, the limit, and the result in a sentence."""

    name: str
    value: str
    limit: str
    passed: bool
    message: str


@dataclass(frozen=True)
class GateView:
    """The gate's measures and decision.

    Attributes:
        decisive: the measure by which models are compared.
        champion: the run of the champion in the comparison.
        classes, numbers: the views of multiclass and of regression predictions.
    """

    decisive: str
    decisive_value: str
    floor: str
    rows: int
    reason: str
    note: str | None
    interval: str
    champion: str | None
    checks: Sequence[CheckRow]
    models: Sequence[str]
    measures: Sequence[GateMeasure]
    curves: Sequence[Curves]
    threshold: ThresholdView | None
    classes: ClassView | None
    numbers: NumberView | None


def gate_view(document: dict[str, Any]) -> GateView:
    """The view of the gate's record.

    Raises:
        KeyError, ValueError: the document has an unknown form.
    """
    decision = to_decision(document)
    judged: list[tuple[Kind, JudgedModel]] = []
    if decision.challenger:
        judged.append(("challenger", decision.challenger))
    if decision.champion:
        judged.append(("champion", decision.champion))
    models = [model for _, model in judged]
    challenger = decision.challenger
    value = decision.metrics.get(decision.decided_by)
    floors = _floors(decision)
    return GateView(
        decisive=_measure_of(decision.decided_by).words,
        decisive_value="–" if value is None else _figure(decision.decided_by, value),
        floor=", ".join(f"{_measure_of(name).words} {least:g}" for name, least in floors.items()),
        rows=decision.rows,
        reason=decision.reason,
        note=decision.champion_skipped,
        interval=_interval(decision),
        champion=decision.champion.run if decision.champion else None,
        checks=_checks(decision, floors),
        models=[kind.capitalize() for kind, _ in judged] or ["Challenger"],
        measures=_measures(
            [model.metrics for model in models] or [decision.metrics],
            [model.intervals for model in models],
        )
        + _lift(models)
        + _latency(models),
        curves=[_curves(model, kind, _most_rows(models)) for kind, model in judged],
        threshold=threshold_view(decision),
        classes=class_view(challenger.classes) if challenger and challenger.classes else None,
        numbers=number_view(challenger.numbers) if challenger and challenger.numbers else None,
    )


def _measure_of(name: str) -> Measure:
    return MEASURES.get(name, Measure(name.replace("_", " ")))


def _figure(name: str, value: float) -> str:
    return say_number(value) if _measure_of(name).in_units else f"{value:.4f}"


def _floors(decision: GateDecision) -> dict[str, float]:
    if decision.floors or decision.minimum_auc is None:
        return decision.floors
    return {"auc": decision.minimum_auc}


def _most_rows(models: Sequence[JudgedModel]) -> int:
    return max((point.rows for model in models for point in model.calibration), default=1)


def _checks(decision: GateDecision, floors: dict[str, float]) -> list[CheckRow]:
    left = iter(floors.items())
    return [_check(check, decision, left) for check in decision.checks]


def _check(check: Check, decision: GateDecision, floors: Iterator[tuple[str, float]]) -> CheckRow:
    """The row of a check, with the value and the limit from the decision."""
    value, limit = "–", check.limit or "–"
    name, comparison, challenger = check.name, decision.comparison, decision.challenger
    if check.name == "floor" and (floor := next(floors, None)):
        measured, least = floor
        figure = decision.metrics.get(measured)
        name = f"{_measure_of(measured).words} on the hold-out"
        value = "–" if figure is None else _figure(measured, figure)
        limit = f"at least {least:g}"
    elif check.name == "champion" and comparison:
        name = f"{_measure_of(comparison.measure).words} minus the champion's"
        value = _difference(comparison.measure, comparison.difference)
    elif check.name == "latency" and challenger:
        name, value = "Median batch", f"{challenger.latency.median_seconds:.2f} s"
    return CheckRow(name, value, limit, check.passed, check.message)


def _difference(measure: str, value: float) -> str:
    return f"{value:+.1%}" if _measure_of(measure).lower_is_better else f"{value:+.4f}"


def _interval(decision: GateDecision) -> str:
    comparison = decision.comparison
    if comparison is None:
        return ""
    low, high = (_difference(comparison.measure, end) for end in (comparison.lower, comparison.upper))
    return (
        f"{_measure_of(comparison.measure).words} of the challenger minus the champion's: "
        f"{_difference(comparison.measure, comparison.difference)}, between {low} and {high}, each end with "
        f"{100 * comparison.confidence:g} % confidence (paired bootstrap, {comparison.rows:,} rows)."
    )


def _measures(
    metrics: Sequence[dict[str, float]], intervals: Sequence[dict[str, tuple[float, float]]]
) -> list[GateMeasure]:
    return [
        _measure(
            name,
            [model[name] for model in metrics if name in model],
            [each.get(name) for each in intervals],
        )
        for name in metrics[0]
    ]


def _measure(
    name: str, values: Sequence[float], intervals: Sequence[tuple[float, float] | None] = ()
) -> GateMeasure:
    measure = _measure_of(name)
    best = None
    if len(set(values)) > 1:
        best = values.index(min(values) if measure.lower_is_better else max(values))
    texts = [_figure(name, value) for value in values]
    for place, interval in enumerate(intervals[: len(texts)]):
        if interval:
            texts[place] += f" ({_figure(name, interval[0])} to {_figure(name, interval[1])})"
    note = "lower is better" if measure.lower_is_better else ""
    return GateMeasure(measure.words, note, texts, best)


def _lift(models: Sequence[JudgedModel]) -> list[GateMeasure]:
    lifts = [model.lift_of_tenth for model in models if model.lift_of_tenth is not None]
    return [_measure("lift_of_the_best_tenth", lifts)] if lifts else []


def _latency(models: Sequence[JudgedModel]) -> list[GateMeasure]:
    if not models:
        return []
    latencies = [model.latency for model in models]
    return [
        GateMeasure("seconds a batch", "median", [f"{each.median_seconds:.2f}" for each in latencies], None),
        GateMeasure("seconds a batch", "worst", [f"{each.worst_seconds:.2f}" for each in latencies], None),
    ]


def _curves(model: JudgedModel, kind: Kind, most_rows: int) -> Curves:
    return Curves(
        name=kind.capitalize(),
        kind=kind,
        auc=model.metrics.get("auc"),
        calibration_error=model.metrics.get("calibration_error"),
        roc=model.roc,
        calibration=[_dot(point, most_rows) for point in model.calibration],
        gain=model.gain,
        lift=model.lift_of_tenth,
    )


def _dot(point: CalibrationPoint, most_rows: int) -> Dot:
    lower, upper = _wilson(point.observed, point.rows)
    return Dot(
        at=(point.predicted, point.observed),
        lower=lower,
        upper=upper,
        rows=point.rows,
        radius=round(max(_SMALLEST_RADIUS, _LARGEST_RADIUS * sqrt(point.rows / most_rows)), 1),
        text=f"predicted {percent(point.predicted)}, came true {percent(point.observed)} "
        f"({percent(lower)} to {percent(upper)}), {point.rows:,} rows",
    )


def _wilson(share: float, rows: int) -> tuple[float, float]:
    """Wilson's interval, as in `share_estimate`, which needs scipy; the states that write the page lack it."""
    if rows < 1:
        return share, share
    centre = (share + _Z**2 / (2 * rows)) / (1 + _Z**2 / rows)
    half = _Z / (1 + _Z**2 / rows) * sqrt(max(share * (1 - share), 0.0) / rows + (_Z / (2 * rows)) ** 2)
    return max(0.0, centre - half), min(1.0, centre + half)
