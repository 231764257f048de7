"""State RunTransform: starts the Batch Transform job over all pieces, or polls it."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.scoring.transform.job import TransformInstances, run_transform_job
from autowatch.scoring.transform.plan import read_plan
from autowatch.settings import StackSettings, resource_tags


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    instance_type: str
    instance_count: int
    max_transform_seconds: int
    kms_key: str
    resource_tags: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the transform's `name` and the bytes of its `longest` line; returns the job's status."""
    bucket = data_bucket(settings.bucket)
    progress = run_transform_job(
        client("sagemaker"),
        bucket,
        read_plan(bucket, event["name"]),
        TransformInstances(settings.instance_type, settings.instance_count, settings.kms_key),
        longest_line=event["longest"],
        tags=resource_tags(settings.stack, settings.resource_tags),
        limit_seconds=settings.max_transform_seconds,
        now=datetime.now(UTC),
    )
    return asdict(progress)
