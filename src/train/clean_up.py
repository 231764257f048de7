"""After an execution that failed, timed out or was stopped: cleans up after its run, whatever had ended it."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from autowatch.training.outcome import EndedExecution, clean_up_run
from autowatch.training.serving.endpoints import EndpointBusy
from train.clients import client, data_bucket
from train.settings import tags_from_env

_RESERVE = 30.0
"""Seconds of the function's time for what comes after the last wait."""


def lambda_handler(event: dict[str, Any], context: Any) -> None:
    """Takes Step Functions' event `Step Functions Execution Status Change`."""
    detail = event["detail"]

    def wait(seconds: float) -> None:
        if context.get_remaining_time_in_millis() / 1000 < seconds + _RESERVE:
            raise EndpointBusy("The endpoint had not settled when the time was over. Lambda tries again.")
        time.sleep(seconds)

    clean_up_run(
        data_bucket(),
        client("sagemaker"),
        client("sns"),
        EndedExecution(detail["executionArn"], detail["status"], detail.get("cause") or ""),
        endpoint_name=os.environ["ENDPOINT_NAME"],
        topic_arn=os.environ["ALERT_TOPIC_ARN"],
        tags=tags_from_env(os.environ),
        now=lambda: datetime.now(UTC),
        wait=wait,
    )
