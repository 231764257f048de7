import pytest

from autowatch.aws.notifications import publish


class Topic:
    """Keeps what is published; SNS itself would refuse what does not fit."""

    def publish(self, **message):
        self.message = message


@pytest.mark.parametrize(
    ("subject", "sent"),
    [
        ("Drift on 2026-11-23", "Drift on 2026-11-23"),
        ("two\nlines\tand more", "two lines and more"),
        ("Spalte größe", "Spalte gr??e"),
        ("x" * 200, "x" * 99),
    ],
)
def test_a_subject_is_made_fit_for_sns(subject, sent):
    topic = Topic()
    publish(topic, "arn", subject, ["größe", "b"])
    assert topic.message == {"TopicArn": "arn", "Subject": sent, "Message": "größe\nb"}


def sent(*lines):
    topic = Topic()
    publish(topic, "arn", "s", lines)
    return topic.message["Message"]


def test_a_foreign_name_stays_one_line_without_a_link():
    name = "age\r\n\r\nACTION REQUIRED:\u202e log in at HTTPS://evil.example/x"
    assert sent(f"{name} drifted.") == "age    ACTION REQUIRED:  log in at HTTPS[:]//evil.example/x drifted."


@pytest.mark.parametrize(
    "own",
    [
        "s3://bank/models/r/report.html",
        "https://eu-central-1.console.aws.amazon.com/s3/object/bank?region=eu-central-1",
        "https://console.amazonaws.cn/x",
    ],
)
def test_our_own_addresses_stay(own):
    assert sent(f"Report: {own}") == f"Report: {own}"


def test_a_host_that_only_looks_like_the_console_is_foreign():
    assert (
        sent("https://console.aws.amazon.com.evil.example/")
        == "https[:]//console.aws.amazon.com.evil.example/"
    )


def test_a_message_fits_into_sns_and_is_cut_between_characters():
    message = sent(*["ü" * 9_000] * 100)
    assert len(message.encode()) <= 250_000
    assert set(message) == {"ü", "\n"}
