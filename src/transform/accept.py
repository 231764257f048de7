"""State Accept: adds up the checks of all pieces, and refuses the file if it cannot be scored."""

from dataclasses import asdict
from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.scoring.transform.accept import accept_file
from autowatch.scoring.transform.plan import read_plan
from transform.settings import ScoringSettings


@entry_point(ScoringSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: ScoringSettings) -> dict[str, Any]:
    """Takes the transform's `name`; returns the decision and the bytes of the longest line."""
    bucket = data_bucket(settings.bucket)
    return asdict(accept_file(bucket, settings.transform, read_plan(bucket, event["name"])))
