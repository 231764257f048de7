"""State Stage: serves the challenger at the candidate endpoint."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.autopilot import best_containers
from autowatch.serving import Serving, candidate_name, create_candidate, create_model, model_name
from autowatch.settings import whole_number
from autowatch.timestamps import to_text
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run` and the `job_name`; returns the candidate endpoint's name and since when it is on its way."""
    sagemaker, endpoint_name = client("sagemaker"), os.environ["ENDPOINT_NAME"]
    tags = {"autowatch:stack": os.environ["STACK_NAME"], "autowatch:run": event["run"]}
    model, candidate = model_name(endpoint_name, event["run"]), candidate_name(endpoint_name)
    create_model(
        sagemaker,
        model,
        best_containers(sagemaker, event["job_name"]),
        _serving(),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        tags=tags,
    )
    create_candidate(sagemaker, candidate, model, tags)
    return {"endpoint_name": candidate, "since": to_text(datetime.now(UTC))}


def _serving() -> Serving:
    return Serving(
        instance_type=os.environ["INSTANCE_TYPE"],
        instance_count=whole_number(os.environ, "INSTANCE_COUNT"),
        serverless_memory_mb=whole_number(os.environ, "SERVERLESS_MEMORY_MB"),
        serverless_max_concurrency=whole_number(os.environ, "SERVERLESS_MAX_CONCURRENCY"),
    )
