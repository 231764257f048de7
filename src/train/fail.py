"""State Fail: leaves the champion serving, removes what the run created, sends a mail."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.notifications import mailing
from autowatch.aws.step_functions import read_cause
from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text
from autowatch.training.outcome import fail_run
from train.settings import TaggingSettings


@dataclass(frozen=True)
class Settings(TaggingSettings):
    """Settings from the template."""

    topic_arn: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes `execution`, `started` and the caught `error`; returns the error's name and message."""
    error, cause = read_cause(event["error"])
    fail_run(
        data_bucket(settings.bucket),
        client("sagemaker"),
        mailing(client("sns"), settings.values_in_mails),
        run=run_name(event["execution"], from_text(event["started"])),
        endpoint_name=settings.endpoint_name,
        stack=settings.stack,
        topic_arn=settings.topic_arn,
        tags=settings.tags(),
        error=error,
        cause=cause,
        now=datetime.now(UTC),
    )
    return {"error": error, "cause": cause}
