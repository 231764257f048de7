"""State Plan: pins the champion, checks the header, cuts the file into pieces."""

import os
from typing import Any

from autowatch.records.timestamps import from_text
from autowatch.scoring.transform.accept import plan_file
from autowatch.scoring.transform.job import poll_interval
from autowatch.scoring.transform.work import Work
from autowatch.settings import whole_number
from transform.clients import data_bucket
from transform.settings import arrival_from_input, settings_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the execution's `input` and when it `started`; returns the decision and what the next states need."""
    bucket, work = data_bucket(), Work(event["input"]["name"])
    decision = plan_file(
        bucket,
        settings_from_env(os.environ),
        work,
        arrival_from_input(event["input"]),
        whole_number(os.environ, "PIECE_BYTES"),
        from_text(event["started"]),
    )
    return {
        "decision": decision,
        "bucket": bucket.name,
        "pieces_key": work.pieces,
        "accepted_key": work.accepted,
        "failure_key": work.failure,
        "pieces_at_once": whole_number(os.environ, "PIECES_AT_ONCE"),
        "poll_seconds": poll_interval(
            whole_number(os.environ, "POLL_SECONDS"), whole_number(os.environ, "MAX_TRANSFORM_SECONDS")
        ),
    }
