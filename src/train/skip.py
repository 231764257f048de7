"""State Skip: says why a run that drift asked for does not train."""

import os
from typing import Any

from autowatch.aws.notifications import publish
from train.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `reason` and publishes it."""
    lines = ["Drift asked for a training run, but none was started.", event["reason"]]
    publish(client("sns"), os.environ["ALERT_TOPIC_ARN"], "Autowatch: drift, but no training run", lines)
    return {"reason": event["reason"]}
