"""What the gate decided of a run, kept with it for the states behind the gate and for people.

The states behind the gate have no numpy.
"""

from dataclasses import dataclass, field
from typing import Any

import msgspec

from autowatch.aws.objects import Bucket, DocumentMalformed
from autowatch.evaluation.figures import (
    CalibrationPoint,
    ClassTable,
    Comparison,
    Confusion,
    NumberTable,
    TradeOffPoint,
)
from autowatch.records.keys import decision_key
from autowatch.records.problem import ProblemType
from autowatch.records.threshold import DecisionThreshold


@dataclass(frozen=True)
class Check:
    """One question that the gate asked, and the answer with its figures in a sentence.

    `limit` is what was allowed, in words; empty in the decisions of earlier versions.
    """

    name: str
    passed: bool
    message: str
    limit: str = ""


@dataclass(frozen=True)
class Latency:
    """How many batches were scored, and the seconds that they took, waits for a busy endpoint included."""

    batches: int
    median_seconds: float
    worst_seconds: float


@dataclass(frozen=True)
class JudgedModel:
    """One model on the hold-out.

    Attributes:
        run: the run that made it.
        rows: how many rows of the hold-out it scored.
        metrics: those of the type of problem; see `MEASURES_OF`.
        roc: points (false positive rate, true positive rate) from (0, 0) to (1, 1); none but of two labels.
        calibration: the points of the calibration curve; none of numbers.
        latency: of the batches.
        threshold: from which probability on it gives the positive label; None where the label is the model's own.
        confusion: the rows by their true label and the one that they get when this model serves; None in the decisions
            of earlier versions.
        gain: points (share of the rows, by falling probability; share of the positive rows among them) from (0, 0) to
            (1, 1); empty in the decisions of earlier versions.
        lift_of_tenth: how many times as many positive rows the tenth with the highest probabilities holds as a tenth
            drawn at random; None in those decisions.
        intervals: of the metrics, between what they lie with 95 % confidence; empty of two labels.
        classes: of several labels, how well each is predicted.
        numbers: of numbers, where they are too high or too low.
    """

    run: str
    rows: int
    metrics: dict[str, float]
    roc: tuple[tuple[float, float], ...]
    calibration: tuple[CalibrationPoint, ...]
    latency: Latency
    threshold: DecisionThreshold | None = None
    confusion: Confusion | None = None
    gain: tuple[tuple[float, float], ...] = ()
    lift_of_tenth: float | None = None
    intervals: dict[str, tuple[float, float]] = field(default_factory=dict)
    classes: ClassTable | None = None
    numbers: NumberTable | None = None

    @property
    def gives_no_positive_label(self) -> bool:
        """Whether every row gets the other label, as far as is known."""
        found = self.confusion
        return found is not None and found.true_positives + found.false_positives == 0


@dataclass(frozen=True)
class GateDecision:
    """What `models/<run>/gate.json` holds.

    Attributes:
        run: the run whose model was judged.
        passed: whether every check passed.
        reason: why, in words fit for a notification.
        minimum_auc: the floor of two labels; None of other types.
        rows: how many rows the hold-out has.
        metrics: the challenger's.
        checks: what was asked.
        challenger: all about the challenger.
        champion: the same about the champion; None if it was not judged.
        champion_skipped: why it was not; None if it was.
        comparison: of the two; None if the champion was not judged.
        unseen_rows: how many rows of the hold-out the champion was not trained on either: the comparison takes no
            others; None where that is not known, and it takes all.
        trade_off: what other thresholds would mean for the challenger, by rising threshold.
        approval: why a person must approve the release; None where nobody needs to.
        problem_type: what is predicted.
        decided_by: the measure by which the two are compared and days are judged, a name in `MEASURES`.
        floors: the least that each of some measures must be; empty in the decisions of earlier versions.
    """

    run: str
    passed: bool
    reason: str
    minimum_auc: float | None
    rows: int
    metrics: dict[str, float]
    checks: tuple[Check, ...] = ()
    challenger: JudgedModel | None = None
    champion: JudgedModel | None = None
    champion_skipped: str | None = None
    comparison: Comparison | None = None
    unseen_rows: int | None = None
    trade_off: tuple[TradeOffPoint, ...] = ()
    approval: str | None = None
    problem_type: ProblemType = "binary"
    decided_by: str = "auc"
    floors: dict[str, float] = field(default_factory=dict)


def write_decision(bucket: Bucket, run: str, decision: GateDecision) -> None:
    """Keeps the decision with the run."""
    bucket.write_json(decision_key(run), decision)


def read_decision(bucket: Bucket, run: str) -> GateDecision:
    """The decision on the run.

    Raises:
        ObjectMissing: the gate has not decided.
        DocumentMalformed: a field is missing or of another type.
    """
    key = decision_key(run)
    try:
        return to_decision(bucket.read_json(key))
    except msgspec.ValidationError as error:
        raise DocumentMalformed(
            f"{bucket.url(key)} cannot be read: {error}. Restore its earlier version."
        ) from error


def to_decision(document: dict[str, Any]) -> GateDecision:
    """The decision that a `gate.json` holds, whichever version wrote it.

    Raises:
        msgspec.ValidationError: a field is missing or of another type.
    """
    comparison = document.get("comparison")
    if isinstance(comparison, dict) and "challenger_auc" in comparison:
        # Earlier versions compared AUCs alone.
        aucs = {model: comparison[f"{model}_auc"] for model in ("challenger", "champion")}
        document = document | {"comparison": comparison | aucs}
    return msgspec.convert(document, GateDecision)
