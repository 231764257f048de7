"""State RestoreModel: makes an earlier run's model again, where it was removed."""

import os
from typing import Any

from autowatch.training.serving.staging import restore_model
from train.clients import client, data_bucket
from train.settings import serving_from_env, tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the earlier `run`; returns it as the run whose model is at hand."""
    restore_model(
        data_bucket(),
        client("sagemaker"),
        event["run"],
        endpoint_name=os.environ["ENDPOINT_NAME"],
        serving=serving_from_env(os.environ),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        tags=tags_from_env(os.environ, event["run"]),
    )
    return {"run": event["run"]}
