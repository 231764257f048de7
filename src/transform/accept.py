"""State Accept: adds up the checks of all pieces, and refuses the file where it cannot be scored."""

import os
from dataclasses import asdict
from typing import Any

from autowatch.scoring.transform.accept import accept_file
from autowatch.scoring.transform.plan import read_plan
from transform.clients import data_bucket
from transform.settings import settings_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the transform's `name`; returns the decision and the bytes of the longest line."""
    bucket = data_bucket()
    plan = read_plan(bucket, event["name"])
    return asdict(accept_file(bucket, settings_from_env(os.environ), plan))
