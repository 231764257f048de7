"""State Accept: adds up the checks of all pieces, and refuses the file where it cannot be scored."""

import os
from dataclasses import asdict
from typing import Any

from autowatch.scoring.transform.accept import accept_file
from autowatch.scoring.transform.plan import read_plan
from transform.clients import client
from transform.settings import settings_from_env


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the transform's `name`; returns the decision and the bytes of the longest line."""
    s3, settings = client("s3"), settings_from_env(os.environ)
    return asdict(accept_file(s3, settings, read_plan(s3, settings.bucket, event["name"])))
