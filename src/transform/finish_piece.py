"""State FinishPiece: makes one piece's part of the predictions file from what Batch Transform has joined."""

from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.scoring.transform.accept import AcceptedPiece
from autowatch.scoring.transform.finish import finish_piece
from autowatch.scoring.transform.plan import read_plan
from autowatch.settings import StackSettings


@entry_point(StackSettings)
def lambda_handler(event: dict[str, Any], _context: object, settings: StackSettings) -> None:
    """Takes the transform's `name` and the `piece`; writes the result to the bucket."""
    bucket = data_bucket(settings.bucket)
    finish_piece(bucket, read_plan(bucket, event["name"]), AcceptedPiece(**event["piece"]))
