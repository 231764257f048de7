"""State CheckPiece: looks at every row of one piece, and makes ready what can be sent."""

import os
from typing import Any

from autowatch.scoring.transform.check import check_piece
from autowatch.scoring.transform.plan import Piece, read_plan
from autowatch.settings import whole_number
from transform.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name` and the `piece`; what was found goes to the bucket, since there may be thousands."""
    s3, bucket = client("s3"), os.environ["S3_BUCKET"]
    plan = read_plan(s3, bucket, event["name"])
    check_piece(
        s3, bucket, plan, Piece.from_json(event["piece"]), whole_number(os.environ, "MAX_BATCH_BYTES")
    )
