"""The smoke test of a release: rows of the hold-out with the answers that the gate saw."""

from dataclasses import asdict, dataclass

from autowatch.aws.objects import Bucket
from autowatch.records.keys import smoke_test_key


@dataclass(frozen=True)
class SmokeTest:
    """What `models/<run>/smoke.json` holds: rows as they are sent, and the candidate endpoint's answers to them."""

    payload: str
    labels: list[str]
    probabilities: list[str]


def write_smoke_test(bucket: Bucket, run: str, smoke_test: SmokeTest) -> None:
    """Keeps the smoke test with the run."""
    bucket.write_json(smoke_test_key(run), asdict(smoke_test))


def read_smoke_test(bucket: Bucket, run: str) -> SmokeTest:
    """The run's smoke test.

    Raises:
        ObjectMissing: the gate has not made it.
    """
    return SmokeTest(**bucket.read_json(smoke_test_key(run)))
