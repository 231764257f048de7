"""State RestoreModel: makes an earlier run's model again, where it was removed."""

import os
from typing import Any

from autowatch.training.serving.endpoints import config_name
from autowatch.training.serving.staging import restore_model
from train.clients import client
from train.settings import serving_from_env, tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run` and the one that it `promotes`; returns that as the run whose model is at hand, and the endpoint
    config that serves it."""
    name = os.environ["ENDPOINT_NAME"]
    restore_model(
        client("s3"),
        client("sagemaker"),
        os.environ["S3_BUCKET"],
        event["run"],
        promoted=event["promotes"],
        endpoint_name=name,
        serving=serving_from_env(os.environ),
        role_arn=os.environ["SAGEMAKER_ROLE_ARN"],
        tags=tags_from_env(os.environ, event["promotes"]),
    )
    return {"run": event["promotes"], "config": config_name(name, event["run"])}
