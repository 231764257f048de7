"""What the gate decided of a run, kept with it for the states behind the gate and for people."""

from dataclasses import asdict, dataclass
from typing import Any

from autowatch.objects import read_json, write_json


@dataclass(frozen=True)
class GateDecision:
    """What `models/<run>/gate.json` holds; `metrics` are those of `classification.Quality`."""

    run: str
    passed: bool
    reason: str
    minimum_auc: float
    rows: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class SmokeTest:
    """What `models/<run>/smoke.json` holds: rows as they are sent, and the candidate endpoint's answers to them."""

    payload: str
    labels: list[str]
    probabilities: list[str]


def write_decision(s3: Any, bucket: str, run: str, decision: GateDecision) -> None:
    """Keeps the decision with the run."""
    write_json(s3, bucket, _decision_key(run), asdict(decision))


def read_decision(s3: Any, bucket: str, run: str) -> GateDecision:
    """The decision on the run.

    Raises:
        ObjectMissing: the gate has not decided.
    """
    return GateDecision(**read_json(s3, bucket, _decision_key(run)))


def write_smoke_test(s3: Any, bucket: str, run: str, smoke_test: SmokeTest) -> None:
    """Keeps the smoke test with the run."""
    write_json(s3, bucket, _smoke_key(run), asdict(smoke_test))


def read_smoke_test(s3: Any, bucket: str, run: str) -> SmokeTest:
    """The run's smoke test.

    Raises:
        ObjectMissing: the gate has not made it.
    """
    return SmokeTest(**read_json(s3, bucket, _smoke_key(run)))


def _decision_key(run: str) -> str:
    return f"models/{run}/gate.json"


def _smoke_key(run: str) -> str:
    return f"models/{run}/smoke.json"
