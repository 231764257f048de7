"""States DescribeCandidate and DescribeEndpoint: asks whether an endpoint serves, and bounds what its log keeps."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.aws.step_functions import next_wait
from autowatch.records.timestamps import from_text
from autowatch.settings import whole_number
from autowatch.training.serving.endpoints import is_in_service, keep_log
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `endpoint_name` and `since` when it is on its way; returns whether it is in service."""
    keep_log(
        client("logs"),
        event["endpoint_name"],
        whole_number(os.environ, "LOG_RETENTION_DAYS"),
        os.environ["KMS_KEY_ARN"],
    )
    since, now = from_text(event["since"]), datetime.now(UTC)
    in_service = is_in_service(
        client("sagemaker"),
        event["endpoint_name"],
        since=since,
        now=now,
        limit_seconds=whole_number(os.environ, "MAX_ENDPOINT_SECONDS"),
    )
    wait = next_wait((now - since).total_seconds(), whole_number(os.environ, "POLL_SECONDS"))
    return {"in_service": in_service, "wait_seconds": wait}
