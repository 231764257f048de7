from collections import Counter

import pytest

from autowatch.drift import DriftRules, judge
from autowatch.drift_alert import DriftAlert, EventRefused, lines, put_event, send_mail, subject
from autowatch.profile import Baseline, ProfileBuilder, baseline_column


def alert_of(reference, current, **changes):
    rows = len(next(iter(reference.values())))
    columns = tuple(
        baseline_column(name, "feature", "categorical", Counter(texts)) for name, texts in reference.items()
    )
    baseline = Baseline("run-1", rows, columns)
    builder = ProfileBuilder(baseline)
    builder.add(current)
    facts = {
        "report": judge(baseline, builder.build(), DriftRules(min_rows=300)),
        "date": "2026-11-23",
        "files": 2,
        "since": "2026-11-21",
        "stack": "bank",
        "region": "eu-west-1",
        "bucket": "bank-1-eu-west-1",
        "page_key": "reports/date=2026-11-23/drift.html",
        "report_key": "reports/date=2026-11-23/drift.json",
    }
    return DriftAlert(**(facts | changes))


def drifted(count=1, name="c{}"):
    names = [name.format(number) for number in range(count)]
    return alert_of({n: ["a", "b"] * 500 for n in names}, {n: ["a"] * 500 for n in names})


class Topic:
    """Stands in for SNS."""

    def publish(self, **message):
        self.message = message


def published_subject(alert):
    topic = Topic()
    send_mail(topic, "arn:topic", alert)
    return topic.message["Subject"]


def test_the_subject_says_what_happened():
    assert subject(drifted()) == "[bank] Drift on 2026-11-23: c0"
    assert subject(drifted(5)) == "[bank] Drift on 2026-11-23: c0, c1, c2 and 2 more"


def test_alarms_without_drift_have_a_subject_of_their_own():
    alert = alert_of({"c": ["a", "b"] * 1_000}, {"c": ["a", "b"] * 495 + ["new"] * 10})

    assert alert.report.verdict == "no drift"
    assert subject(alert) == "[bank] Data alarms on 2026-11-23: c"
    assert any("1.0% of the values were never seen" in line for line in lines(alert))


@pytest.mark.parametrize("name", ["größe{}", "line\nbreak{}", "\u0000{}", "x" * 300 + "{}", "\u202e{}"])
def test_any_column_name_fits_a_subject_that_sns_takes(name):
    text = published_subject(drifted(3, name))

    assert 0 < len(text) <= 100
    assert text.isascii()
    assert text.isprintable()
    assert text.startswith("[bank] Drift on 2026-11-23: ")


@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_message_is_ten_plain_lines(count):
    written = lines(drifted(count, "na\nme{}"))

    assert len(written) == 10
    assert all(line.isprintable() for line in written)
    assert all(line.strip() for line in written)


def test_the_message_answers_what_how_bad_which_since_when_and_what_next():
    text = "\n".join(lines(drifted()))

    assert "1 of 1 columns drifted in 500 rows in 2 files of 2026-11-23." in text
    assert "worst is c0 at" in text
    assert "c0 rose: “a” 50% → 100%; fell: “b” 50% → 0%" in text
    assert "Since:    2026-11-21" in text
    assert "s3://bank-1-eu-west-1/reports/date=2026-11-23/drift.html" in text
    assert "region=eu-west-1&prefix=reports%2Fdate%3D2026-11-23%2Fdrift.html" in text


def test_an_event_that_eventbridge_refuses_is_an_error():
    class Bus:
        def put_events(self, Entries):
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}

    with pytest.raises(EventRefused, match="2026-11-23: InternalFailure"):
        put_event(Bus(), drifted())
