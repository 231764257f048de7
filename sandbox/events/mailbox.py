"""The sandbox's mailbox: every e-mail that AWS or Domino would send is written into a folder as an .eml file."""

import os
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path


@dataclass(frozen=True)
class Mail:
    """One delivered e-mail; every line of the body ends with a plain newline."""

    sender: str
    recipient: str
    subject: str
    body: str
    date: str
    path: Path


class Mailbox:
    """A folder of e-mails. Several threads and processes may deliver into one folder at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def deliver(self, sender: str, recipient: str, subject: str, body: str) -> Path:
        """Writes one RFC 5322 message and returns its path; file names sort by time of delivery.

        Line breaks in the subject become spaces, since a header has one line.

        Raises:
            ValueError: an address holds a line break.
        """
        now = time.time_ns()
        moment = datetime.fromtimestamp(now // 1_000_000_000, UTC)
        unique = uuid.uuid4().hex
        message = EmailMessage(policy=policy.SMTP)
        message["From"] = sender
        message["To"] = recipient
        message["Subject"] = " ".join(subject.split())
        message["Date"] = format_datetime(moment)
        message["Message-ID"] = f"<{unique}@sandbox.invalid>"
        message.set_content(body)

        path = self.folder / f"{moment:%Y%m%dT%H%M%S}.{now % 1_000_000_000:09d}-{unique[:12]}.eml"
        # Readers list only *.eml, so they never see half a message.
        unfinished = path.with_suffix(".part")
        unfinished.write_bytes(message.as_bytes())
        os.replace(unfinished, path)
        return path

    def messages(self) -> list[Mail]:
        """Every delivered e-mail, oldest first."""
        return [_read(path) for path in sorted(self.folder.glob("*.eml"))]


def _read(path: Path) -> Mail:
    message = message_from_bytes(path.read_bytes(), policy=policy.default)
    assert isinstance(message, EmailMessage)  # noqa: S101 (what policy.default makes)
    return Mail(
        sender=str(message["From"]),
        recipient=str(message["To"]),
        subject=str(message["Subject"]),
        body=message.get_content().replace("\r\n", "\n"),
        date=str(message["Date"]),
        path=path,
    )
