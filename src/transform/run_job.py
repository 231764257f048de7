"""State RunTransform: starts the Batch Transform job over all pieces, or asks how it is doing."""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from autowatch.scoring.transform.job import TransformInstances, run_transform_job
from autowatch.scoring.transform.plan import read_plan
from autowatch.settings import whole_number
from transform.clients import client, data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the transform's `name`; returns the job's status and whether it is done."""
    bucket = data_bucket()
    progress = run_transform_job(
        client("sagemaker"),
        bucket,
        read_plan(bucket, event["name"]),
        TransformInstances(
            os.environ["INSTANCE_TYPE"],
            whole_number(os.environ, "INSTANCE_COUNT"),
            os.environ["KMS_KEY_ARN"],
        ),
        tags={"autowatch:stack": os.environ["STACK_NAME"]},
        limit_seconds=whole_number(os.environ, "MAX_TRANSFORM_SECONDS"),
        now=datetime.now(UTC),
    )
    return asdict(progress)
