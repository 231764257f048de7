"""State Assemble: puts the pieces together and commits."""

from datetime import UTC, datetime
from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.scoring.transform.assemble import assemble
from autowatch.scoring.transform.plan import read_plan
from transform.settings import ScoringSettings


@entry_point(ScoringSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: ScoringSettings) -> dict[str, Any]:
    """Takes the transform's `name`; returns the counts of the commit."""
    bucket = data_bucket(settings.bucket)
    plan = read_plan(bucket, event["name"])
    manifest = assemble(bucket, plan, settings.transform, datetime.now(UTC))
    return {
        "predictions_key": manifest.predictions.key,
        "rows_in": manifest.rows.incoming,
        "rows_scored": manifest.rows.scored,
        "rows_rejected": manifest.rows.rejected,
    }
