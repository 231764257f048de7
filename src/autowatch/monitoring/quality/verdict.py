"""Whether predictions are worse than allowed by more than chance explains."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from autowatch.evaluation.auc import auc_estimate_of_counts
from autowatch.evaluation.figures import Bounded, Estimate
from autowatch.evaluation.measures import MEASURES, MEASURES_OF, Floors, say_number
from autowatch.monitoring.quality.measures import MeasuredQuality
from autowatch.records.decision import GateDecision
from autowatch.records.verdicts import QualityVerdict


@dataclass(frozen=True)
class QualityRules(Floors):
    """When predictions are worse than allowed: below the gate's floors, or too far below the gate's figures.

    Attributes:
        max_auc_drop: by how much the AUC may be below the gate's. In multiclass problems it applies to the macro AUC,
            or to the balanced accuracy if predictions do not have a probability for each label.
        min_labels: with fewer labelled rows there is no verdict.
        min_of_class: classes with fewer rows are left out of the verdict.
        max_error_rise_percent: in regression, by how many percent the error may exceed the gate's.
    """

    max_auc_drop: float
    min_labels: int
    min_of_class: int = 10
    max_error_rise_percent: float = 20.0


@dataclass(frozen=True)
class Judged:
    """The figure that a verdict rests on: a name in `MEASURES`, its value, and the gate's value if it was kept."""

    measure: str
    figure: Bounded
    gate: float | None


@dataclass(frozen=True)
class QualityJudgement:
    """The verdict, a sentence for each reason why it is not `good`, and its basis; None without a verdict."""

    verdict: QualityVerdict
    reasons: tuple[str, ...]
    judged: Judged | None = None


def judge_quality(
    measured: MeasuredQuality, gate: GateDecision | None, rules: QualityRules
) -> QualityJudgement:
    """Judges labelled rows against the floors and against the gate's figure.

    Predictions are below a floor if the whole 95 % interval is. They are too far below the gate's figure if the whole
    95 % interval of the difference exceeds the allowed drop. Since the gate's figure also comes from a sample, this
    interval combines those of both figures (MOVER, Zou and Donner 2008). Errors use the interval of the ratio, by the
    same method on the log scale. If the labels do not determine the gate's measure, the next one of the type is judged.

    Args:
        gate: the decision on the model that made the predictions; None if it was not kept: only the floors are judged.
    """
    choices = (gate.decided_by if gate else "", *MEASURES_OF[measured.problem_type].decides)
    name = next((each for each in choices if each in measured.deciding), None)
    if measured.rows < rules.min_labels or name is None:
        return QualityJudgement("not enough labels", (_say_too_few(measured, rules),))
    figure, at_gate = measured.deciding[name], _at_gate(name, gate, measured)
    reasons = [
        f"{_say(floored, bounded, measured)} is below the floor of {floor:g}."
        for floored, floor in rules.floors(measured.problem_type).items()
        if isinstance(bounded := _figures(measured).get(floored), Bounded) and bounded.upper < floor
    ]
    if at_gate is not None:
        judge = _judge_rise if MEASURES[name].lower_is_better else _judge_drop
        too_far = judge(figure, at_gate, rules)
        reasons += [f"{_say(name, figure, measured)} is {too_far}"] if too_far else []
    judged = Judged(name, figure, at_gate.value if at_gate else None)
    return QualityJudgement("worse" if reasons else "good", tuple(reasons), judged)


def _figures(measured: MeasuredQuality) -> Mapping[str, Estimate | None]:
    return measured.metrics | measured.deciding


def _judge_drop(figure: Bounded, gate: Bounded, rules: QualityRules) -> str:
    drop = gate.value - figure.value
    least = drop - math.hypot(gate.value - gate.lower, figure.upper - figure.value)
    if least <= rules.max_auc_drop:
        return ""
    return f"{drop:.4f} below the gate's {gate.value:.4f}, at least {least:.4f}, and {rules.max_auc_drop:g} is allowed."


def _judge_rise(figure: Bounded, gate: Bounded, rules: QualityRules) -> str:
    if figure.lower <= 0:
        return ""
    if gate.upper <= 0 or gate.value <= 0:
        return "above the gate's, which was 0."
    rise = math.log(figure.value / gate.value)
    least = rise - math.hypot(math.log(figure.value / figure.lower), math.log(gate.upper / gate.value))
    if math.expm1(least) * 100 <= rules.max_error_rise_percent:
        return ""
    return (
        f"{math.expm1(rise):.1%} above the gate's {say_number(gate.value)}, at least {math.expm1(least):.1%}, and "
        f"{rules.max_error_rise_percent:g} % is allowed."
    )


def known_classes(gate: GateDecision | None) -> tuple[int, ...] | None:
    """In multiclass problems, the indexes of the classes for which the gate has figures; None if all may be judged."""
    table = gate.challenger.classes if gate and gate.challenger else None
    if table is None:
        return None
    return tuple(place for place, each in enumerate(table.classes) if each.auc and each.recall)


def _at_gate(name: str, gate: GateDecision | None, measured: MeasuredQuality) -> Bounded | None:
    """The gate's figure with its interval; the interval has no width if the gate did not keep its basis."""
    if gate is None or name not in gate.metrics:
        return None
    value, model = gate.metrics[name], gate.challenger
    if name == "auc":
        return _auc_at_gate(gate)
    if model and model.classes and measured.judged != known_classes(gate):
        # For some of the classes: their figures are not independent, so the interval is the mean of theirs.
        of_class = "auc" if name == "macro_auc" else "recall"
        each = [getattr(model.classes.classes[place], of_class) for place in measured.judged]
        return Bounded(*(sum(getattr(item, end) for item in each) / len(each) for end in _ENDS))
    lower, upper = model.intervals.get(name, (value, value)) if model else (value, value)
    return Bounded(value, lower, upper)


_ENDS = ("value", "lower", "upper")


def _auc_at_gate(gate: GateDecision) -> Bounded:
    auc = gate.metrics["auc"]
    curve = gate.challenger.calibration if gate.challenger else ()
    positives = round(sum(point.observed * point.rows for point in curve))
    negatives = sum(point.rows for point in curve) - positives
    if min(positives, negatives) < 2:
        return Bounded(auc, auc, auc)
    return auc_estimate_of_counts(auc, positives, negatives)


def _say(name: str, figure: Bounded, measured: MeasuredQuality) -> str:
    measure = MEASURES[name]
    ends = (say_number(end) if measure.in_units else f"{end:.4f}" for end in (figure.lower, figure.upper))
    text = f"{measure.say(figure.value)} ({' to '.join(ends)}) on {measured.rows:,} labelled rows"
    left_out = len(measured.of_class) - len(measured.judged)
    if measured.problem_type == "multiclass" and left_out and name in measured.deciding:
        text += (
            f", over the {len(measured.judged)} of {len(measured.of_class)} labels that have enough of them,"
        )
    return text


def _say_too_few(measured: MeasuredQuality, rules: QualityRules) -> str:
    return _SHORTAGES[measured.problem_type](measured, rules)


def _too_few_of_two(measured: MeasuredQuality, rules: QualityRules) -> str:
    return (
        f"Labelled rows: {measured.rows:,}, of them positive: {measured.of_class[1]:,}. A verdict needs "
        f"{rules.min_labels:,}, and {rules.min_of_class} of either class."
    )


def _too_few_of_several(measured: MeasuredQuality, rules: QualityRules) -> str:
    enough = sum(count >= rules.min_of_class for count in measured.of_class)
    return (
        f"Labelled rows: {measured.rows:,}; {enough} labels have {rules.min_of_class} of them. A verdict needs "
        f"{rules.min_labels:,}, and {rules.min_of_class} of each of two labels."
    )


def _too_few_numbers(measured: MeasuredQuality, rules: QualityRules) -> str:
    return f"Labelled rows: {measured.rows:,}. A verdict needs {rules.min_labels:,}."


_SHORTAGES: Mapping[str, Callable[[MeasuredQuality, QualityRules], str]] = {
    "binary": _too_few_of_two,
    "multiclass": _too_few_of_several,
    "regression": _too_few_numbers,
}
