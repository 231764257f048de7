"""Messages to people, through the alert topic."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LONGEST_SUBJECT = 99


def publish(sns: "SNSClient", topic_arn: str, subject: str, lines: Sequence[str]) -> None:
    """Publishes one message.

    SNS takes subjects of less than 100 ASCII characters on one line; others are made fit.
    """
    ascii_subject = " ".join(subject.split()).encode("ascii", "replace").decode()
    sns.publish(TopicArn=topic_arn, Subject=ascii_subject[:_LONGEST_SUBJECT], Message="\n".join(lines))
