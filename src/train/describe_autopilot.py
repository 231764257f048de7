"""State DescribeAutopilot: asks how the AutoML job is doing."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from autowatch.settings import whole_number
from autowatch.training.autopilot import describe_job
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `job_name`; returns whether the job is done, its status and its best value so far."""
    progress = describe_job(
        client("sagemaker"),
        event["job_name"],
        limit_seconds=whole_number(os.environ, "MAX_TRAINING_SECONDS"),
        poll_seconds=whole_number(os.environ, "POLL_SECONDS"),
        now=datetime.now(UTC),
    )
    return asdict(progress)
