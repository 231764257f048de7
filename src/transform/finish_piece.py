"""State FinishPiece: makes one piece's part of the predictions file from what Batch Transform has joined."""

import os
from typing import Any

from autowatch.scoring.transform.accept import AcceptedPiece
from autowatch.scoring.transform.finish import finish_piece
from autowatch.scoring.transform.plan import read_plan
from transform.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name` and the `piece`; what was made goes to the bucket."""
    s3, bucket = client("s3"), os.environ["S3_BUCKET"]
    finish_piece(s3, bucket, read_plan(s3, bucket, event["name"]), AcceptedPiece(**event["piece"]))
