"""The AWS clients of the transform states, made once for each execution environment."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket

# Copies inside S3 of up to 5 GB answer late, and sixteen of them are under way at once.
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=120,
    max_pool_connections=32,
    retries={"mode": "standard", "total_max_attempts": 5},
)


@cache
def client(service: str) -> Any:
    """The boto3 client of `service`, with time limits and retries."""
    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]


def data_bucket() -> Bucket:
    """The stack's bucket."""
    return Bucket(client("s3"), os.environ["S3_BUCKET"])
