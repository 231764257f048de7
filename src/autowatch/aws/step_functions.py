"""For state machines: errors that a state caught, waits between polls, and throttling by SageMaker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError


def read_cause(error: dict[str, str]) -> tuple[str, str]:
    """The name and the message of an error that Step Functions caught.

    An error raised by a Lambda function comes as JSON in `Cause`; others (time-outs, permissions) as plain text.
    """
    cause = error.get("Cause", "")
    try:
        document = json.loads(cause)
        return document["errorType"], document["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return error.get("Error", "Unknown"), cause or "Step Functions gave no cause."


_LOOKS = 100
"""The number of polls after which the waits grow, each by about a hundredth of the elapsed time.

Step Functions ends an execution at its 25,000th event, and one poll takes nine. So even a day of polling that began
with one poll a second takes fewer than 8,000 events.
"""


def next_wait(elapsed_seconds: float, shortest_seconds: int) -> int:
    """The whole seconds to wait after `elapsed_seconds` of waiting; `shortest_seconds` at first."""
    return max(shortest_seconds, int(elapsed_seconds / _LOOKS))


_CODES = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


class Throttled(AutowatchError):
    """SageMaker throttled a request. That is temporary, so a training of hours need not fail."""


@contextmanager
def naming_throttling() -> Iterator[None]:
    """Turns throttling into `Throttled`, which the state machine retries after a wait.

    Raises:
        Throttled: the request was throttled at all of boto3's attempts.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _CODES:
            raise Throttled(f"SageMaker throttled {error.operation_name}. A later call succeeds.") from error
        raise
