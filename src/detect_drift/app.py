"""Once a day: judges what was scored against the training data, and tells people when it has drifted."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from functools import cache
from typing import Any

from botocore.config import Config

from autowatch.aws.bulk.read import CLIENT_READERS
from autowatch.aws.clients import quick_session
from autowatch.aws.objects import Bucket
from autowatch.monitoring.requests import read_request, read_time
from autowatch.monitoring.watch import Clients, watch
from detect_drift.settings import settings_from_env


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Judges the days that are due, or what the event asks for: a date, a range of them, a file."""
    now = read_time(event, datetime.now(UTC))
    request = read_request(event, now.date())
    return asdict(
        watch(_clients(), settings_from_env(os.environ), request, now, lambda: _seconds_left(context))
    )


def _seconds_left(context: Any) -> float:
    return float(context.get_remaining_time_in_millis()) / 1000


@cache
def _clients() -> Clients:
    config = Config(
        connect_timeout=5,
        read_timeout=20,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=CLIENT_READERS,
    )
    quick = Config(connect_timeout=3, read_timeout=5, retries={"mode": "standard", "total_max_attempts": 3})
    session = quick_session()
    return Clients(
        bucket=Bucket(session.client("s3", config=config), os.environ["S3_BUCKET"]),
        sns=session.client("sns", config=quick),
        events=session.client("events", config=quick),
    )
