from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.champion import Champion, write_champion
from autowatch.records.decision import GateDecision, write_decision
from autowatch.records.keys import LATEST_KEY
from autowatch.records.run import Run, read_latest
from autowatch.training.outcome import RunOvertaken, fail_run, finish_run
from tests.support.alert_topic import alert_topic
from tests.support.sagemaker_double import SageMaker

BUCKET, ENDPOINT = "bank", "e"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = Run(
    "new",
    "arn:execution",
    "running",
    "manual",
    ObjectVersion("training/x.csv", None, "e", 5),
    "2026-11-23T11:00:00Z",
)


@pytest.fixture
def aws():
    with mock_aws():
        session = boto3.Session()
        session.client("s3").create_bucket(Bucket=BUCKET)
        Bucket(session.client("s3"), BUCKET).write_json(LATEST_KEY, RUN.to_json())
        yield session


@pytest.fixture
def alerts(aws):
    return alert_topic(aws)


def finish(aws, alerts, passed, run="new", unknown_to_domino=None):
    write_decision(
        Bucket(aws.client("s3"), BUCKET),
        "new",
        GateDecision("new", passed, "AUC 0.8000 on 100 hold-out rows.", 0.6, 100, {"auc": 0.8}),
    )
    sagemaker = SageMaker()
    sagemaker.models["e-new"] = sagemaker.configs["e-new"] = {}
    sagemaker.put_endpoint("e-candidate", "e-new")
    ended = finish_run(
        Bucket(aws.client("s3"), BUCKET),
        sagemaker,
        aws.client("sns"),
        run=run,
        endpoint_name=ENDPOINT,
        topic_arn=alerts.topic,
        keep_models=1,
        unknown_to_domino=unknown_to_domino,
        now=NOW,
    )
    return ended, sagemaker


def fail(aws, alerts, run="new", cause="The training file has no column 'y'.", serving=None):
    sagemaker = SageMaker()
    if serving:
        sagemaker.put_endpoint(ENDPOINT, serving)
    fail_run(
        Bucket(aws.client("s3"), BUCKET),
        sagemaker,
        aws.client("sns"),
        run=run,
        endpoint_name=ENDPOINT,
        topic_arn=alerts.topic,
        tags={},
        error="TargetMissing",
        cause=cause,
        now=NOW,
    )


def test_a_released_run_is_recorded_and_told_and_keeps_its_model(aws, alerts):
    ended, sagemaker = finish(aws, alerts, passed=True)
    assert (ended.status, ended.finished) == ("released", "2026-11-23T12:00:00Z")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)) == ended
    (message,) = alerts()
    assert message["Subject"] == "Autowatch: model released, run new"
    assert "Endpoint e now serves the model of run new." in message["Message"]
    assert "AUC 0.8000" in message["Message"]
    assert "Report: s3://bank/models/new/report.html" in message["Message"]
    assert "e-new" in sagemaker.models


def test_a_domino_that_does_not_know_the_model_is_told_and_changes_nothing(aws, alerts):
    ended, _ = finish(aws, alerts, passed=True, unknown_to_domino="PUT … failed at every attempt.")
    assert ended.status == "released"
    (message,) = alerts()
    assert message["Subject"] == "Autowatch: model released, run new"
    assert "Domino does not know this model yet: PUT … failed at every attempt." in message["Message"]


def test_a_rejected_run_is_a_normal_end_and_leaves_nothing(aws, alerts):
    champion = Champion("old", ENDPOINT, "e-old", "e-old", "c", "b", "t", {})
    write_champion(Bucket(aws.client("s3"), BUCKET), champion, None)
    ended, sagemaker = finish(aws, alerts, passed=False)
    assert ended.status == "rejected"
    (message,) = alerts()
    assert message["Subject"] == "Autowatch: model rejected, run new"
    assert "The model of run old serves on." in message["Message"]
    assert not sagemaker.models
    assert not sagemaker.configs


def test_a_rejected_first_run_says_that_nothing_serves_and_what_to_do(aws, alerts):
    finish(aws, alerts, passed=False)
    (message,) = alerts()
    assert "No model has been released yet, so nothing serves" in message["Message"]
    assert "models/new/report.html" in message["Message"]
    assert "MinimumAuc" in message["Message"]
    assert "serves on" not in message["Message"]


def test_a_promotion_tells_whose_model_serves(aws, alerts):
    promotion = replace(RUN, run="later", trigger="promote", promotes="new")
    Bucket(aws.client("s3"), BUCKET).write_json(LATEST_KEY, promotion.to_json())
    ended, sagemaker = finish(aws, alerts, passed=True, run="later")
    assert (ended.run, ended.status, ended.model_run) == ("later", "released", "new")
    (message,) = alerts()
    assert "Endpoint e now serves the model of run new." in message["Message"]
    assert "Model: that of run new, released again" in message["Message"]
    assert "e-new" in sagemaker.models


def test_a_failed_run_is_recorded_and_told_with_its_cause(aws, alerts):
    fail(aws, alerts)
    latest = read_latest(Bucket(aws.client("s3"), BUCKET))
    assert (latest.status, latest.reason) == ("failed", "The training file has no column 'y'.")
    (message,) = alerts()
    assert message["Subject"] == "Autowatch: training run failed, run new"
    assert "no column 'y'" in message["Message"]
    assert "No model has been released yet" in message["Message"]
    assert "arn:execution" in message["Message"]
    page = aws.client("s3").get_object(Bucket=BUCKET, Key="models/new/report.html")["Body"].read().decode()
    assert "The training file has no column &#39;y&#39;." in page


def test_a_failed_run_names_the_champion_that_serves_on(aws, alerts):
    champion = Champion("old", ENDPOINT, "e-old", "e-old", "c", "b", "t", {})
    write_champion(Bucket(aws.client("s3"), BUCKET), champion, None)
    fail(aws, alerts, serving="e-old")
    assert "The model of run old serves on." in alerts()[0]["Message"]


def test_a_run_that_was_refused_touches_nothing_of_the_one_in_progress(aws, alerts):
    fail(aws, alerts, run="refused", cause="Run new has not ended yet.")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)) == RUN
    (message,) = alerts()
    assert message["Subject"] == "Autowatch: training run refused"
    assert "Run new has not ended yet." in message["Message"]


def test_a_very_first_run_that_was_refused_is_told_too(aws, alerts):
    aws.client("s3").delete_object(Bucket=BUCKET, Key=LATEST_KEY)
    fail(aws, alerts, cause="There is no .csv under s3://bank/training/.")
    assert "no .csv" in alerts()[0]["Message"]


def test_a_run_that_another_has_overtaken_ends_nothing(aws, alerts):
    Bucket(aws.client("s3"), BUCKET).write_json(LATEST_KEY, replace(RUN, run="later").to_json())
    with pytest.raises(RunOvertaken, match="Run later has begun"):
        finish(aws, alerts, passed=True)
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "running"
    assert not alerts()


@pytest.mark.parametrize("passed", [True, False])
def test_what_looks_wrong_with_the_data_is_told_with_the_outcome(aws, alerts, passed):
    Bucket(aws.client("s3"), BUCKET).write_json(
        "models/new/data.json", {"warnings": ["The column 'x' leaks."]}
    )
    finish(aws, alerts, passed)
    (message,) = alerts()
    assert "The column 'x' leaks." in message["Message"].splitlines()
