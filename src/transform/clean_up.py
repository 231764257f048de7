"""State CleanUp: removes what the transform has left to itself."""

from typing import Any

from autowatch.scoring.transform.work import Work, remove_work
from transform.clients import data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name`."""
    remove_work(data_bucket(), Work(event["name"]))
