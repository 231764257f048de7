"""State StartAutopilot: starts the AutoML job."""

import os
from typing import Any

from autowatch.records.contract import read_contract
from autowatch.records.run import check_running, contract_key
from autowatch.settings import network_from_env, whole_number
from autowatch.training.autopilot import Limits, start_job
from train.clients import client, data_bucket
from train.settings import tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run`; returns the job's name."""
    bucket = data_bucket()
    check_running(bucket, event["run"])
    name = start_job(
        client("sagemaker"),
        bucket,
        read_contract(bucket, contract_key(event["run"])),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        mode=os.environ["AUTOPILOT_MODE"],
        objective=os.environ["OBJECTIVE_METRIC"],
        limits=Limits(
            whole_number(os.environ, "MAX_CANDIDATES"), whole_number(os.environ, "MAX_TRAINING_SECONDS")
        ),
        kms_key=os.environ["KMS_KEY_ARN"],
        network=network_from_env(os.environ),
        tags=tags_from_env(os.environ, event["run"]),
    )
    return {"job_name": name}
