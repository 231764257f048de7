"""Sends messages to people through the alert topic, and events to other systems through EventBridge."""

import json
import re
import textwrap
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
_COLUMNS, _TEXT_COLUMN = 72, 10
_LONGEST_MESSAGE = 250_000
"""Bytes; the limit of SNS holds for the whole request."""

_FOREIGN_ADDRESS = re.compile(
    r"\b((?!s3:)[a-z][a-z0-9+.-]*)://(?!([a-z0-9-]+\.)?console\.(aws\.amazon\.com|amazonaws-us-gov\.com|amazonaws\.cn)/)",
    re.IGNORECASE,
)


_LITERAL = r"""(?:(?<!\w)'(?:[^'\\\n]|\\.)*(?:'|$)|(?<!\w)"(?=[^"\n]*')(?:[^"\\\n]|\\.)*(?:"|$))"""
"""A text in the form of Python's `repr`, or the beginning of one that was cut off."""

_NUMBER = r"-?[0-9][0-9.,]*(?:e[+-]?[0-9]+)?"
_OWN_BIN = (
    rf"“(?:any number|missing|other known values|never seen in training|(?:below|above|exactly) {_NUMBER}"
    rf"|{_NUMBER} to {_NUMBER})”"
)
"""A bin in the form of `Bins.labels`, except after a category."""

_QUOTED = re.compile(
    rf"(?P<kept>\bcolumns? {_LITERAL}(?:(?:, | and ){_LITERAL})*|{_OWN_BIN})|“[^”\n]*(?:”|$)|{_LITERAL}|…[^“”\n]*”",
    re.MULTILINE | re.IGNORECASE,
)
"""Quotations in messages: names of columns, which follow the word "column", bins of numbers, and texts of the data."""


class EventRefused(AutowatchError):
    """EventBridge accepted the call, but not the event."""


def publish(sns: "SNSClient", topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS accepts subjects of less than 100 ASCII characters on one line, and messages of 256 kB; others are shortened. A
    line may contain names and texts of the data: it stays one line, and only our own addresses in it can be clicked.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    message = "\n".join(map(_harmless, lines)).encode(errors="replace")[:_LONGEST_MESSAGE]
    sns.publish(
        TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message=message.decode(errors="ignore")
    )


def mailing(sns: "SNSClient", values_in_mails: bool) -> "SNSClient":
    """The publisher of alerts: wraps lines at 72 columns and, without `values_in_mails`, removes texts of the data."""
    return cast("SNSClient", _Mail(sns, values_in_mails))


@dataclass(frozen=True)
class _Mail:
    """Publishes messages with wrapped lines; without `values_in_mails`, texts of the data become `value 1`, `value 2`.

    The same text always gets the same number within a mail. The page to which the mail links has the full texts.
    """

    sns: "SNSClient"
    values_in_mails: bool

    def publish(self, **message: Any) -> None:
        places: dict[str, int] = {}

        def hide(match: re.Match[str]) -> str:
            if match["kept"]:
                return match[0]
            return f"value {places.setdefault(match[0].strip(_QUOTES), len(places) + 1)}"

        text = message["Message"] if self.values_in_mails else _QUOTED.sub(hide, message["Message"])
        # Lines are wrapped last, since a text to be replaced must not be broken.
        wrapped = "\n".join(map(_wrapped, text.split("\n"))).encode()[:_LONGEST_MESSAGE]
        self.sns.publish(**{**message, "Message": wrapped.decode(errors="ignore")})


_QUOTES = "“”'\""

_LABEL = re.compile(r"[A-Z][a-z ]{1,7}: +| {10}")
"""The beginning of a line whose text is in the mail's second column, after ten characters."""


def _wrapped(line: str) -> str:
    """The line wrapped at 72 columns, if its words are short enough.

    Continuation lines are indented, so that foreign text never begins a line as if it were ours.
    """
    indent = line[:_TEXT_COLUMN] if _LABEL.fullmatch(line[:_TEXT_COLUMN]) else ""
    broken = textwrap.fill(
        line[len(indent) :],
        _COLUMNS,
        initial_indent=indent,
        subsequent_indent=" " * (len(indent) or 2),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return broken or line


def _harmless(line: str) -> str:
    printable = "".join(character if character.isprintable() else " " for character in line[:_LONGEST_LINE])
    return _FOREIGN_ADDRESS.sub(r"\1[:]//", printable)


def put_event(
    events: "EventBridgeClient", event_bus: str, detail_type: str, detail: Mapping[str, Any]
) -> None:
    """Puts one event of the source `autowatch` on the stack's own event bus, and a copy on the account's default one.

    The stack acts only on events of its own bus, to which only its functions may put. Anyone in the account may put to
    the default bus; the copy serves other systems that listen there.

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
