"""SageMaker's runtime: InvokeEndpoint, with its limits."""

import time
from dataclasses import dataclass

from sandbox.sagemaker.platform import Platform
from sandbox.sagemaker.serving.endpoints import Endpoints, Fleet
from sandbox.sagemaker.serving.model_server import ContainerAnswer, ModelServerGone, ModelServerTimeout
from sandbox.sagemaker.wire.errors import ModelError, ThrottlingException, ValidationError

SERVERLESS_BODY_LIMIT = 4 * 1024 * 1024
REAL_TIME_BODY_LIMIT = 6 * 1024 * 1024
INVOCATION_SECONDS = 60.0


@dataclass(frozen=True)
class Invocation:
    """One InvokeEndpoint request."""

    endpoint_name: str
    body: bytes
    content_type: str
    accept: str
    request_id: str
    target_variant: str | None


class Runtime:
    """Forwards requests to the model that serves at an endpoint."""

    def __init__(self, platform: Platform, endpoints: Endpoints, timeout: float = INVOCATION_SECONDS) -> None:
        self._platform = platform
        self._endpoints = endpoints
        self._timeout = timeout

    def invoke(self, invocation: Invocation) -> tuple[ContainerAnswer, str]:
        """The model's response and the name of its variant.

        Raises:
            ValidationError: no such endpoint is serving, or the body is too large.
            ThrottlingException: a serverless endpoint has all its slots taken.
            ModelError: the container refused or failed, or did not answer within the time limit.
        """
        with self._endpoints.serving(invocation.endpoint_name) as fleet:
            self._check(fleet, invocation)
            # SageMaker throttles without a message.
            if fleet.slots and not fleet.slots.acquire(blocking=False):
                raise ThrottlingException(None)
            try:
                answer = self._forward(fleet, invocation)
            finally:
                if fleet.slots:
                    fleet.slots.release()
        if answer.status >= 400:
            message = answer.body.decode(errors="replace")
            raise self._model_error(invocation.endpoint_name, answer.status, message)
        return answer, fleet.variant["VariantName"]

    def _forward(self, fleet: Fleet, invocation: Invocation) -> ContainerAnswer:
        limits = self._platform.limits.now
        limit = min(self._timeout, limits.invocation_seconds)
        begun = time.monotonic()
        place = fleet.places.take(limits.cold_start_seconds, limit) if fleet.slots else None
        try:
            if fleet.slots and place is None:
                raise ModelServerTimeout
            left = max(0.001, limit - (time.monotonic() - begun))
            return fleet.server.invoke(invocation.body, invocation.content_type, invocation.accept, left)
        except ModelServerTimeout as error:
            message = (
                "Your invocation timed out while waiting for a response from container primary. Review the latency"
                " metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
            )
            raise self._model_error(invocation.endpoint_name, 0, message) from error
        except ModelServerGone as error:
            message = "The container closed the connection without an answer."
            raise self._model_error(invocation.endpoint_name, 503, message) from error
        finally:
            if place is not None:
                fleet.places.give_back(place)

    def _check(self, fleet: Fleet, invocation: Invocation) -> None:
        variant = fleet.variant["VariantName"]
        if invocation.target_variant not in (None, variant):
            raise ValidationError(
                f"Variant {invocation.target_variant} of endpoint {invocation.endpoint_name} not found."
            )
        if fleet.slots and len(invocation.body) > SERVERLESS_BODY_LIMIT:
            raise ValidationError(f"Request {invocation.request_id} has oversize body.")
        if len(invocation.body) > REAL_TIME_BODY_LIMIT:
            raise ValidationError(
                "1 validation error detected: Value at 'body' failed to satisfy constraint: Member must have length"
                f" less than or equal to {REAL_TIME_BODY_LIMIT}"
            )

    def _model_error(self, endpoint_name: str, status: int, message: str) -> ModelError:
        side = "client" if 400 <= status < 500 else "server"
        region, account = self._platform.region, self._platform.account_id
        group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
        return ModelError(
            f'Received {side} error ({status}) from primary with message "{message}". See'
            f" https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}#logEventViewer:group={group}"
            f" in account {account} for more information.",
            OriginalStatusCode=status,
            OriginalMessage=message,
            LogStreamArn=f"arn:aws:logs:{region}:{account}:log-group:{group}",
        )
