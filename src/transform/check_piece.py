"""State CheckPiece: looks at every row of one piece, and makes ready what can be sent."""

import os
from typing import Any

from autowatch.scoring.transform.check import check_piece
from autowatch.scoring.transform.plan import Piece, read_plan
from autowatch.settings import whole_number
from transform.clients import data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name` and the `piece`; what was found goes to the bucket, since there may be thousands."""
    bucket = data_bucket()
    plan = read_plan(bucket, event["name"])
    check_piece(bucket, plan, Piece.from_json(event["piece"]), whole_number(os.environ, "MAX_BATCH_BYTES"))
