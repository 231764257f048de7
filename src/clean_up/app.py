"""The stack's custom resource: sets how long SageMaker's logs are kept and, on deletion, removes what runs created."""

import logging
from dataclasses import asdict, dataclass
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.training.release.removal import keep_endpoint_logs, remove_bucket, remove_what_runs_made
from clean_up.answer import send_answer

_LOGGER = logging.getLogger("autowatch.clean_up")


@dataclass(frozen=True)
class Settings:
    """Settings from the template."""

    stack: str
    bucket: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> None:
    """Handles CloudFormation's request and always answers it: without an answer the stack would hang."""
    stack = settings.stack
    try:
        _do(event["RequestType"], event["ResourceProperties"], settings)
    except Exception as error:
        _LOGGER.exception("the clean-up failed")
        send_answer(event, f"{stack}-clean-up", f"{type(error).__name__}: {error}")
        return
    send_answer(event, f"{stack}-clean-up", None)


def _do(kind: str, properties: dict[str, Any], settings: Settings) -> None:
    if kind != "Delete":
        keep_endpoint_logs(
            client("logs"),
            stack=settings.stack,
            endpoint_name=properties["EndpointName"],
            days=int(properties["LogRetentionDays"]),
            kms_key=properties["KmsKeyArn"],
            arn_of_group=lambda group: f"{properties['LogGroupArnPrefix']}{group}",
        )
        return
    removed = remove_what_runs_made(
        client("sagemaker"),
        client("stepfunctions"),
        client("logs"),
        stack=settings.stack,
        state_machines=properties["StateMachines"],
    )
    _LOGGER.info("removed what runs created", extra=asdict(removed))
    if properties["DeleteData"] == "true":
        remove_bucket(data_bucket(settings.bucket))
