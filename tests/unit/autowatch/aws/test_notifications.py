import pytest
from hypothesis import given
from hypothesis import strategies as st

from autowatch.aws.notifications import mailing, publish
from autowatch.tabular.cells import cut, in_quotes
from tests.support.repository import ROOT


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


def sent_without_values(*lines):
    topic = Topic()
    publish(mailing(topic, values_in_mails=False), "arn", "s", lines)
    return topic.message["Message"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Moved:    job rose: “admin.” 3% → 61%; fell: “retired” 9% → 1%, “admin.”",
            "Moved:    job rose: value 1 3% → 61%; fell: value 2 9% → 1%, value 1",
        ),
        ("y is 'yes' from 0.3 on, 'no' below", "y is value 1 from 0.3 on, value 2 below"),
        (
            """The column 'y' has 3 different labels: 'it\\'s "x"', "O'Neil", 'c'.""",
            "The column 'y' has 3 different labels: value 1, value 2, value 3.",
        ),
        (
            "It lacks the columns 'a', 'b' and 'c', with which …",
            "It lacks the columns 'a', 'b' and 'c', with which …",
        ),
        (
            'The rows\' labels are late. Release it: autowatch approve r --reason "..."',
            'The rows\' labels are late. Release it: autowatch approve r --reason "..."',
        ),
        ("Alarms:   job: “a long categ", "Alarms:   job: value 1"),
        (
            "Alarms:   job: the most frequent: …gory” (5 rows)",
            "Alarms:   job: the most frequent: value 1 (5 rows)",
        ),
    ],
)
def test_texts_of_the_data_are_left_out_of_mails_where_that_is_asked_for(line, expected):
    assert sent_without_values(line) == expected
    assert sent(line) == line


@given(st.text(st.sampled_from("“”'\"\\ aé\n…,"), max_size=12), st.booleans())
def test_no_text_escapes_its_quotes(text, as_repr):
    value = cut(f"{text}SECRET{text}SECRET{text}")
    quoted = repr(value) if as_repr else in_quotes(value)
    assert "SECRET" not in sent_without_values(f"The most frequent: {quoted} (7 rows).")


def test_every_function_that_mails_does_so_as_the_parameter_says():
    functions = [path.read_text() for path in (ROOT / "src").glob("*/*.py")]
    mailing_functions = [text for text in functions if 'client("sns")' in text]
    assert len(mailing_functions) >= 8
    assert all('mailing(client("sns"), settings.values_in_mails)' in text for text in mailing_functions)
