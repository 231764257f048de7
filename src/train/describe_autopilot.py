"""State DescribeAutopilot: polls the AutoML job."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client
from autowatch.aws.entry_point import entry_point
from autowatch.training.autopilot import describe_job


@dataclass(frozen=True)
class Settings:
    """Settings from the template."""

    max_training_seconds: int
    poll_seconds: int


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the `job_name`; returns whether the job is done, its status and its best value so far."""
    progress = describe_job(
        client("sagemaker"),
        event["job_name"],
        limit_seconds=settings.max_training_seconds,
        poll_seconds=settings.poll_seconds,
        now=datetime.now(UTC),
    )
    return asdict(progress)
