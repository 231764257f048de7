"""The errors of SageMaker's control plane and runtime, named as in boto3."""

import json
from typing import Any


class SageMakerError(Exception):
    """An error on the wire: its class name is the error code, `members` are the fields besides the message."""

    status = 400

    def __init__(self, message: str | None, **members: Any) -> None:
        super().__init__(message)
        self.message = message
        self.members = members

    @property
    def code(self) -> str:
        """The error code, as in `error.response["Error"]["Code"]`."""
        return type(self).__name__


class ValidationException(SageMakerError):
    """The control plane refuses a request."""


class ResourceNotFound(SageMakerError):
    """The requested job does not exist."""


class ResourceInUse(SageMakerError):
    """The name is taken."""


class ResourceLimitExceeded(SageMakerError):
    """A quota of the account is used up."""


class UnknownOperationException(SageMakerError):
    """SageMaker, or the sandbox, has no such operation."""


class ValidationError(SageMakerError):
    """The runtime refuses a request."""


class ThrottlingException(SageMakerError):
    """A serverless endpoint has no free slot."""


class ModelError(SageMakerError):
    """The container returned an error, or did not answer in time."""

    status = 424


class ServiceUnavailable(SageMakerError):
    """The runtime cannot answer at the moment."""

    status = 503


class InternalFailure(SageMakerError):
    """An internal error of the local SageMaker."""

    status = 500


def error_answer(error: SageMakerError) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an error's response."""
    members = {"__type": error.code, "message": error.message, "Message": error.message, **error.members}
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": error.code}
    return error.status, headers, json.dumps(members, allow_nan=False).encode()
