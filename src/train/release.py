"""State Release: creates the endpoint, or updates it to the challenger."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.timestamps import to_text
from autowatch.training.release.promote import begin_release
from autowatch.training.serving.deployment import Deployment, deployment_config
from train.settings import TaggingSettings


@dataclass(frozen=True)
class Settings(TaggingSettings):
    """Settings from the template."""

    instance_type: str
    instance_count: int
    alarms: tuple[str, ...]
    bake_seconds: int
    max_endpoint_seconds: int

    @property
    def deployment(self) -> Deployment:
        """How the endpoint switches to another model."""
        instances = self.instance_count if self.instance_type else 0
        return Deployment(instances, self.alarms, self.bake_seconds, self.max_endpoint_seconds)


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the endpoint config `config` to serve; returns the endpoint's name and the time of the update."""
    name = settings.endpoint_name
    begin_release(
        data_bucket(settings.bucket),
        client("sagemaker"),
        name,
        event["config"],
        settings.tags(),
        deployment_config(settings.deployment),
    )
    return {"endpoint_name": name, "since": to_text(datetime.now(UTC))}
