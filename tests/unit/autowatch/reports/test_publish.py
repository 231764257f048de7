import re
from contextlib import contextmanager
from datetime import timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.reports.publish import publish_day_page, publish_history_page, publish_window_page
from tests.support.report_documents import DAY, EARLIER_RUN, RUN, drift_document, quality_document, story

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(s3, day, drift=None, quality=None):
    for name, document in (("drift", drift), ("quality", quality)):
        if document is not None:
            Bucket(s3, BUCKET).write_json(f"reports/date={day.isoformat()}/{name}.json", document)


def page(s3, key):
    answer = s3.get_object(Bucket=BUCKET, Key=key)
    assert answer["ContentType"] == "text/html; charset=utf-8"
    return answer["Body"].read().decode()


def test_a_days_page_shows_both_documents(s3):
    put(s3, DAY, drift_document(), quality_document(verdict="worse"))

    key = publish_day_page(Bucket(s3, BUCKET), DAY)

    assert key == "reports/date=2026-11-23/index.html"
    shown = page(s3, key)
    assert "euribor3m" in shown
    assert shown.index("default-src 'none'") < shown.index("<style>"), "a page may load nothing"


def test_a_document_given_overrides_the_one_in_the_bucket_and_is_not_written(s3):
    put(s3, DAY, drift_document(drifted=0), quality_document())

    key = publish_day_page(Bucket(s3, BUCKET), DAY, drift=drift_document(drifted=3))

    assert "The data have drifted" in page(s3, key)
    document = s3.get_object(Bucket=BUCKET, Key="reports/date=2026-11-23/drift.json")["Body"].read()
    assert b'"verdict": "no drift"' in document


@pytest.mark.parametrize(
    ("drift", "quality", "said"),
    [
        (None, None, "Drift was not judged"),
        (None, quality_document(verdict="worse"), "The model predicts worse; drift was not judged"),
        (drift_document(drifted=0), None, "no row has a label yet"),
    ],
)
def test_a_page_names_a_missing_document(s3, drift, quality, said):
    put(s3, DAY, drift, quality)

    assert said in page(s3, publish_day_page(Bucket(s3, BUCKET), DAY))


def test_a_new_page_is_linked_from_both_neighbours_and_links_to_them(s3):
    days = [DAY - timedelta(days=5), DAY, DAY + timedelta(days=1)]
    for day in (days[0], days[2], days[1]):
        put(s3, day, drift_document(day))
        publish_day_page(Bucket(s3, BUCKET), day)

    before, middle, after = (page(s3, f"reports/date={day.isoformat()}/index.html") for day in days)

    assert 'rel="prev"' not in before
    assert '"../date=2026-11-23/index.html" rel="next"' in before
    assert '"../date=2026-11-18/index.html" rel="prev"' in middle
    assert '"../date=2026-11-24/index.html" rel="next"' in middle
    assert '"../date=2026-11-23/index.html" rel="prev"' in after
    assert all('href="../index.html"' in html for html in (before, middle, after))


def test_a_page_written_again_does_not_change_its_neighbours(s3):
    before = DAY - timedelta(days=1)
    for day in (before, DAY):
        publish_day_page(Bucket(s3, BUCKET), day, drift=drift_document(day))
    s3.put_object(Bucket=BUCKET, Key=f"reports/date={before.isoformat()}/index.html", Body=b"as it was")

    publish_day_page(Bucket(s3, BUCKET), DAY, drift=drift_document())

    written = s3.get_object(Bucket=BUCKET, Key=f"reports/date={before.isoformat()}/index.html")["Body"].read()
    assert written == b"as it was"


def test_the_history_has_the_newest_ninety_days_and_links_to_each(s3):
    for back in range(95):
        day = DAY - timedelta(days=back)
        put(s3, day, drift_document(day, columns=1, drifted=0, bins=2))
        s3.put_object(Bucket=BUCKET, Key=f"reports/date={day.isoformat()}/index.html", Body=b"page")

    html = page(s3, publish_history_page(Bucket(s3, BUCKET)))

    assert html.count('<th scope="row"><a href="date=') == 90
    assert 'href="date=2026-11-23/index.html"' in html
    assert "date=2026-08-25" not in html


def test_a_day_without_a_page_is_in_the_history_without_a_link(s3):
    put(s3, DAY, drift_document())

    html = page(s3, publish_history_page(Bucket(s3, BUCKET)))

    assert "euribor3m" in html
    assert 'href="date=' not in html


def test_an_empty_bucket_has_a_history(s3):
    assert "No day has been judged yet" in page(s3, publish_history_page(Bucket(s3, BUCKET)))


ODD = [
    b"",
    b"{",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'"text"',
    b'{"verdict": "perhaps"}',
    b'{"verdict": ["drift"]}',
    b'{"verdict": "drift", "other_runs": [{"verdict": 1}]}',
]


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize("name", ["drift", "quality"])
def test_a_malformed_document_is_named_and_hides_no_other_day(s3, body, name):
    odd = DAY - timedelta(days=1)
    put(s3, DAY, drift_document(), quality_document())
    s3.put_object(Bucket=BUCKET, Key=f"reports/date={odd.isoformat()}/{name}.json", Body=body)

    own = page(s3, publish_day_page(Bucket(s3, BUCKET), odd))
    publish_day_page(Bucket(s3, BUCKET), DAY)
    history = page(s3, publish_history_page(Bucket(s3, BUCKET)))

    assert f"{name}.json of 2026-11-22" in history
    assert "date=2026-11-23/index.html" in history
    assert f"{name}.json is left out: this version of Autowatch does not know its format" in own


def test_documents_of_earlier_versions_are_shown(s3):
    document = drift_document(drifted=1, other_runs={"files": 1, "rows": 20})
    for name in ("since", "alerted", "drift_share", "rejected_rows", "refused_files", "domino", "min_rows"):
        del document[name]
    for column in document["columns"]:
        del column["moved"], column["importance"]
    put(s3, DAY, document)

    assert "The data have drifted" in page(s3, publish_day_page(Bucket(s3, BUCKET), DAY))
    assert "euribor3m" in page(s3, publish_history_page(Bucket(s3, BUCKET)))


@pytest.mark.parametrize(
    ("prefix", "facts", "subject", "history"),
    [
        (
            "reports/range=2026-11-01_2026-11-07/",
            {"from": "2026-11-01", "to": "2026-11-07"},
            "Scored data from 2026-11-01 to 2026-11-07",
            "../index.html",
        ),
        (
            "reports/file=a/b-0123/",
            {"key": "inference/a/b.csv"},
            "The file inference/a/b.csv",
            "../../index.html",
        ),
    ],
)
def test_a_windows_page_links_to_the_history(s3, prefix, facts, subject, history):
    document = drift_document()
    del document["date"]

    key = publish_window_page(Bucket(s3, BUCKET), prefix, {**document, **facts})

    assert key == f"{prefix}index.html"
    assert subject in page(s3, key)
    assert f'href="{history}"' in page(s3, key)


@contextmanager
def just_before_the_page_is_put(s3, key, act):
    """Lets another writer act once, between reading this page's documents and writing the page."""
    left = [act]

    def put(params, **_):
        if params["Key"] == key and left:
            left.pop()()

    event = "before-parameter-build.s3.PutObject"
    s3.meta.events.register(event, put)
    try:
        yield
    finally:
        s3.meta.events.unregister(event, put)
    assert not left


WORSE = quality_document(verdict="worse")


def test_a_document_written_during_the_page_is_included(s3):
    put(s3, DAY, drift_document(drifted=0), quality_document())
    key = "reports/date=2026-11-23/index.html"

    with just_before_the_page_is_put(s3, key, lambda: put(s3, DAY, quality=WORSE)):
        publish_day_page(Bucket(s3, BUCKET), DAY)

    assert "The model predicts worse" in page(s3, key)


def test_a_neighbours_document_written_meanwhile_is_on_its_page(s3):
    before = DAY - timedelta(days=1)
    put(s3, before, drift_document(before, drifted=0), quality_document())
    key = publish_day_page(Bucket(s3, BUCKET), before)

    with just_before_the_page_is_put(s3, key, lambda: put(s3, before, quality=WORSE)):
        publish_day_page(Bucket(s3, BUCKET), DAY, drift=drift_document())

    assert "The model predicts worse" in page(s3, key)


def test_a_document_written_during_the_history_is_included(s3):
    put(s3, DAY, drift_document(drifted=0), quality_document())

    with just_before_the_page_is_put(s3, "reports/index.html", lambda: put(s3, DAY, quality=WORSE)):
        publish_history_page(Bucket(s3, BUCKET))

    assert "The model predicts worse" in page(s3, "reports/index.html")


def test_a_page_whose_write_was_killed_is_linked_after_the_retry(s3):
    before = DAY - timedelta(days=1)
    publish_day_page(Bucket(s3, BUCKET), before, drift=drift_document(before))

    def die():
        raise ConnectionError

    with (
        just_before_the_page_is_put(s3, f"reports/date={before.isoformat()}/index.html", die),
        pytest.raises(ConnectionError),
    ):
        publish_day_page(Bucket(s3, BUCKET), DAY, drift=drift_document())
    publish_day_page(Bucket(s3, BUCKET), DAY, drift=drift_document())

    assert 'rel="next"' in page(s3, f"reports/date={before.isoformat()}/index.html")


def test_folders_that_are_not_days_are_ignored(s3):
    publish_day_page(Bucket(s3, BUCKET), DAY)
    put(s3, DAY, drift_document())
    for name in ("date=2026-11-31/drift.json", "date=today/drift.json", "date=2026-11-22/deeper/drift.json"):
        s3.put_object(Bucket=BUCKET, Key=f"reports/{name}", Body=b"{}")

    assert page(s3, publish_history_page(Bucket(s3, BUCKET))).count('<th scope="row"><a href="date=') == 1


def test_a_days_page_has_sparklines_of_earlier_days(s3):
    for day, (drift, quality) in story(days=40, columns=3).items():
        put(s3, day, drift, quality)

    html = page(s3, publish_day_page(Bucket(s3, BUCKET), DAY))

    assert "Last 30 days" in html


def test_the_history_lists_the_runs_in_the_bucket(s3):
    bucket = Bucket(s3, BUCKET)
    put(s3, DAY, drift_document())
    for run, status in ((RUN, "released"), (EARLIER_RUN, "rejected")):
        record = {"status": status, "trigger": "manual", "finished": "2026-11-01T07:31:12Z"}
        bucket.write_json(f"models/{run}/run.json", record)
        bucket.write_json(f"models/{run}/gate.json", {"metrics": {"auc": 0.781}})
    bucket.write_json("models/odd/run.json", {})
    s3.put_object(Bucket=BUCKET, Key=f"models/{EARLIER_RUN}/gate.json", Body=b"{")

    html = page(s3, publish_history_page(bucket))

    assert re.findall(r'href="../models/([^/]+)/report.html"', html) == [RUN, EARLIER_RUN]
    assert "in force" not in html
