"""State Fail: stops the job, removes what the transform made, tells people."""

import os
from typing import Any

from autowatch.scoring.transform.failure import fail_transform
from autowatch.scoring.transform.work import Work
from transform.clients import client, data_bucket
from transform.settings import arrival_from_input


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Takes the execution's `input` and the `error` that was caught; returns its name and its message."""
    error, cause = fail_transform(
        data_bucket(),
        client("sagemaker"),
        client("sns"),
        predictions_prefix=os.environ["PREDICTIONS_PREFIX"],
        topic_arn=os.environ["ALERT_TOPIC_ARN"],
        work=Work(event["input"]["name"]),
        arrival=arrival_from_input(event["input"]),
        error=event["error"],
    )
    return {"error": error, "cause": cause}
