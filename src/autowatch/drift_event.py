"""The event DriftDetected, by which other systems, and retraining, hear of drift."""

import json
from collections.abc import Mapping
from typing import Any

from autowatch.drift_document import deciding_alarms
from autowatch.errors import AutowatchError

# EventBridge takes entries of 256 kB; the report has everything.
_MOST = 100
_LONGEST_NAME = 100


class EventRefused(AutowatchError):
    """EventBridge did not take the event."""


def put_event(events: Any, bucket: str, date: str, part: Mapping[str, Any], report_key: str) -> None:
    """Puts `DriftDetected` on the default event bus; docs/drift-detected.schema.json has its fields.

    Args:
        part: what `drift.json` says of the rows of the run that drifted.

    Raises:
        EventRefused: EventBridge took the call, but not the event.
    """
    detail = {
        "bucket": bucket,
        "date": date,
        "run": part["run"],
        "rows": part["rows"],
        "drifted_columns": [name[:_LONGEST_NAME] for name in part["drifted_columns"][:_MOST]],
        "drift_share": part["drift_share"],
        "since": part["since"],
        "alarms": [
            {"column": alarm["column"] and alarm["column"][:_LONGEST_NAME], "kind": alarm["kind"]}
            for alarm in deciding_alarms(part)[:_MOST]
        ],
        "report_key": report_key,
    }
    entry = {
        "Source": "autowatch",
        "DetailType": "DriftDetected",
        "Detail": json.dumps(detail, ensure_ascii=False),
    }
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise EventRefused(f"EventBridge refused DriftDetected of {date}: {code}. The next run tries again.")
