"""The smoke test of a release: rows of the hold-out with the answers that the gate saw."""

from dataclasses import asdict, dataclass

from autowatch.aws.objects import Bucket


@dataclass(frozen=True)
class SmokeTest:
    """What `models/<run>/smoke.json` holds: rows as they are sent, and the candidate endpoint's answers to them."""

    payload: str
    labels: list[str]
    probabilities: list[str]


def write_smoke_test(bucket: Bucket, run: str, smoke_test: SmokeTest) -> None:
    """Keeps the smoke test with the run."""
    bucket.write_json(_smoke_key(run), asdict(smoke_test))


def read_smoke_test(bucket: Bucket, run: str) -> SmokeTest:
    """The run's smoke test.

    Raises:
        ObjectMissing: the gate has not made it.
    """
    return SmokeTest(**bucket.read_json(_smoke_key(run)))


def _smoke_key(run: str) -> str:
    return f"models/{run}/smoke.json"
