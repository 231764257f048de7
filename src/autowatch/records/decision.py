"""What the gate decided of a run, kept with it for the states behind the gate and for people.

The states behind the gate have no numpy.
"""

from dataclasses import dataclass

from autowatch.aws.objects import Bucket
from autowatch.evaluation.figures import CalibrationPoint, Comparison, Confusion, TradeOffPoint
from autowatch.records.keys import decision_key
from autowatch.records.threshold import DecisionThreshold


@dataclass(frozen=True)
class Check:
    """One question that the gate asked, and the answer with its figures in a sentence."""

    name: str
    passed: bool
    message: str


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
        metrics: those of `classification.Quality`.
        roc: points (false positive rate, true positive rate) from (0, 0) to (1, 1).
        calibration: the points of the calibration curve.
        latency: of the batches.
        threshold: from which probability on it gives the positive label; None where the label is the model's own.
        confusion: the rows by their true label and the one that they get when this model serves; None in the decisions
            of earlier versions.
        gain: points (share of the rows, by falling probability; share of the positive rows among them) from (0, 0) to
            (1, 1); empty in the decisions of earlier versions.
        lift_of_tenth: how many times as many positive rows the tenth with the highest probabilities holds as a tenth
            drawn at random; None in those decisions.
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
        minimum_auc: the floor.
        rows: how many rows the hold-out has.
        metrics: the challenger's, those of `classification.Quality`.
        checks: what was asked.
        challenger: all about the challenger.
        champion: the same about the champion; None if it was not judged.
        champion_skipped: why it was not; None if it was.
        comparison: of the two; None if the champion was not judged.
        unseen_rows: how many rows of the hold-out the champion was not trained on either: the comparison takes no
            others; None where that is not known, and it takes all.
        trade_off: what other thresholds would mean for the challenger, by rising threshold.
        approval: why a person must approve the release; None where nobody needs to.
    """

    run: str
    passed: bool
    reason: str
    minimum_auc: float
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


def write_decision(bucket: Bucket, run: str, decision: GateDecision) -> None:
    """Keeps the decision with the run."""
    bucket.write_json(decision_key(run), decision)


def read_decision(bucket: Bucket, run: str) -> GateDecision:
    """The decision on the run.

    Raises:
        ObjectMissing: the gate has not decided.
    """
    return bucket.read_as(decision_key(run), GateDecision)
