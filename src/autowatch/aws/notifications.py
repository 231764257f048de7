"""Messages to people, through the alert topic."""

from collections.abc import Sequence
from typing import Any

_LONGEST_SUBJECT = 99


def publish(sns: Any, topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS takes subjects of less than 100 ASCII characters on one line; others are made fit.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    sns.publish(TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message="\n".join(lines))
