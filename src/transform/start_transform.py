"""State StartTransform: starts the Batch Transform job over all pieces."""

import os
from typing import Any

from autowatch.scoring.transform.job import TransformInstances, start_transform_job
from autowatch.scoring.transform.plan import read_plan
from autowatch.settings import whole_number
from transform.clients import client, data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, str]:
    """Takes the transform's `name`; returns the job's."""
    bucket = data_bucket()
    job = start_transform_job(
        client("sagemaker"),
        bucket,
        read_plan(bucket, event["name"]),
        TransformInstances(os.environ["INSTANCE_TYPE"], whole_number(os.environ, "INSTANCE_COUNT")),
        tags={"autowatch:stack": os.environ["STACK_NAME"]},
    )
    return {"job_name": job}
