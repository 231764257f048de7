"""State GiveUp: records a failed run whose clean-up failed, and says what to look at."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.notifications import mailing
from autowatch.aws.step_functions import read_cause
from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text
from autowatch.settings import StackSettings
from autowatch.training.last_resort import give_up_run


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    topic_arn: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes `execution`, `started`, the run's `error` and the `clean_up_error`; returns the run's error."""
    error, cause = read_cause(event["error"])
    give_up_run(
        data_bucket(settings.bucket),
        mailing(client("sns"), settings.values_in_mails),
        run=run_name(event["execution"], from_text(event["started"])),
        stack=settings.stack,
        topic_arn=settings.topic_arn,
        cause=cause,
        clean_up_cause=read_cause(event["clean_up_error"])[1],
        now=datetime.now(UTC),
    )
    return {"error": error, "cause": cause}
