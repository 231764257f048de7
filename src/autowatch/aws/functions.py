"""Invokes another Lambda function of the stack, and waits for its answer."""

import json
from typing import Any

from autowatch.errors import AutowatchError


class FunctionFailed(AutowatchError):
    """An invoked function failed."""


def ask_function(client: Any, name: str, event: dict[str, Any]) -> dict[str, Any]:
    """What the function `name` returns for an event.

    Args:
        client: boto3's `lambda`, with a time limit as long as the function's.
        name: the function's.
        event: what it is given.

    Raises:
        FunctionFailed: it ended with an error; its log says more.
    """
    answer = client.invoke(FunctionName=name, Payload=json.dumps(event, allow_nan=False).encode())
    content = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise FunctionFailed(
            f"The function {name} failed ({content.get('errorType', 'Unknown')}). Its log says why."
        )
    document: dict[str, Any] = content
    return document
