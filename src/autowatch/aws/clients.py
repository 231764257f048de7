"""A session whose clients read long listings with little CPU."""

from datetime import datetime
from typing import Any

import boto3
from botocore.session import get_session
from botocore.utils import parse_timestamp


def quick_session() -> boto3.Session:
    """A session like any other, but for how the time of each object in a listing is read.

    botocore tries all forms that a date may have, which takes more time than the rest of the listing.
    """
    core = get_session()
    core.get_component("response_parser_factory").set_parser_defaults(timestamp_parser=_parse)
    return boto3.Session(botocore_session=core)


def _parse(value: Any) -> datetime:
    """S3's listings have ISO 8601, headers and other services what botocore knows."""
    try:
        return datetime.fromisoformat(value)
    except (TypeError, ValueError):
        parsed: datetime = parse_timestamp(value)
        return parsed
