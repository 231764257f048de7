"""What the gate decided of a run, kept with it for the states behind the gate and for people.

The states behind the gate have no numpy.
"""

from dataclasses import asdict, dataclass
from typing import Any

from autowatch.aws.objects import Bucket
from autowatch.evaluation.figures import CalibrationPoint, Comparison
from autowatch.records.keys import decision_key


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
    """

    run: str
    rows: int
    metrics: dict[str, float]
    roc: tuple[tuple[float, float], ...]
    calibration: tuple[CalibrationPoint, ...]
    latency: Latency

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "JudgedModel":
        """The inverse of `dataclasses.asdict`."""
        return cls(
            run=document["run"],
            rows=document["rows"],
            metrics=document["metrics"],
            roc=tuple((x, y) for x, y in document["roc"]),
            calibration=tuple(CalibrationPoint(**point) for point in document["calibration"]),
            latency=Latency(**document["latency"]),
        )


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
    approval: str | None = None

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "GateDecision":
        """The inverse of `dataclasses.asdict`; what an earlier version did not write is left empty."""
        challenger, champion, comparison = (
            document.get(name) for name in ("challenger", "champion", "comparison")
        )
        return cls(
            run=document["run"],
            passed=document["passed"],
            reason=document["reason"],
            minimum_auc=document["minimum_auc"],
            rows=document["rows"],
            metrics=document["metrics"],
            checks=tuple(Check(**check) for check in document.get("checks", ())),
            challenger=JudgedModel.from_json(challenger) if challenger else None,
            champion=JudgedModel.from_json(champion) if champion else None,
            champion_skipped=document.get("champion_skipped"),
            comparison=Comparison(**comparison) if comparison else None,
            approval=document.get("approval"),
        )


def write_decision(bucket: Bucket, run: str, decision: GateDecision) -> None:
    """Keeps the decision with the run."""
    bucket.write_json(decision_key(run), asdict(decision))


def read_decision(bucket: Bucket, run: str) -> GateDecision:
    """The decision on the run.

    Raises:
        ObjectMissing: the gate has not decided.
    """
    return GateDecision.from_json(bucket.read_json(decision_key(run)))
