"""The stack's custom resource: sets the expiry of SageMaker's logs, and at the end removes what runs have made."""

import json
import logging
import os
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket
from autowatch.training.release.removal import keep_endpoint_logs, remove_bucket, remove_what_runs_made
from clean_up.answer import send_answer

_CONFIG = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 8})
LOGGER = logging.getLogger()


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes CloudFormation's request, and always answers it: an unanswered one holds the stack for an hour."""
    stack = os.environ["STACK_NAME"]
    try:
        _do(event["RequestType"], event["ResourceProperties"], stack)
    except Exception as error:
        LOGGER.exception("the clean-up failed")
        send_answer(event, f"{stack}-clean-up", f"{type(error).__name__}: {error}")
        return
    send_answer(event, f"{stack}-clean-up", None)


def _do(kind: str, properties: dict[str, Any], stack: str) -> None:
    logs = boto3.client("logs", config=_CONFIG)
    if kind != "Delete":
        keep_endpoint_logs(
            logs,
            stack=stack,
            endpoint_name=properties["EndpointName"],
            days=int(properties["LogRetentionDays"]),
            kms_key=properties["KmsKeyArn"],
            arn_of_group=lambda group: f"{properties['LogGroupArnPrefix']}{group}",
        )
        return
    removed = remove_what_runs_made(
        boto3.client("sagemaker", config=_CONFIG),
        boto3.client("stepfunctions", config=_CONFIG),
        logs,
        stack=stack,
        state_machines=properties["StateMachines"],
    )
    LOGGER.info(json.dumps({"removed": removed.to_json()}))
    if properties["DeleteData"] == "true":
        remove_bucket(Bucket(boto3.client("s3", config=_CONFIG), os.environ["S3_BUCKET"]))
