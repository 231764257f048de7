"""Messages to people through the alert topic, and events to other systems through EventBridge."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from autowatch.errors import AutowatchError

_LONGEST_SUBJECT = 99


class EventRefused(AutowatchError):
    """EventBridge took the call, but not the event."""


def publish(sns: Any, topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS takes subjects of less than 100 ASCII characters on one line; others are made fit.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    sns.publish(TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message="\n".join(lines))


def put_event(events: Any, detail_type: str, detail: Mapping[str, Any]) -> None:
    """Puts one event of the source `autowatch` on the default event bus.

    Raises:
        EventRefused: EventBridge took the call, but not the event.
    """
    entry = {
        "Source": "autowatch",
        "DetailType": detail_type,
        "Detail": json.dumps(detail, ensure_ascii=False, allow_nan=False),
    }
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise EventRefused(
            f"EventBridge refused {detail_type} of {detail['date']}: {code}. The next run tries again."
        )
