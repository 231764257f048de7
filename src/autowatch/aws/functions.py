"""Invokes another Lambda function of the stack, and waits for its answer."""

import json
from typing import Any

from autowatch.errors import AutowatchError


class FunctionFailed(AutowatchError):
    """An invoked function failed."""


def ask_function(client: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """Invokes the function `name` with an event and returns its answer.

    Args:
        client: boto3's `lambda`, with a time limit as long as the function's.
        name: the function's.
        event: the event.

    Raises:
        FunctionFailed: the function ended with an error; its log has the details.
    """
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event, allow_nan=False).encode())
    content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionFailed(
            f"The function {name} failed ({content.get('errorType', 'Unknown')}). Its log says why."
        )
    document: dict[str, Any] = content
    return document
