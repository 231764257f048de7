"""State CleanUp: removes what the transform has left to itself."""

import os
from typing import Any

from autowatch.scoring.transform.work import Work, remove_work
from transform.clients import client


def lambda_handler(event: dict[str, Any], _context: object) -> None:
    """Takes the transform's `name`."""
    remove_work(client("s3"), os.environ["S3_BUCKET"], Work(event["name"]))
