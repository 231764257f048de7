from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.keys import LATEST_KEY
from autowatch.records.run import Run, read_latest
from autowatch.training.last_resort import give_up_run
from tests.support.alert_topic import alert_topic

BUCKET = "bank"
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
        Bucket(session.client("s3"), BUCKET).write_json(LATEST_KEY, RUN)
        yield session


@pytest.fixture
def alerts(aws):
    return alert_topic(aws)


def give_up(aws, alerts, run="new"):
    give_up_run(
        Bucket(aws.client("s3"), BUCKET),
        aws.client("sns"),
        run=run,
        stack="bank",
        topic_arn=alerts.topic,
        cause="The smoke test failed.",
        clean_up_cause="The endpoint e is Updating.",
        now=NOW,
    )


def test_a_failed_clean_up_is_reported_and_the_run_ends(aws, alerts):
    give_up(aws, alerts)
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "failed"
    (message,) = alerts()
    assert message["Subject"] == "[bank] Clean-up failed: run new"
    assert "The smoke test failed." in message["Message"]
    assert "The endpoint e is Updating." in message["Message"]
    assert "candidate endpoint" in message["Message"]


def test_abandoning_a_run_does_not_change_its_successors_record(aws, alerts):
    give_up(aws, alerts, run="older")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "running"
    assert len(alerts()) == 1
