"""What state machines need: errors that a state caught, waits between polls, and throttling by SageMaker."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError


def read_cause(error: dict[str, str]) -> tuple[str, str]:
    """The name and the message of an error that Step Functions caught.

    A Lambda function's own error comes as JSON inside `Cause`; other ones (time-outs, permissions) as plain text.
    """
    cause = error.get("Cause", "")
    try:
        document = json.loads(cause)
        return document["errorType"], document["errorMessage"]
    except (ValueError, KeyError, TypeError):
        return error.get("Error", "Unknown"), cause or "Step Functions gave no cause."


_LOOKS = 100
"""Looks after which the waits begin to grow, each by about a hundredth of the time gone by.

Step Functions ends an execution at its 25,000th event, and one look takes nine. So even a day of looking that began at
one look a second stays below 8,000.
"""


def next_wait(elapsed_seconds: float, shortest_seconds: int) -> int:
    """Whole seconds to wait after `elapsed_seconds` of waiting, `shortest_seconds` at first."""
    return max(shortest_seconds, int(elapsed_seconds / _LOOKS))


_CODES = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


class Throttled(AutowatchError):
    """SageMaker throttles. That is temporary, so a training of hours need not fail."""


@contextmanager
def naming_throttling() -> Iterator[None]:
    """Gives a throttled request a name of its own, which the state machine waits on and tries again.

    Raises:
        Throttled: the request was turned away, boto3's own attempts included.
    """
    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _CODES:
            raise Throttled(f"SageMaker throttles {error.operation_name}. Later it will answer.") from error
        raise
