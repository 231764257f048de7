"""The gate's decision on a run, stored with it for later states and for people.

The states after the gate have no numpy.
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
    """One question that the gate asked, and a sentence with the answer and its figures.

    `limit` is the permitted value, in words; empty in decisions by earlier versions.
    """

    name: str
    passed: bool
    message: str
    limit: str = ""


@dataclass(frozen=True)
class Latency:
    """How many batches were scored, and the seconds that they took, including waits for a busy endpoint."""

    batches: int
    median_seconds: float
    worst_seconds: float


@dataclass(frozen=True)
class JudgedModel:
    """One model on the hold-out.

    Attributes:
        run: the run that made it.
        rows: how many rows of the hold-out it scored.
        metrics: those of the problem type; see `MEASURES_OF`.
        roc: points (false positive rate, true positive rate) from (0, 0) to (1, 1); empty except for two labels.
        calibration: the points of the calibration curve; empty for numbers.
        latency: of the batches.
        threshold: the lowest probability at which a row gets the positive label; None if the model itself chooses the
            label.
        confusion: the rows by their true label and the label that they get when this model serves; None in decisions by
            earlier versions.
        gain: points (share of the rows, by falling probability; share of the positive rows among them) from (0, 0) to
            (1, 1); empty in decisions by earlier versions.
        lift_of_tenth: how many times as many positive rows are in the tenth with the highest probabilities as in a
            random tenth; None in decisions by earlier versions.
        intervals: the metrics' 95 % confidence intervals; empty for two labels.
        classes: with several labels, how well each is predicted.
        numbers: for numbers, where they are too high or too low.
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
        """Whether no row gets the positive label, as far as is known."""
        found = self.confusion
        return found is not None and found.true_positives + found.false_positives == 0


@dataclass(frozen=True)
class GateDecision:
    """What `models/<run>/gate.json` holds.

    Attributes:
        run: the run whose model was judged.
        passed: whether every check passed.
        reason: why, in words that suit a notification.
        minimum_auc: the lowest AUC that passes, for two labels; None for other types.
        rows: how many rows the hold-out has.
        metrics: the challenger's.
        checks: the questions and answers.
        challenger: the challenger on the hold-out.
        champion: the champion on the hold-out; None if it was not judged.
        champion_skipped: why it was not; None if it was.
        comparison: challenger against champion; None if the champion was not judged.
        unseen_rows: how many rows of the hold-out the champion was not trained on: only these are compared; None where
            that is unknown and all rows are compared.
        trade_off: the challenger's precision, recall and cost at other thresholds, in ascending order.
        approval: why a person must approve the release; None if no approval is needed.
        problem_type: what is predicted.
        decided_by: the measure for comparing the two and for judging days; a name in `MEASURES`.
        floors: the lowest value at which a measure passes, by measure; empty in decisions by earlier versions.
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
    """Stores the decision with the run."""
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
    """Converts the `gate.json` of any version to a decision.

    Raises:
        msgspec.ValidationError: a field is missing or of another type.
    """
    comparison = document.get("comparison")
    if isinstance(comparison, dict) and "challenger_auc" in comparison:
        # Earlier versions compared only AUCs.
        aucs = {model: comparison[f"{model}_auc"] for model in ("challenger", "champion")}
        document = document | {"comparison": comparison | aucs}
    return msgspec.convert(document, GateDecision)
