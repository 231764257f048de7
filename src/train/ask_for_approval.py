"""State AskForApproval: asks people whether a model that passed the gate may be released."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.notifications import mailing
from autowatch.settings import StackSettings
from autowatch.training.approval import ask_for_approval


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    topic_arn: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> None:
    """Takes the `run`, the task `token` for the answer, and the `seconds` within which it must come."""
    ask_for_approval(
        data_bucket(settings.bucket),
        client("sagemaker"),
        mailing(client("sns"), settings.values_in_mails),
        run=event["run"],
        token=event["token"],
        seconds=event["seconds"],
        endpoint_name=settings.endpoint_name,
        stack=settings.stack,
        topic_arn=settings.topic_arn,
        now=datetime.now(UTC),
    )
