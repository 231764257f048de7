"""States DescribeCandidate and DescribeEndpoint: asks whether an endpoint serves."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.serving import is_in_service
from autowatch.timestamps import from_text
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `endpoint_name` and `since` when it is on its way; returns whether it is in service."""
    in_service = is_in_service(
        client("sagemaker"),
        event["endpoint_name"],
        since=from_text(event["since"]),
        now=datetime.now(UTC),
        limit_seconds=int(os.environ["MAX_ENDPOINT_SECONDS"]),
    )
    return {"in_service": in_service}
