"""States DescribeCandidate and DescribeEndpoint: poll an endpoint, and limit how long its log is kept."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client
from autowatch.aws.entry_point import entry_point
from autowatch.aws.step_functions import next_wait
from autowatch.records.timestamps import from_text
from autowatch.training.serving.endpoints import is_in_service, keep_log


@dataclass(frozen=True)
class Settings:
    """Settings from the template."""

    max_endpoint_seconds: int
    poll_seconds: int
    log_retention_days: int
    kms_key: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the `endpoint_name` and since when it has been updating; returns whether it is in service."""
    keep_log(client("logs"), event["endpoint_name"], settings.log_retention_days, settings.kms_key)
    since, now = from_text(event["since"]), datetime.now(UTC)
    in_service = is_in_service(
        client("sagemaker"),
        event["endpoint_name"],
        since=since,
        now=now,
        limit_seconds=settings.max_endpoint_seconds,
    )
    return {
        "in_service": in_service,
        "wait_seconds": next_wait((now - since).total_seconds(), settings.poll_seconds),
    }
