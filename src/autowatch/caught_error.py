"""An error as Step Functions hands it on when a state catches it."""

import json


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
