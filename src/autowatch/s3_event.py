"""Reading S3's event notifications."""

from typing import Any
from urllib.parse import unquote_plus

from autowatch.arrival import Arrival
from autowatch.objects import ObjectVersion
from autowatch.timestamps import from_text


def arrivals_in(event: dict[str, Any]) -> list[Arrival]:
    """The files that an event announces: none in S3's own test event, and none for folder markers."""
    arrivals = [_arrival(record) for record in event.get("Records", [])]
    return [arrival for arrival in arrivals if not arrival.file.key.endswith("/")]


def _arrival(record: dict[str, Any]) -> Arrival:
    written = record["s3"]["object"]
    file = ObjectVersion(
        key=unquote_plus(written["key"]),
        version_id=written.get("versionId"),
        etag=written["eTag"].strip('"'),
        size=written["size"],
    )
    return Arrival(file, from_text(record["eventTime"]))
