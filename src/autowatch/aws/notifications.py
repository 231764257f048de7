"""Sends messages to people through the alert topic, and events to other systems through EventBridge."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from autowatch.errors import AutowatchError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 99
_LONGEST_LINE = 4_000
_LONGEST_MESSAGE = 250_000
"""Bytes; the limit of SNS holds for the whole request."""

_FOREIGN_ADDRESS = re.compile(
    r"\b((?!s3:)[a-z][a-z0-9+.-]*)://(?!([a-z0-9-]+\.)?console\.(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)/)",
    re.IGNORECASE,
)


class EventRefused(AutowatchError):
    """EventBridge accepted the call, but not the event."""


def publish(sns: "SNSClient", topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS takes subjects of less than 100 ASCII characters on one line, and messages of 256 kB; others are made fit. Names
    and texts of the data may stand in a line: it stays one line, and no address in it but our own can be clicked.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    message = "\n".join(map(_harmless, lines)).encode(errors="replace")[:_LONGEST_MESSAGE]
    sns.publish(
        TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message=message.decode(errors="ignore")
    )


def _harmless(line: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in line[:_LONGEST_LINE])
    return _FOREIGN_ADDRESS.sub(r"\1[:]//", printable)


def put_event(events: "EventBridgeClient", detail_type: str, detail: Mapping[str, Any]) -> None:
    """Puts one event of the source `autowatch` on the default event bus.

    Raises:
        EventRefused: EventBridge accepted the call, but not the event.
    """
    text = json.dumps(detail, ensure_ascii=False, allow_nan=False)
    answer = events.put_events(Entries=[{"Source": "autowatch", "DetailType": detail_type, "Detail": text}])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise EventRefused(
            f"EventBridge refused {detail_type} of {detail['date']}: {code}. The next run tries again."
        )
