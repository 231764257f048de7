"""State PreparePromotion: begins a run that releases a model again, and makes what it needs."""

import os
from typing import Any

from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text, to_text
from autowatch.training.release.rollback import begin_promotion, promoted_run
from autowatch.training.serving.endpoints import config_name
from autowatch.training.serving.staging import restore_model
from train.clients import client, data_bucket
from train.settings import serving_from_env, tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the run, the one that it promotes
    and the endpoint config that serves its model."""
    name = os.environ["ENDPOINT_NAME"]
    bucket, started = data_bucket(), from_text(event["started"])
    promotes = promoted_run(event["input"])
    run = begin_promotion(
        bucket,
        client("stepfunctions"),
        promotes,
        run=run_name(event["execution"], started),
        execution=event["execution"],
        started=to_text(started),
    )
    restore_model(
        bucket,
        client("sagemaker"),
        run.run,
        promoted=promotes,
        endpoint_name=name,
        serving=serving_from_env(os.environ),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        tags=tags_from_env(os.environ, promotes),
    )
    return {"run": run.run, "promotes": promotes, "config": config_name(name, run.run)}
