"""State DescribeTransform: asks how the transform job is doing."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from autowatch.scoring.transform.job import describe_transform_job
from autowatch.settings import whole_number
from transform.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `job_name`; returns whether it is done."""
    limit = whole_number(os.environ, "MAX_TRANSFORM_SECONDS")
    return asdict(describe_transform_job(client("sagemaker"), event["job_name"], limit, datetime.now(UTC)))
