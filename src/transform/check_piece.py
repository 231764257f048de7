"""State CheckPiece: checks every row of one piece, and prepares the rows that can be sent."""

from dataclasses import dataclass
from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.scoring.transform.check import check_piece
from autowatch.scoring.transform.plan import Piece, read_plan
from autowatch.settings import StackSettings


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    max_batch_bytes: int


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> None:
    """Takes the transform's `name` and the `piece`; writes the result to the bucket, as there may be thousands."""
    bucket = data_bucket(settings.bucket)
    plan = read_plan(bucket, event["name"])
    check_piece(bucket, plan, Piece(**event["piece"]), settings.max_batch_bytes)
