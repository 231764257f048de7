import email
from concurrent.futures import ThreadPoolExecutor

import pytest

from sandbox.events.mailbox import Mailbox


def test_a_message_comes_back_as_it_was_delivered(tmp_path):
    mailbox = Mailbox(tmp_path / "not" / "yet" / "there")

    path = mailbox.deliver("Domino <dmm@sandbox.invalid>", "team@bank.example", "Drift in y", "one\ntwo\n")

    (mail,) = mailbox.messages()
    assert mail.path == path
    assert (mail.sender, mail.recipient) == ("Domino <dmm@sandbox.invalid>", "team@bank.example")
    assert (mail.subject, mail.body) == ("Drift in y", "one\ntwo\n")


@pytest.mark.parametrize(
    ("subject", "body"),
    [
        ("Abweichung: Zinssätze – «ü» 漢字 🙂", "Spalte „euribor3m“: Änderung\n漢字 🙂\n"),
        ("long " * 60 + "end", "x" * 5000 + "\n"),
        ("dots", ".\n..\nFrom here on\n\n"),
        ("empty body", "\n"),
    ],
)
def test_any_text_survives_the_mail_format(tmp_path, subject, body):
    mailbox = Mailbox(tmp_path)
    path = mailbox.deliver("a@sandbox.invalid", "b@sandbox.invalid", subject, body)

    (mail,) = mailbox.messages()

    assert (mail.subject, mail.body) == (subject, body)
    raw = path.read_bytes()
    head = raw.split(b"\r\n\r\n", 1)[0]
    head.decode("ascii")
    assert max(len(line) for line in raw.split(b"\r\n")) <= 998
    assert email.message_from_bytes(raw).defects == []


def test_a_subject_cannot_add_headers(tmp_path):
    mailbox = Mailbox(tmp_path)
    mailbox.deliver("a@sandbox.invalid", "b@sandbox.invalid", "Drift\r\nBcc: thief@evil.example", "text")
    (mail,) = mailbox.messages()
    assert mail.subject == "Drift Bcc: thief@evil.example"
    assert email.message_from_bytes(mail.path.read_bytes())["Bcc"] is None


def test_an_address_cannot_add_headers(tmp_path):
    mailbox = Mailbox(tmp_path)
    with pytest.raises(ValueError, match="linefeed"):
        mailbox.deliver("a@sandbox.invalid", "b@x.example\nBcc: thief@evil.example", "s", "text")
    assert mailbox.messages() == []


def test_messages_come_back_oldest_first(tmp_path):
    mailbox = Mailbox(tmp_path)
    assert mailbox.messages() == []
    for number in range(30):
        mailbox.deliver("a@sandbox.invalid", "b@sandbox.invalid", f"{number}", "text")
    assert [mail.subject for mail in mailbox.messages()] == [str(number) for number in range(30)]


def test_many_deliveries_at_once_lose_nothing(tmp_path):
    mailbox = Mailbox(tmp_path)
    with ThreadPoolExecutor(16) as pool:
        paths = list(
            pool.map(
                lambda number: mailbox.deliver("a@sandbox.invalid", "b@sandbox.invalid", f"{number}", "text"),
                range(300),
            )
        )
    assert len(set(paths)) == 300
    assert {mail.subject for mail in mailbox.messages()} == {str(number) for number in range(300)}
    assert {path.suffix for path in tmp_path.iterdir()} == {".eml"}


def test_a_half_written_message_is_not_read(tmp_path):
    mailbox = Mailbox(tmp_path)
    (tmp_path / "20261123T200000.000000000-abc.part").write_bytes(b"From: a@")
    assert mailbox.messages() == []
