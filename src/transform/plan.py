"""State Plan: pins the champion, checks the header, cuts the file into pieces."""

from dataclasses import dataclass
from typing import Any

from autowatch.aws.clients import data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.arrival import arrival_in_execution
from autowatch.records.keys import Work
from autowatch.records.timestamps import from_text
from autowatch.scoring.transform.accept import plan_file
from autowatch.scoring.transform.job import poll_interval
from transform.settings import ScoringSettings


@dataclass(frozen=True)
class Settings(ScoringSettings):
    """Settings from the template."""

    piece_bytes: int
    pieces_at_once: int
    poll_seconds: int
    max_transform_seconds: int


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the execution's `input` and when it `started`; returns the decision and the next states' input."""
    work = Work(event["input"]["name"])
    decision = plan_file(
        data_bucket(settings.bucket),
        settings.transform,
        work,
        arrival_in_execution(event["input"]),
        settings.piece_bytes,
        from_text(event["started"]),
    )
    return {
        "decision": decision,
        "bucket": settings.bucket,
        "pieces_key": work.pieces,
        "accepted_key": work.accepted,
        "failure_key": work.failure,
        "pieces_at_once": settings.pieces_at_once,
        "poll_seconds": poll_interval(settings.poll_seconds, settings.max_transform_seconds),
    }
