"""State Finish: removes the candidate endpoint and what the release replaced, writes the record, sends a mail."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.notifications import mailing
from autowatch.aws.step_functions import read_cause
from autowatch.settings import StackSettings
from autowatch.training.approval import read_answer
from autowatch.training.outcome import finish_run


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    topic_arn: str
    keep_models: int


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the `run`, the result of `register_model` and the answer to `approval`; returns how the run ended."""
    registration = event.get("register_model", {})
    ended = finish_run(
        data_bucket(settings.bucket),
        client("sagemaker"),
        mailing(client("sns"), settings.values_in_mails),
        run=event["run"],
        endpoint_name=settings.endpoint_name,
        stack=settings.stack,
        topic_arn=settings.topic_arn,
        keep_models=settings.keep_models,
        answer=read_answer(event.get("approval", {})),
        unknown_to_domino=read_cause(registration)[1] if "Error" in registration else None,
        now=datetime.now(UTC),
    )
    return {"status": ended.status, "reason": ended.reason}
