"""Custom resources: their function is called, and answers to a URL that is valid for one answer.

https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref.html
"""

import json
import queue
import threading
import uuid
from typing import Any

from sandbox.deployment.intrinsics import as_text
from sandbox.deployment.resources.kind import Context, Kind, Made, Request
from sandbox.errors import DeploymentError, NotFoundError

ANSWER_PATH = "custom-resource/"
_DEFAULT_TIMEOUT_SECONDS = 3600


class Answers:
    """The answers that functions have yet to send."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[str, queue.Queue[dict[str, Any]]] = {}

    def expect(self) -> tuple[str, "queue.Queue[dict[str, Any]]"]:
        """A new token, and the future answer for it."""
        token, answer = uuid.uuid4().hex, queue.Queue[dict[str, Any]]()
        with self._lock:
            self._waiting[token] = answer
        return token, answer

    def give(self, token: str, body: bytes) -> None:
        """Deliver an answer; raise NotFoundError if no request has this token."""
        with self._lock:
            waiting = self._waiting.pop(token, None)
        if waiting is None:
            raise NotFoundError("No resource waits for this answer.")
        waiting.put(json.loads(body))


class Custom(Kind):
    """AWS::CloudFormation::CustomResource and every Custom:: type."""

    replaced_by = frozenset({"ServiceToken"})

    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def create(self, context: Context, request: Request) -> Made:
        """Ask the function to create."""
        answer = self._ask(context, request, {"RequestType": "Create"})
        return self._made(answer)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Ask the function to update; a different physical id in its answer means a new resource."""
        told = {
            "RequestType": "Update",
            "PhysicalResourceId": made.physical_id,
            "OldResourceProperties": _texts(before),
        }
        return self._made(self._ask(context, request, told))

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Ask the function to delete."""
        self._ask(context, request, {"RequestType": "Delete", "PhysicalResourceId": made.physical_id})

    def _ask(self, context: Context, request: Request, told: dict[str, Any]) -> dict[str, Any]:
        token, waiting = self._answers.expect()
        event = {
            **told,
            "ResponseURL": f"{context.endpoint_url}/_sandbox/{ANSWER_PATH}{token}",
            "StackId": request.stack_id,
            "RequestId": str(uuid.uuid4()),
            "ResourceType": request.kind,
            "LogicalResourceId": request.logical_id,
            "ResourceProperties": _texts(request.properties),
        }
        context.client("lambda").invoke(
            FunctionName=request.properties["ServiceToken"],
            InvocationType="Event",
            Payload=json.dumps(event, allow_nan=False),
        )
        seconds = float(request.properties.get("ServiceTimeout", _DEFAULT_TIMEOUT_SECONDS))
        try:
            answer = waiting.get(timeout=seconds)
        except queue.Empty as error:
            raise DeploymentError(
                "CloudFormation did not receive a response from your Custom Resource."
                f" Please check your logs for requestId [{event['RequestId']}]."
            ) from error
        if answer.get("Status") != "SUCCESS":
            raise DeploymentError(
                f"Received response status [FAILED] from custom resource. Message returned: {answer.get('Reason')}"
            )
        return answer

    @staticmethod
    def _made(answer: dict[str, Any]) -> Made:
        return Made(answer["PhysicalResourceId"], answer.get("Data") or {})


def _texts(value: Any) -> Any:
    """Properties as a function receives them: numbers and booleans as text."""
    if isinstance(value, dict):
        return {name: _texts(item) for name, item in value.items()}
    return [_texts(item) for item in value] if isinstance(value, list) else as_text(value)
