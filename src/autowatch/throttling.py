"""SageMaker's control plane asking to be asked less often."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError

_CODES = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


class Throttled(AutowatchError):
    """SageMaker turns requests away for their number. It passes, so that a training of hours need not end for it."""


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
