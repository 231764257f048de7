"""State FinishPiece: makes one piece's part of the predictions file from what Batch Transform has joined."""

from typing import Any

from autowatch.scoring.transform.accept import AcceptedPiece
from autowatch.scoring.transform.finish import finish_piece
from autowatch.scoring.transform.plan import read_plan
from transform.clients import data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name` and the `piece`; what was made goes to the bucket."""
    bucket = data_bucket()
    finish_piece(bucket, read_plan(bucket, event["name"]), AcceptedPiece(**event["piece"]))
