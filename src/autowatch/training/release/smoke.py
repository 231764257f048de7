"""The smoke test of a release: rows of the hold-out with the answers that the gate saw."""

from dataclasses import asdict, dataclass
from typing import Any

from autowatch.aws.objects import read_json, write_json


@dataclass(frozen=True)
class SmokeTest:
    """What `models/<run>/smoke.json` holds: rows as they are sent, and the candidate endpoint's answers to them."""

    payload: str
    labels: list[str]
    probabilities: list[str]


def write_smoke_test(s3: Any, bucket: str, run: str, smoke_test: SmokeTest) -> None:
    """Keeps the smoke test with the run."""
    write_json(s3, bucket, _smoke_key(run), asdict(smoke_test))


def read_smoke_test(s3: Any, bucket: str, run: str) -> SmokeTest:
    """The run's smoke test.

    Raises:
        ObjectMissing: the gate has not made it.
    """
    return SmokeTest(**read_json(s3, bucket, _smoke_key(run)))


def _smoke_key(run: str) -> str:
    return f"models/{run}/smoke.json"
