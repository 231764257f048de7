"""State Fail: leaves the champion serving, removes what the run made, tells people."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.step_functions import read_cause
from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text
from autowatch.training.outcome import fail_run
from train.clients import client, data_bucket
from train.settings import tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the `error` that was caught; returns its name and its message."""
    error, cause = read_cause(event["error"])
    fail_run(
        data_bucket(),
        client("sagemaker"),
        client("sns"),
        run=run_name(event["execution"], from_text(event["started"])),
        endpoint_name=os.environ["ENDPOINT_NAME"],
        topic_arn=os.environ["ALERT_TOPIC_ARN"],
        tags=tags_from_env(os.environ),
        error=error,
        cause=cause,
        now=datetime.now(UTC),
    )
    return {"error": error, "cause": cause}
