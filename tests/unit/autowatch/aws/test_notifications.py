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
