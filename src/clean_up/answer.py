"""The answer that CloudFormation waits for."""

import json
import urllib.request
from typing import Any

_TIME_OUT_SECONDS = 30
_LONGEST_REASON = 2000
"""CloudFormation accepts at most 4096 bytes."""


def send_answer(event: dict[str, Any], physical_id: str, failure: str | None) -> None:
    """Tells CloudFormation that the request `event` has succeeded, or why it has failed.

    Raises:
        OSError: the answer could not be delivered; Lambda retries the event.
    """
    answer = {
        "Status": "FAILED" if failure else "SUCCESS",
        "Reason": (failure or "Done.")[:_LONGEST_REASON],
        "PhysicalResourceId": physical_id,
        **{name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
    }
    request = urllib.request.Request(  # noqa: S310 (the URL is CloudFormation's own)
        event["ResponseURL"], json.dumps(answer, allow_nan=False).encode(), {"Content-Type": ""}, method="PUT"
    )
    with urllib.request.urlopen(request, timeout=_TIME_OUT_SECONDS):  # noqa: S310
        return
