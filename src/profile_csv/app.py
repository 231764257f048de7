"""Counts the rows of a CSV in the bucket, or of a piece of it, for the drift detector."""

from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.objects import ObjectVersion
from autowatch.scoring.raw_profile import answer_profile
from autowatch.settings import StackSettings


@entry_point(StackSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: StackSettings) -> dict[str, Any]:
    """Takes the `file`, the `run` with the bins and, for a piece, its `start` and `end`; returns the counts."""
    file = ObjectVersion(**event["file"])
    return answer_profile(
        data_bucket(settings.bucket), file, event["run"], event.get("start", 0), event.get("end")
    )
