import json
from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from moto import mock_aws

from autowatch.aws.objects import DocumentMalformed
from autowatch.monitoring.quality import job as quality_job
from autowatch.monitoring.quality.job import DaysNotMeasured
from autowatch.monitoring.requests import InvalidRequest
from autowatch.records.arrival import ForeignEvent
from measure_quality import app
from tests.support.alert_topic import alert_topic
from tests.support.labelled_bucket import DAY, draw, labels_text, put_gate, put_labels, put_scored, quality
from tests.support.lambda_context import Context
from tests.support.repository import ROOT
from tests.support.scoring_bucket import BUCKET, CONTRACT, create_bucket, keys, read_document, release

SAMPLE = ROOT / "events" / "measure_quality.json"


@pytest.fixture
def world(monkeypatch):
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        messages = alert_topic(session)
        for name, value in {
            "S3_BUCKET": BUCKET,
            "ENDPOINT_NAME": "bank",
            "PREDICTIONS_PREFIX": "predictions/",
            "ALERT_TOPIC_ARN": messages.topic,
            "EVENT_BUS": session.client("events").create_event_bus(Name="own")["EventBusArn"],
            "MINIMUM_AUC": "0.6",
            "MAX_AUC_DROP": "0.05",
            "MIN_LABELS": "200",
            "METRICS_NAMESPACE": "Autowatch",
            "STACK_NAME": "bank",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }.items():
            monkeypatch.setenv(name, value)
        s3 = session.client("s3")
        create_bucket(s3)
        release(s3)
        yield s3, messages


def event(*arrivals):
    return {
        "Records": [
            {
                "eventTime": arrival.time.isoformat(),
                "s3": {
                    "bucket": {"name": BUCKET},
                    "object": {
                        "key": arrival.file.key,
                        "versionId": arrival.file.version_id,
                        "eTag": arrival.file.etag,
                        "size": arrival.file.size,
                    },
                },
            }
            for arrival in arrivals
        ]
    }


def metrics_in(text):
    lines = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [line for line in lines if "_aws" in line]


def test_the_sample_event_runs_and_the_answer_is_json(world):
    """The file that it names does not exist, and retrying cannot help."""
    sample = json.loads(SAMPLE.read_text())
    with pytest.raises(ForeignEvent):
        app.lambda_handler(sample, Context())
    sample["Records"][0]["s3"]["bucket"]["name"] = BUCKET
    answer = app.lambda_handler(sample, Context())
    assert json.loads(json.dumps(answer)) == {"taken": 0, "refused": 1, "days": [], "told": []}


def test_good_labels(world, capsys):
    s3, messages = world
    probabilities, labels = draw(500, 0.4)
    digits = put_scored(s3, probabilities=probabilities)
    put_gate(s3, 0.9)
    answer = app.lambda_handler(event(put_labels(s3, labels_text(digits, labels))), Context())
    day = {"date": DAY, "verdict": "good", "rows_labelled": 500}
    assert json.loads(json.dumps(answer)) == {"taken": 1, "refused": 0, "days": [day], "told": []}
    assert keys(s3, "reports/") == [
        f"reports/date={DAY}/index.html",
        f"reports/date={DAY}/quality.json",
        "reports/index.html",
    ]
    taken, measured = metrics_in(capsys.readouterr().out)
    assert (taken["LabelsTaken"], taken["LabelsRejected"], taken["Stack"]) == (500, 0, "bank")
    names = {"Coverage", "AUC", "Accuracy", "LogLoss", "Brier", "F1", "QualityWorse"}
    assert names <= measured.keys()
    assert (measured["QualityWorse"], measured["Coverage"]) == (0, 1.0)
    assert measured["AUC"] == quality(s3)["metrics"]["auc"]["value"]
    assert messages() == []


def test_worse_labels_are_announced_once_however_often_they_arrive(world, capsys):
    s3, messages = world
    probabilities, labels = draw(500, -0.1)
    digits = put_scored(s3, probabilities=probabilities)
    announced = event(put_labels(s3, labels_text(digits, labels)))
    assert app.lambda_handler(announced, Context())["told"] == (DAY,)
    assert app.lambda_handler(announced, Context())["told"] == ()
    more = put_labels(s3, labels_text(digits, labels[:400]), time="2026-11-26T08:00:00Z")
    assert app.lambda_handler(event(more), Context())["told"] == ()
    assert app.lambda_handler({"date": DAY}, Context())["told"] == ()
    assert len(messages()) == 1
    assert quality(s3)["alerted"]
    assert {line.get("QualityWorse") for line in metrics_in(capsys.readouterr().out)} == {None, 1}


def test_missing_figures_are_not_metrics(world, capsys):
    s3, _ = world
    digits = put_scored(s3)
    app.lambda_handler(event(put_labels(s3, f"id,y\n{digits}-1,no\n")), Context())
    _, measured = metrics_in(capsys.readouterr().out)
    assert {"AUC", "F1"}.isdisjoint(measured)
    assert (measured["Coverage"], measured["QualityWorse"]) == (0.5, 0)


def test_a_file_that_cannot_be_read_is_refused_with_one_clear_error(world, capsys):
    s3, _ = world
    digits = put_scored(s3)
    bad, good = put_labels(s3, "number,y\n1,yes\n", "bad"), put_labels(s3, f"id,y\n{digits}-1,no\n", "good")
    answer = app.lambda_handler(event(bad, good), Context())
    assert (answer["taken"], answer["refused"], len(answer["days"])) == (1, 1, 1)
    (key,) = keys(s3, "rejected/")
    assert key.startswith("rejected/labels/date=2026-11-25/bad-")
    error = read_document(s3, key)
    assert error["error"] == "MissingColumns"
    assert error["reason"] == (
        "The file has no column id. Copy the column id of the predictions, or set the parameter IdColumn to "
        "your key."
    )
    assert error["input"]["key"] == "labels/bad.csv"
    assert metrics_in(capsys.readouterr().out)[0]["LabelFilesRefused"] == 1


def test_a_day_is_measured_again_by_its_date(world):
    s3, _ = world
    digits = put_scored(s3)
    app.lambda_handler(event(put_labels(s3, f"id,y\n{digits}-1,no\n")), Context())
    before = s3.head_object(Bucket=BUCKET, Key=f"reports/date={DAY}/quality.json")["VersionId"]
    answer = app.lambda_handler({"date": DAY}, Context())
    assert answer["days"] == ({"date": DAY, "verdict": "not enough labels", "rows_labelled": 1},)
    assert s3.head_object(Bucket=BUCKET, Key=f"reports/date={DAY}/quality.json")["VersionId"] != before
    assert app.lambda_handler({"date": "2026-01-01"}, Context())["days"] == ()


@pytest.mark.parametrize("date", ["2026-11-31", "../../x", "", None, 7, "20261123", "2999-01-01"])
def test_an_invalid_date(world, date):
    with pytest.raises(InvalidRequest, match=r"Correct|Write it as|Ask for"):
        app.lambda_handler({"date": date}, Context())


def test_a_file_without_matching_rows_counts_as_refused(world, capsys):
    """The sender must be notified, because no day shows that the file arrived."""
    s3, _ = world
    digits = put_scored(s3)
    app.lambda_handler(event(put_labels(s3, f"id,y\n{'0' * 16}-1,no\n")), Context())
    app.lambda_handler(event(put_labels(s3, f"id,y\n{digits}-1,no\n{digits}-9,no\n")), Context())
    counted = [
        line["LabelFilesRefused"] for line in metrics_in(capsys.readouterr().out) if "LabelsTaken" in line
    ]
    assert counted == [1, 0]


def test_one_day_that_fails_does_not_stop_the_others(world):
    s3, messages = world
    probabilities, labels = draw(500, -0.1)
    broken = put_scored(s3, "broken", day="2026-11-22")
    digits = put_scored(s3, probabilities=probabilities)
    key = "predictions/date=2026-11-22/broken-0123456789abcdef.csv"
    s3.delete_object(Bucket=BUCKET, Key=key, VersionId=s3.head_object(Bucket=BUCKET, Key=key)["VersionId"])
    arrival = put_labels(s3, labels_text(digits, labels) + f"{broken}-1,yes\n")
    with pytest.raises(
        DaysNotMeasured, match=r"1 of 2 days could not be measured or shown. 2026-11-22: s3://.*is gone"
    ):
        app.lambda_handler(event(arrival), Context())
    assert quality(s3)["verdict"] == "worse"
    assert len(messages()) == 1


@pytest.mark.parametrize("content", [b"{", b"[]", b"{}"])
def test_a_malformed_manifest_stops_neither_other_days_nor_the_alert(world, content):
    s3, messages = world
    probabilities, labels = draw(500, -0.1)
    earlier = put_scored(s3, day="2026-11-22")
    digits = put_scored(s3, probabilities=probabilities)
    broken = "predictions/date=2026-11-22/broken.manifest.json"
    s3.put_object(Bucket=BUCKET, Key=broken, Body=content)
    arrival = put_labels(s3, labels_text(digits, labels) + f"{earlier}-1,yes\n")
    with pytest.raises(DaysNotMeasured, match=f"2026-11-22: s3://.*{broken} cannot be read.*Restore"):
        app.lambda_handler(event(arrival), Context())
    assert len(messages()) == 1


def test_a_labels_file_that_leads_to_a_malformed_manifest_names_it(world):
    s3, _ = world
    digits = put_scored(s3)
    s3.put_object(Bucket=BUCKET, Key=f"predictions/date={DAY}/a-0123456789abcdef.manifest.json", Body=b"{")
    with pytest.raises(DocumentMalformed, match=r"a-0123456789abcdef\.manifest\.json cannot be read"):
        app.lambda_handler(event(put_labels(s3, f"id,y\n{digits}-1,no\n")), Context())


@pytest.mark.parametrize("page", ["publish_day_page", "publish_history_page"])
@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "SlowDown", "Message": "Reduce your request rate."}}, "PutObject"),
        ReadTimeoutError(endpoint_url="https://s3"),
    ],
)
def test_a_page_that_cannot_be_written_does_not_prevent_the_alert(world, monkeypatch, page, error):
    s3, messages = world
    probabilities, labels = draw(500, -0.1)
    announced = event(put_labels(s3, labels_text(put_scored(s3, probabilities=probabilities), labels)))

    def fail(*_):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(quality_job, page, fail)
        with pytest.raises((DaysNotMeasured, type(error))):
            app.lambda_handler(announced, Context())
    assert len(messages()) == 1
    assert app.lambda_handler(announced, Context())["told"] == ()
    assert {f"reports/date={DAY}/index.html", "reports/index.html"} <= set(keys(s3, "reports/"))


def test_without_time_the_days_are_left_to_the_retry(world):
    s3, _ = world
    digits = put_scored(s3)
    announced = event(put_labels(s3, f"id,y\n{digits}-1,no\n"))
    with pytest.raises(DaysNotMeasured, match="no time left"):
        app.lambda_handler(announced, Context(seconds=30))
    assert len(app.lambda_handler(announced, Context())["days"]) == 1


def test_a_page_that_a_killed_attempt_did_not_write_is_written_by_the_retry(world):
    s3, _ = world
    digits = put_scored(s3)
    announced = event(put_labels(s3, f"id,y\n{digits}-1,no\n"))
    app.lambda_handler(announced, Context())
    page = f"reports/date={DAY}/index.html"
    s3.delete_object(Bucket=BUCKET, Key=page)
    app.lambda_handler(announced, Context())
    assert page in keys(s3, "reports/")


def test_labels_of_many_days(world):
    s3, _ = world
    days = [f"2026-{month:02}-11" for month in range(1, 13)]
    prefixes = [put_scored(s3, day=day) for day in days]
    text = "\n".join(["id,y", *(f"{digits}-2,yes" for digits in prefixes), ""])
    answer = app.lambda_handler(event(put_labels(s3, text)), Context())
    assert [day["date"] for day in answer["days"]] == sorted(days, reverse=True)


def test_a_worse_day_of_numbers_is_reported_by_its_error_in_metrics_mail_and_event(world, capsys):
    s3, messages = world
    contract = replace(CONTRACT, labels=(), positive_label="", problem_type="regression")
    predicted = [f"{number % 50}" for number in range(400)]
    digits = put_scored(s3, outputs={"y": predicted}, contract=contract)
    truth = [f"{number % 50 + 30}" for number in range(400)]
    app.lambda_handler(event(put_labels(s3, labels_text(digits, truth))), Context())
    _, measured = metrics_in(capsys.readouterr().out)
    assert (measured["RMSE"], measured["MAE"], measured["QualityWorse"]) == (30, 30, 1)
    assert measured["R2"] == quality(s3)["metrics"]["r2"]["value"] < 0
    assert "AUC" not in measured
    (mail,) = messages()
    assert "RMSE 30.00" in mail["Subject"]
    assert "AUC" not in mail["Message"]
