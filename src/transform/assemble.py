"""State Assemble: puts the pieces together and commits."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.scoring.transform.assemble import assemble
from autowatch.scoring.transform.plan import read_plan
from transform.clients import data_bucket
from transform.settings import settings_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the transform's `name`; returns the counts of the commit."""
    bucket = data_bucket()
    plan = read_plan(bucket, event["name"])
    manifest = assemble(bucket, plan, settings_from_env(os.environ), datetime.now(UTC))
    return {
        "predictions_key": manifest.predictions.key,
        "rows_in": manifest.rows_in,
        "rows_scored": manifest.rows_scored,
        "rows_rejected": manifest.rows_rejected,
    }
