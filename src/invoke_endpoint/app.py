"""On every CSV under `inference/`: scores it through the endpoint."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket
from autowatch.records.arrival import arrivals_in
from autowatch.scoring.endpoint import client_config
from autowatch.scoring.inbox import score_arrivals, times_postponed
from invoke_endpoint.settings import settings_from_env, transforms_from_env


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, int]:
    """Scores the files that an S3 event announces; gives how many were scored, refused and handed over."""
    settings = settings_from_env(os.environ)
    return score_arrivals(
        bucket=Bucket(_s3(), os.environ["S3_BUCKET"]),
        runtime=_runtime(settings.limits.concurrency),
        arrivals=arrivals_in(event),
        settings=settings,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
        transforms=transforms_from_env(os.environ, _stepfunctions),
        postponed=times_postponed(event),
    )


@cache
def _s3() -> Any:
    return boto3.client(
        "s3",
        config=Config(
            connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5}
        ),
    )


@cache
def _runtime(concurrency: int) -> Any:
    return boto3.client("sagemaker-runtime", config=client_config(concurrency))


@cache
def _stepfunctions() -> Any:
    return boto3.client(
        "stepfunctions",
        config=Config(
            connect_timeout=5, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 5}
        ),
    )
