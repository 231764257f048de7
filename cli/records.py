"""The records of runs that lie in the bucket under models/, read as they are there."""

import json
from typing import Any

from botocore.exceptions import ClientError

from cli.errors import RunFileUnreadableError

_ABSENT = ("NoSuchKey", "404")


def read_record(s3: Any, bucket: str, key: str) -> dict[str, Any] | None:
    """The JSON document under `key`; None where there is none.

    Raises:
        RunFileUnreadableError: what lies there is no JSON object.
    """
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] in _ABSENT:
            return None
        raise
    try:
        document = json.loads(body)
    except ValueError as error:
        raise RunFileUnreadableError(f"s3://{bucket}/{key} is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise RunFileUnreadableError(f"s3://{bucket}/{key} is not a JSON object.")
    return document


def run_names(s3: Any, bucket: str) -> list[str]:
    """The names of all runs that have left something behind, newest first: a name begins with the time of its start."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="models/", Delimiter="/")
    prefixes = [item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ())]
    return sorted((prefix.split("/")[1] for prefix in prefixes), reverse=True)
