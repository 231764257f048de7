"""Sends messages to people through the alert topic, and events to other systems through EventBridge."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from autowatch.errors import AutowatchError

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 99
_LONGEST_LINE = 4_000
_LONGEST_MESSAGE = 250_000
"""Bytes; the limit of SNS holds for the whole request."""

_FOREIGN_ADDRESS = re.compile(
    r"\b((?!s3:)[a-z][a-z0-9+.-]*)://(?!([a-z0-9-]+\.)?console\.(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)/)",
    re.IGNORECASE,
)


_LITERAL = r"""(?:(?<!\w)'(?:[^'\\\n]|\\.)*(?:'|$)|"(?=[^"\n]*')(?:[^"\\\n]|\\.)*(?:"|$))"""
"""A text as Python's `repr` writes it, or the beginning of one that was cut off."""

_QUOTED = re.compile(
    rf"(?P<names>\bcolumns? {_LITERAL}(?:(?:, | and ){_LITERAL})*)|“[^”\n]*(?:”|$)|{_LITERAL}|…[^“”\n]*”",
    re.MULTILINE | re.IGNORECASE,
)
"""What messages quote: names of columns, which stand behind that word, and else texts of the data."""


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


def mailing(sns: "SNSClient", values_in_mails: bool) -> "SNSClient":
    """What alerts are published through: without `values_in_mails`, texts of the data are left out of each message."""
    return sns if values_in_mails else cast("SNSClient", _WithoutValues(sns))


@dataclass(frozen=True)
class _WithoutValues:
    """Publishes messages in which each text that was quoted from the data is `value 1`, `value 2`: its place in the
    mail, so that a reader sees which are the same. Where it stands in full, the mail's link says."""

    sns: "SNSClient"

    def publish(self, **message: Any) -> None:
        places: dict[str, int] = {}

        def hide(match: re.Match[str]) -> str:
            if match["names"]:
                return match[0]
            return f"value {places.setdefault(match[0].strip(_QUOTES), len(places) + 1)}"

        self.sns.publish(**{**message, "Message": _QUOTED.sub(hide, message["Message"])})


_QUOTES = "“”'\""


def _harmless(line: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in line[:_LONGEST_LINE])
    return _FOREIGN_ADDRESS.sub(r"\1[:]//", printable)


def put_event(
    events: "EventBridgeClient", event_bus: str, detail_type: str, detail: Mapping[str, Any]
) -> None:
    """Puts one event of the source `autowatch` on the stack's own event bus, and a copy on the account's default one.

    The stack acts on its own bus alone, to which only its functions may put. Anyone in the account may put to the
    default one, where others have listened from the start.

    Raises:
        EventRefused: EventBridge accepted the call, but not the event.
    """
    text = json.dumps(detail, ensure_ascii=False, allow_nan=False)
    copy: PutEventsRequestEntryTypeDef = {"Source": "autowatch", "DetailType": detail_type, "Detail": text}
    answer = events.put_events(Entries=[{**copy, "EventBusName": event_bus}, copy])
    if answer["FailedEntryCount"]:
        codes = (entry.get("ErrorCode") for entry in answer["Entries"])
        code = next(filter(None, codes), "no reason given")
        raise EventRefused(
            f"EventBridge refused {detail_type} of {detail['date']}: {code}. The next run tries again."
        )
