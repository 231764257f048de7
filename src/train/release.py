"""State Release: creates the endpoint, or updates it to the challenger."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.serving import model_name, switch_endpoint
from autowatch.timestamps import to_text
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `run`; returns the endpoint's name and since when it is on its way."""
    name = os.environ["ENDPOINT_NAME"]
    tags = {"autowatch:stack": os.environ["STACK_NAME"]}
    switch_endpoint(client("sagemaker"), name, model_name(name, event["run"]), tags)
    return {"endpoint_name": name, "since": to_text(datetime.now(UTC))}
