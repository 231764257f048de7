"""State Finish: removes the candidate endpoint, keeps the record, tells people."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.step_functions import read_cause
from autowatch.settings import whole_number
from autowatch.training.outcome import finish_run
from train.clients import client, data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run`, and under `register_model` what that state left; returns how the run ended."""
    registration = event.get("register_model", {})
    ended = finish_run(
        data_bucket(),
        client("sagemaker"),
        client("sns"),
        run=event["run"],
        endpoint_name=os.environ["ENDPOINT_NAME"],
        topic_arn=os.environ["ALERT_TOPIC_ARN"],
        keep_models=whole_number(os.environ, "KEEP_MODELS"),
        unknown_to_domino=read_cause(registration)[1] if "Error" in registration else None,
        now=datetime.now(UTC),
    )
    return {"status": ended.status, "reason": ended.reason}
