"""The AWS clients of the training states, made once for each execution environment."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.endpoint import client_config

_CONFIG = Config(connect_timeout=5, read_timeout=10, retries={"mode": "standard", "max_attempts": 5})


@cache
def client(service: str) -> Any:
    """The boto3 client of `service`, with time limits and retries."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


@cache
def runtime_client(concurrency: int) -> Any:
    """The boto3 client that invokes endpoints with so many requests at once."""
    return boto3.client("sagemaker-runtime", config=client_config(concurrency))
