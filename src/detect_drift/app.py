"""Once a day: judges what was scored against the training data, and tells people when it has drifted."""

import os
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.monitoring import Clients, watch
from autowatch.scored_rows import READERS
from autowatch.timestamps import from_text
from detect_drift.settings import settings_from_env


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 (Lambda passes both)
    """Judges the days that are due; `{"date": "2026-11-23"}` judges just that day.

    `time` is when the schedule meant to start this run: a retry after midnight still means the day before.
    """
    now = from_text(event["time"]).astimezone(UTC) if "time" in event else datetime.now(UTC)
    only = date.fromisoformat(event["date"]) if "date" in event else None
    return asdict(watch(_clients(), settings_from_env(os.environ), now, only))


@cache
def _clients() -> Clients:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=READERS,
    )
    return Clients(
        s3=boto3.client("s3", config=config),
        sns=boto3.client("sns", config=config),
        events=boto3.client("events", config=config),
    )
