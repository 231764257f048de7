"""Messages to people through the alert topic, and events to other systems through EventBridge."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autowatch.errors import AutowatchError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 99


class EventRefused(AutowatchError):
    """EventBridge took the call, but not the event."""


def publish(sns: "SNSClient", topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS takes subjects of less than 100 ASCII characters on one line; others are made fit.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    sns.publish(TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message="\n".join(lines))


def put_event(events: "EventBridgeClient", detail_type: str, detail: Mapping[str, Any]) -> None:
    """Puts one event of the source `autowatch` on the default event bus.

    Raises:
        EventRefused: EventBridge took the call, but not the event.
    """
    text = json.dumps(detail, ensure_ascii=False, allow_nan=False)
    answer = events.put_events(Entries=[{"Source": "autowatch", "DetailType": detail_type, "Detail": text}])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise EventRefused(
            f"EventBridge refused {detail_type} of {detail['date']}: {code}. The next run tries again."
        )
