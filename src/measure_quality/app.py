"""On every CSV under `labels/`: takes the labels in and measures how good the predictions of their days are."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality.job import Job, measure_again, take_in
from autowatch.monitoring.quality.scored_files import READERS
from autowatch.monitoring.requests import requested_day
from autowatch.monitoring.settings import Clients
from autowatch.records.arrival import arrivals_in
from measure_quality.settings import settings_from_env


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes in the files that an S3 event announces; `{"date": "2026-11-23"}` measures that day again."""
    job = Job(
        clients=_clients(),
        settings=settings_from_env(os.environ),
        now=datetime.now(UTC),
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    if "date" in event:
        return asdict(measure_again(job, requested_day(event["date"], job.now.date()).isoformat()))
    return asdict(take_in(job, arrivals_in(event)))


@cache
def _clients() -> Clients:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=READERS,
    )
    quick = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    return Clients(
        bucket=Bucket(boto3.client("s3", config=config), os.environ["S3_BUCKET"]),
        sns=boto3.client("sns", config=quick),
        events=boto3.client("events", config=quick),
    )
