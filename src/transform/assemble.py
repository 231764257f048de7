"""State Assemble: puts the pieces together and commits."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.scoring.transform.assemble import assemble
from autowatch.scoring.transform.plan import read_plan
from transform.clients import client
from transform.settings import settings_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the transform's `name`; returns the counts of the commit."""
    s3, settings = client("s3"), settings_from_env(os.environ)
    manifest = assemble(s3, read_plan(s3, settings.bucket, event["name"]), settings, datetime.now(UTC))
    return {
        "predictions_key": manifest.predictions.key,
        "rows_in": manifest.rows_in,
        "rows_scored": manifest.rows_scored,
        "rows_rejected": manifest.rows_rejected,
    }
