"""State Stage: serves the challenger at the candidate endpoint."""

from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.timestamps import to_text
from autowatch.training.serving.endpoints import config_name
from autowatch.training.serving.staging import stage_challenger
from train.settings import ModelSettings


@entry_point(ModelSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: ModelSettings) -> dict[str, Any]:
    """Takes the `run` and the `job_name`; returns the candidate endpoint, its config and the time of its creation."""
    candidate = stage_challenger(
        data_bucket(settings.bucket),
        client("sagemaker"),
        event["run"],
        job_name=event["job_name"],
        endpoint_name=settings.endpoint_name,
        serving=settings.serving,
        role_arn=settings.role_arn,
        tags=settings.tags(event["run"]),
    )
    return {
        "run": event["run"],
        "config": config_name(settings.endpoint_name, event["run"]),
        "endpoint_name": candidate,
        "since": to_text(datetime.now(UTC)),
    }
