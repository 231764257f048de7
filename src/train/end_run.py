"""After an execution that failed, timed out or was stopped: cleans up after its run."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.aws.notifications import mailing
from autowatch.training.outcome import EndedExecution, clean_up_run
from autowatch.training.serving.endpoints import EndpointBusy
from train.settings import TaggingSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_RESERVE = 30.0
"""Seconds reserved for what follows the last wait."""


@dataclass(frozen=True)
class Settings(TaggingSettings):
    """Settings from the template."""

    topic_arn: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> None:
    """Takes Step Functions' event `Step Functions Execution Status Change`."""
    detail, left = event["detail"], seconds_left(context)

    def wait(seconds: float) -> None:
        if left() < seconds + _RESERVE:
            raise EndpointBusy("The endpoint had not settled in time. Lambda retries.")
        time.sleep(seconds)

    clean_up_run(
        data_bucket(settings.bucket),
        client("sagemaker"),
        mailing(client("sns"), settings.values_in_mails),
        EndedExecution(detail["executionArn"], detail["status"], detail.get("cause") or ""),
        endpoint_name=settings.endpoint_name,
        stack=settings.stack,
        topic_arn=settings.topic_arn,
        tags=settings.tags(),
        now=lambda: datetime.now(UTC),
        wait=wait,
    )
