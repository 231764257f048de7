"""Whether predictions are worse than allowed, in a way that chance does not explain."""

import math
from dataclasses import dataclass

from autowatch.evaluation.auc import auc_estimate_of_counts
from autowatch.evaluation.figures import Bounded
from autowatch.monitoring.quality.measures import MeasuredQuality
from autowatch.records.decision import GateDecision
from autowatch.records.verdicts import QualityVerdict


@dataclass(frozen=True)
class QualityRules:
    """When predictions are worse than allowed.

    Attributes:
        minimum_auc: the floor, the gate's.
        max_auc_drop: by how much the AUC may be below the gate's.
        min_labels: fewer labelled rows give no verdict.
        min_of_class: nor do fewer rows of either class.
    """

    minimum_auc: float
    max_auc_drop: float
    min_labels: int
    min_of_class: int = 10


@dataclass(frozen=True)
class QualityJudgement:
    """The verdict, and a sentence for each reason why it is not `good`."""

    verdict: QualityVerdict
    reasons: tuple[str, ...]


def judge_quality(
    measured: MeasuredQuality, gate: GateDecision | None, rules: QualityRules
) -> QualityJudgement:
    """Judges labelled rows by their AUC.

    It is below the floor when all of its 95 % interval is. It is too far below the gate's when all of the 95 %
    interval of the difference exceeds the drop allowed; that interval is put together from those of both figures
    (MOVER, Zou and Donner 2008), since the gate's comes from a sample, too.

    Args:
        gate: the decision on the model that made the predictions; None if it was not kept: the floor is judged alone.
    """
    negatives = measured.rows - measured.positives
    auc = measured.metrics["auc"]
    too_few = measured.rows < rules.min_labels or min(measured.positives, negatives) < rules.min_of_class
    if too_few or not isinstance(auc, Bounded):
        return QualityJudgement("not enough labels", (_say_too_few(measured, rules),))
    reasons = []
    if auc.upper < rules.minimum_auc:
        reasons.append(f"{_say(auc, measured.rows)} is below the floor of {rules.minimum_auc:g}.")
    if gate is not None:
        drop = _drop(auc, gate)
        if drop.lower > rules.max_auc_drop:
            reasons.append(
                f"{_say(auc, measured.rows)} is {drop.value:.4f} below the gate's {gate.metrics['auc']:.4f}, "
                f"at least {drop.lower:.4f}, and {rules.max_auc_drop:g} is allowed."
            )
    return QualityJudgement("worse" if reasons else "good", tuple(reasons))


def _drop(auc: Bounded, gate: GateDecision) -> Bounded:
    """The gate's AUC less the one measured."""
    at_gate = _gate_auc(gate)
    drop = at_gate.value - auc.value
    return Bounded(
        drop,
        drop - math.hypot(at_gate.value - at_gate.lower, auc.upper - auc.value),
        drop + math.hypot(at_gate.upper - at_gate.value, auc.value - auc.lower),
    )


def _gate_auc(gate: GateDecision) -> Bounded:
    """The gate's figure with its interval; without one where the gate did not keep how many rows were positive."""
    auc = gate.metrics["auc"]
    curve = gate.challenger.calibration if gate.challenger else ()
    positives = round(sum(point.observed * point.rows for point in curve))
    negatives = sum(point.rows for point in curve) - positives
    if min(positives, negatives) < 2:
        return Bounded(auc, auc, auc)
    return auc_estimate_of_counts(auc, positives, negatives)


def _say(auc: Bounded, rows: int) -> str:
    return f"AUC {auc.value:.4f} ({auc.lower:.4f} to {auc.upper:.4f}) on {rows:,} labelled rows"


def _say_too_few(measured: MeasuredQuality, rules: QualityRules) -> str:
    return (
        f"Labelled rows: {measured.rows:,}, of them positive: {measured.positives:,}. A verdict takes "
        f"{rules.min_labels:,}, and {rules.min_of_class} of either class."
    )
