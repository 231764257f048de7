"""What the page of a training run shows of the gate: checks, measures, and the points of the curves."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Literal

from autowatch.records.decision import GateDecision, JudgedModel, to_decision
from autowatch.reports.run.threshold import ThresholdView, threshold_view

_LOWER_IS_BETTER = ("log_loss", "brier", "calibration_error")
_NAMES = {"auc": "AUC", "f1": "F1", "log_loss": "log loss", "brier": "Brier score"}
Kind = Literal["challenger", "champion"]

_SMALLEST_RADIUS, _LARGEST_RADIUS = 2.5, 7.0


@dataclass(frozen=True)
class Dot:
    """A point of the calibration curve; the area grows with the number of rows."""

    at: tuple[float, float]
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
    """A measure of each model, and which of them is better; None where they are equal or there is one alone."""

    name: str
    note: str
    values: Sequence[float]
    best: int | None


@dataclass(frozen=True)
class CheckRow:
    """A question that the gate asked. `passed` is None for a figure that decides nothing by itself."""

    name: str
    passed: bool | None
    message: str


@dataclass(frozen=True)
class GateView:
    """What the gate measured and decided; `auc` is the challenger's, on so many `rows`."""

    auc: float
    minimum_auc: float
    rows: int
    note: str | None
    checks: Sequence[CheckRow]
    models: Sequence[str]
    measures: Sequence[GateMeasure]
    curves: Sequence[Curves]
    threshold: ThresholdView | None


def gate_view(document: dict[str, Any]) -> GateView:
    """The gate's record as the page shows it.

    Raises:
        KeyError, ValueError: the document is none that this version knows.
    """
    decision = to_decision(document)
    judged: list[tuple[Kind, JudgedModel]] = []
    if decision.challenger:
        judged.append(("challenger", decision.challenger))
    if decision.champion:
        judged.append(("champion", decision.champion))
    models = [model for _, model in judged]
    return GateView(
        auc=decision.metrics["auc"],
        minimum_auc=decision.minimum_auc or 0.0,
        rows=decision.rows,
        note=decision.champion_skipped,
        checks=_checks(decision),
        models=[kind.capitalize() for kind, _ in judged] or ["Challenger"],
        measures=_measures([model.metrics for model in models] or [decision.metrics])
        + _lift(models)
        + _latency(models),
        curves=[_curves(model, kind, _most_rows(models)) for kind, model in judged],
        threshold=threshold_view(decision),
    )


def _most_rows(models: Sequence[JudgedModel]) -> int:
    return max((point.rows for model in models for point in model.calibration), default=1)


def _checks(decision: GateDecision) -> list[CheckRow]:
    checks = [CheckRow(check.name, check.passed, check.message) for check in decision.checks]
    if comparison := decision.comparison:
        checks.append(
            CheckRow(
                "interval",
                None,
                f"AUC of the challenger less the champion's: {comparison.difference:+.4f}, between "
                f"{comparison.lower:+.4f} and {comparison.upper:+.4f}, each end with "
                f"{100 * comparison.confidence:g} % confidence (paired bootstrap, {comparison.rows:,} rows).",
            )
        )
    return checks


def _measures(metrics: Sequence[dict[str, float]]) -> list[GateMeasure]:
    challenger = metrics[0]
    return [
        _measure(name, [model[name] for model in metrics if name in model], name not in _LOWER_IS_BETTER)
        for name in challenger
    ]


def _measure(name: str, values: Sequence[float], higher_is_better: bool) -> GateMeasure:
    best = None
    if len(set(values)) > 1:
        best = values.index(max(values) if higher_is_better else min(values))
    note = "" if higher_is_better else "lower is better"
    return GateMeasure(_NAMES.get(name, name.replace("_", " ")), note, values, best)


def _lift(models: Sequence[JudgedModel]) -> list[GateMeasure]:
    lifts = [model.lift_of_tenth for model in models if model.lift_of_tenth is not None]
    return [_measure("lift of the best tenth", lifts, True)] if lifts else []


def _latency(models: Sequence[JudgedModel]) -> list[GateMeasure]:
    if not models:
        return []
    latencies = [model.latency for model in models]
    return [
        GateMeasure("seconds a batch", "median", [latency.median_seconds for latency in latencies], None),
        GateMeasure("seconds a batch", "worst", [latency.worst_seconds for latency in latencies], None),
    ]


def _curves(model: JudgedModel, kind: Kind, most_rows: int) -> Curves:
    return Curves(
        name=kind.capitalize(),
        kind=kind,
        auc=model.metrics.get("auc"),
        calibration_error=model.metrics.get("calibration_error"),
        roc=model.roc,
        calibration=[
            Dot(
                at=(point.predicted, point.observed),
                radius=round(max(_SMALLEST_RADIUS, _LARGEST_RADIUS * sqrt(point.rows / most_rows)), 1),
                text=f"predicted {point.predicted:.3f}, came true {point.observed:.3f}, {point.rows:,} rows",
            )
            for point in model.calibration
        ],
        gain=model.gain,
        lift=model.lift_of_tenth,
    )
