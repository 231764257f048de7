"""The AWS clients of the training states, made once for each execution environment."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket
from autowatch.scoring.endpoint import client_config

_ATTEMPTS = {"sagemaker": 3}
"""Fewer where the state machine itself waits and tries again, as it does when SageMaker throttles."""


@cache
def client(service: str) -> Any:
    """The boto3 client of `service`, with time limits and retries."""
    attempts = _ATTEMPTS.get(service, 5)
    config = Config(
        connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": attempts}
    )
    return boto3.client(service, config=config)  # type: ignore[call-overload]


@cache
def runtime_client(concurrency: int) -> Any:
    """The boto3 client that invokes endpoints with so many requests at once."""
    return boto3.client("sagemaker-runtime", config=client_config(concurrency))


def data_bucket() -> Bucket:
    """The stack's bucket."""
    return Bucket(client("s3"), os.environ["S3_BUCKET"])
