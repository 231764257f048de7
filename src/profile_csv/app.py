"""Counts the rows of a CSV of the bucket, or of a piece of it, for the drift detector."""

import os
from functools import cache
from typing import Any

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.scoring.raw_profile import answer_profile


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes the `file`, the `run` whose bins to count on and, of a piece, its `start` and `end`; returns the counts."""
    file = ObjectVersion.from_json(event["file"])
    return answer_profile(_bucket(), file, event["run"], event.get("start", 0), event.get("end"))


@cache
def _bucket() -> Bucket:
    config = Config(connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5})
    return Bucket(boto3.client("s3", config=config), os.environ["S3_BUCKET"])
