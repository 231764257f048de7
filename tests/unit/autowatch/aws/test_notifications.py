import re

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
def test_a_subject_is_adapted_to_sns(subject, sent):
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
def test_our_own_addresses_are_kept(own):
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


def mailed(*lines, values_in_mails=True):
    topic = Topic()
    publish(mailing(topic, values_in_mails), "arn", "s", lines)
    return topic.message["Message"]


def sent_without_values(*lines):
    """The lines as they are before they are broken."""
    return re.sub(r"\n +", " ", mailed(*lines, values_in_mails=False))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "Moved:    job rose: “admin.” 3% → 61%; fell: “retired” 9% → 1%, “admin.”",
            "Moved:    job rose: value 1 3% → 61%; fell: value 2 9% → 1%, value 1",
        ),
        (
            "age rose: “below -1.5” 3% → 61%, “2 to 3.5e+06” 1% → 9%; job fell: “missing” 9% → 1%, “2 to ten” 1%",
            "age rose: “below -1.5” 3% → 61%, “2 to 3.5e+06” 1% → 9%; job fell: “missing” 9% → 1%, value 1 1%",
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
        (
            """Give texts "by" and "reason"; a run's name is that of its folder, such as 20261123-071500-d822.""",
            """Give texts "by" and "reason"; a run's name is that of its folder, such as 20261123-071500-d822.""",
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
    mail = mailed(
        f"The most frequent of very many values in a long line: {quoted} (7 rows).", values_in_mails=False
    )
    assert "SECRET" not in mail


def test_a_mail_is_wrapped_at_72_columns():
    address = f"https://eu-west-1.console.aws.amazon.com/s3/object/b?prefix={'x' * 90}"
    mail = mailed(
        "What:     16 of 19 columns drifted in 2,200 rows in 2 files of 2026-11-23, scored by run 7, an earlier one.",
        "          a second line of the same, which is as long as that and so has to be broken somewhere, too",
        f"Open:     {address}",
        "",
        "The model of run 20261123-071500-d822 serves on, and what the run made was removed. Nothing else changed.",
    )

    assert mail.splitlines() == [
        "What:     16 of 19 columns drifted in 2,200 rows in 2 files of",
        "          2026-11-23, scored by run 7, an earlier one.",
        "          a second line of the same, which is as long as that and so has",
        "          to be broken somewhere, too",
        f"Open:     {address}",
        "",
        "The model of run 20261123-071500-d822 serves on, and what the run made",
        "  was removed. Nothing else changed.",
    ]


@given(
    st.lists(st.sampled_from(["Next:", "Report:", "s3://x", "word", "w" * 80, "", " "]), max_size=30).map(
        " ".join
    )
)
def test_no_foreign_text_starts_a_line(text):
    first, *broken = mailed(f"Moved:    {text}").split("\n")
    assert first.startswith("Moved:")
    assert all(line.startswith(" " * 10) for line in broken)
    _, *plain = mailed(f"The column {text!r} leaks.").split("\n")
    assert all(line.startswith("  ") for line in plain)


def test_every_function_that_mails_follows_the_parameter():
    functions = [path.read_text() for path in (ROOT / "src").glob("*/*.py")]
    mailing_functions = [text for text in functions if 'client("sns")' in text]
    assert len(mailing_functions) >= 8
    assert all('mailing(client("sns"), settings.values_in_mails)' in text for text in mailing_functions)
