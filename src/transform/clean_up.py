"""State CleanUp: removes the transform's working objects."""

from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.keys import Work
from autowatch.scoring.transform.work import remove_work
from autowatch.settings import StackSettings


@entry_point(StackSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: StackSettings) -> None:
    """Takes the transform's `name`."""
    remove_work(data_bucket(settings.bucket), Work(event["name"]))
