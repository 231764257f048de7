"""State Stage: serves the challenger at the candidate endpoint."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.records.timestamps import to_text
from autowatch.training.serving.endpoints import config_name
from autowatch.training.serving.staging import stage_challenger
from train.clients import client, data_bucket
from train.settings import serving_from_env, tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run` and the `job_name`; returns the run whose model is at hand, the endpoint config that serves it,
    the candidate endpoint's name and since when it is on its way."""
    name = os.environ["ENDPOINT_NAME"]
    candidate = stage_challenger(
        data_bucket(),
        client("sagemaker"),
        event["run"],
        job_name=event["job_name"],
        endpoint_name=name,
        serving=serving_from_env(os.environ),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        tags=tags_from_env(os.environ, event["run"]),
    )
    return {
        "run": event["run"],
        "config": config_name(name, event["run"]),
        "endpoint_name": candidate,
        "since": to_text(datetime.now(UTC)),
    }
