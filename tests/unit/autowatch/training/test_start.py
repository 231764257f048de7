import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.audit import Asked
from autowatch.records.keys import LATEST_KEY
from autowatch.records.run import Run, read_latest
from autowatch.training.start import (
    CoolingDown,
    InvalidInput,
    RunInProgress,
    StillEnding,
    TrainingRequest,
    begin_run,
    begin_training,
    read_request,
)

BUCKET = "bank"
TRAINING = ObjectVersion("training/x.csv", None, "e", 5)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({}, TrainingRequest(None, "manual")),
        ({"training_key": "training/a.csv"}, TrainingRequest("training/a.csv", "manual")),
        ({"trigger": "drift"}, TrainingRequest(None, "drift")),
        ({"new_labels": True}, TrainingRequest(None, "manual", new_labels=True)),
        ({"trigger": "drift", "new_labels": False}, TrainingRequest(None, "drift")),
        ({"by": "arn", "reason": "why"}, TrainingRequest(None, "manual", asked=Asked("arn", "why"))),
    ],
)
def test_an_input_is_read(document, expected):
    assert read_request(document) == expected


@pytest.mark.parametrize(
    "document",
    [
        [],
        "x",
        None,
        5,
        {"training_key": 5},
        {"key": "training/x.csv"},
        {"trigger": "moon"},
        {"by": ["arn"]},
        {"reason": "x" * 1001},
        {"new_labels": "yes"},
        {"trigger": "drift", "new_labels": True},
    ],
    ids=repr,
)
def test_an_invalid_input_is_refused_with_the_valid_forms(document):
    with pytest.raises(InvalidInput, match=r"FILE\.csv.*FOLDER/"):
        read_request(document)


@pytest.fixture
def begin():
    with mock_aws():
        s3, stepfunctions = (
            boto3.client(service, "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
            for service in ("s3", "stepfunctions")
        )
        s3.create_bucket(Bucket=BUCKET)

        def begin(trigger, execution, hour):
            execution = f"arn:aws:states:us-east-1:123456789012:execution:train:{execution}"
            begun = begin_training(
                Bucket(s3, BUCKET),
                stepfunctions,
                trigger,
                TRAINING,
                execution=execution,
                started=datetime(2026, 11, 23, hour, tzinfo=UTC),
                cooldown=timedelta(hours=2),
            )
            return begun, read_latest(Bucket(s3, BUCKET))

        yield begin


def test_a_starting_run_is_recorded_under_its_name(begin):
    run, latest = begin("drift", "one", 7)
    assert (latest.run, latest.status, latest.trigger, latest.training) == (run, "running", "drift", TRAINING)
    assert latest.started == "2026-11-23T07:00:00Z"


def test_the_starter_of_a_run_is_recorded_once_in_spite_of_retries(begin):
    s3 = boto3.client("s3", "us-east-1")
    begin("manual", "one", 7)
    (item,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="audit/")["Contents"]
    body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
    record = json.loads(body)
    assert item["Key"].startswith("audit/20261123T070000.000000Z-train-")
    assert (record["what"], record["trigger"], record["training"]) == ("train", "manual", "training/x.csv")
    begin("manual", "one", 7)
    assert s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() == body
    # Killed between the lock and the record.
    s3.delete_object(Bucket=BUCKET, Key=item["Key"])
    begin("manual", "one", 7)
    assert s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read() == body


def test_drift_waits_for_the_cool_down_and_a_person_does_not(begin):
    begin("drift", "one", 7)
    with pytest.raises(CoolingDown):
        begin("drift", "two", 8)
    begin("manual", "three", 8)
    assert begin("drift", "four", 9)[1].trigger == "drift"


class Executions:
    """Step Functions, which knows one execution."""

    class exceptions:
        class ExecutionDoesNotExist(Exception):
            pass

    def __init__(self, **answer):
        self.answer = answer

    def describe_execution(self, executionArn):
        if not self.answer:
            raise self.exceptions.ExecutionDoesNotExist
        return self.answer


STOPPED = datetime(2026, 11, 23, 9, tzinfo=UTC)


@pytest.mark.parametrize("status", ["running", "ending"])
@pytest.mark.parametrize(
    ("execution", "error"),
    [
        (Executions(status="RUNNING"), RunInProgress),
        (Executions(status="ABORTED", stopDate=STOPPED), StillEnding),
        (Executions(status="ABORTED", stopDate=STOPPED - timedelta(hours=3)), None),
        (Executions(), None),
    ],
    ids=["runs", "stopped just now", "stopped long ago", "forgotten"],
)
def test_a_run_waits_for_the_last_ones_clean_up_for_a_limited_time(status, execution, error):
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        bucket = Bucket(s3, BUCKET)
        last = Run("last", "arn:last", status, "manual", TRAINING, "2026-11-23T08:00:00Z")
        bucket.write_json(LATEST_KEY, last)
        run = Run("next", "arn:next", "running", "manual", TRAINING, "2026-11-23T09:01:00Z")
        if error is None:
            begin_run(bucket, execution, run, timedelta())
            assert read_latest(bucket) == run
        else:
            with pytest.raises(error, match="last"):
                begin_run(bucket, execution, run, timedelta())
            assert read_latest(bucket) == last
