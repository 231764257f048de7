"""The smoke test of a release: rows of the hold-out with the answers that the gate received."""

from dataclasses import dataclass

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.keys import smoke_test_key
from autowatch.tabular.csv_lines import split_lines

_LARGEST_WITNESS = 64_000
"""The most bytes that may precede the rows of every request."""


@dataclass(frozen=True)
class SmokeTest:
    """What `models/<run>/smoke.json` holds: rows as they are sent, and the candidate endpoint's answers to them.

    `probabilities` is empty where `labels` are numbers.
    """

    payload: str
    labels: list[str]
    probabilities: list[str]

    @property
    def figures(self) -> list[str]:
        """The figures to compare with another answer: the probabilities or, for numbers, the numbers."""
        return self.probabilities or self.labels

    @property
    def scale(self) -> float:
        """The size of the figures, for judging whether a difference is small."""
        return 1.0 if self.probabilities else max(abs(float(number)) for number in self.labels)


def write_smoke_test(bucket: Bucket, run: str, smoke_test: SmokeTest) -> None:
    """Stores the smoke test with the run."""
    bucket.write_json(smoke_test_key(run), smoke_test)


def read_smoke_test(bucket: Bucket, run: str) -> SmokeTest:
    """The run's smoke test.

    Raises:
        ObjectMissing: the gate has not written it.
    """
    return bucket.read_as(smoke_test_key(run), SmokeTest)


def read_witness(bucket: Bucket, run: str) -> SmokeTest | None:
    """The smoke test's first rows, which precede every request; None if there are none or the first is too long."""
    try:
        smoke_test = read_smoke_test(bucket, run)
    except ObjectMissing:
        return None
    rows, payload = 0, ""
    for line in split_lines(smoke_test.payload):
        if len(payload.encode()) + len(line.encode()) >= _LARGEST_WITNESS:
            break
        rows, payload = rows + 1, f"{payload}{line}\n"
    return SmokeTest(payload, smoke_test.labels[:rows], smoke_test.probabilities[:rows]) if rows else None
