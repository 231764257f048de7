"""State Release: creates the endpoint, or updates it to the challenger."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.records.timestamps import to_text
from autowatch.training.release.promote import begin_release
from autowatch.training.serving.deployment import deployment_config
from train.clients import client, data_bucket
from train.settings import deployment_from_env, tags_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run` whose model is released; returns the endpoint's name and since when it is on its way."""
    name = os.environ["ENDPOINT_NAME"]
    begin_release(
        data_bucket(),
        client("sagemaker"),
        event["run"],
        name,
        tags_from_env(os.environ),
        deployment_config(deployment_from_env(os.environ)),
    )
    return {"endpoint_name": name, "since": to_text(datetime.now(UTC))}
