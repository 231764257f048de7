import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import msgspec
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.keys import LATEST_KEY
from autowatch.records.run import Run, end_run, read_latest, run_name
from autowatch.training.start import (
    CoolingDown,
    NothingNew,
    RunInProgress,
    StillEnding,
    begin_run,
    check_news,
)

BUCKET = "bank"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GONE = "arn:aws:states:us-east-1:123456789012:execution:train:gone"
DAY = timedelta(days=1)
TRAINING = ObjectVersion("training/x.csv", "v1", "e1", 10)


@pytest.fixture
def aws():
    with mock_aws():
        session = boto3.Session("test", "test", region_name="us-east-1")
        session.client("s3").create_bucket(Bucket=BUCKET)
        yield session


@pytest.fixture
def s3(aws):
    return aws.client("s3")


@pytest.fixture
def start_execution(aws):
    """Starts an execution of a machine that moto only records, so that it stays RUNNING."""
    stepfunctions = aws.client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name="train",
        definition=json.dumps({"StartAt": "A", "States": {"A": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/train",
    )["stateMachineArn"]
    return lambda name: stepfunctions.start_execution(stateMachineArn=machine, name=name)["executionArn"]


def a_run(name, execution=GONE, trigger="manual", started=NOON):
    return Run(name, execution, "running", trigger, TRAINING, f"{started:%Y-%m-%dT%H:%M:%SZ}")


def begin(aws, run, cooldown=DAY):
    begin_run(Bucket(aws.client("s3"), BUCKET), aws.client("stepfunctions"), run, cooldown)


def test_a_runs_name_is_stable_and_differs_between_executions():
    name = run_name("arn:1", NOON)
    assert name == run_name("arn:1", NOON)
    assert name.startswith("20261123-120000-")
    assert len(name) == 20
    assert name != run_name("arn:2", NOON)


def test_the_first_run_takes_the_lock_and_may_take_it_again(aws, s3):
    begin(aws, a_run("one"))
    begin(aws, a_run("one"))
    assert read_latest(Bucket(s3, BUCKET)) == a_run("one")


def test_a_run_is_rejected_while_another_executes(aws, start_execution):
    begin(aws, a_run("one", start_execution("one")))
    with pytest.raises(RunInProgress, match="Run one, started 2026-11-23T12:00:00Z, has not ended"):
        begin(aws, a_run("two"))


def test_the_lock_of_a_stopped_execution_is_soon_released(aws, s3, start_execution):
    execution = start_execution("one")
    begin(aws, a_run("one", execution))
    stepfunctions = aws.client("stepfunctions")
    stepfunctions.stop_execution(executionArn=execution)
    stopped = stepfunctions.describe_execution(executionArn=execution)["stopDate"].astimezone(UTC)
    with pytest.raises(StillEnding, match="Run one was ended from outside"):
        begin(aws, a_run("two", started=stopped + timedelta(minutes=1)))
    begin(aws, a_run("two", started=stopped + timedelta(hours=3)))
    assert read_latest(Bucket(s3, BUCKET)).run == "two"


def test_the_lock_of_an_unknown_execution_is_released(aws, s3):
    begin(aws, a_run("one", GONE))
    begin(aws, a_run("two"))
    assert read_latest(Bucket(s3, BUCKET)).run == "two"


class Interrupted:
    """An S3 client that lets something happen right before a write."""

    def __init__(self, s3, interruption):
        self._s3, self._interruption = s3, interruption

    def __getattr__(self, name):
        if name == "put_object":
            self._interruption()
        return getattr(self._s3, name)


@pytest.mark.parametrize("earlier", [False, True], ids=["the very first", "after another"])
def test_of_two_runs_that_start_at_once_one_begins(aws, s3, earlier):
    if earlier:
        begin(aws, a_run("earlier"))
        end_run(Bucket(s3, BUCKET), read_latest(Bucket(s3, BUCKET)), "released", "good", NOON)
    between = Interrupted(s3, lambda: begin(aws, a_run("quicker")))
    with pytest.raises(RunInProgress, match="same moment"):
        begin_run(Bucket(between, BUCKET), aws.client("stepfunctions"), a_run("slower"), DAY)
    assert read_latest(Bucket(s3, BUCKET)).run == "quicker"


def test_drift_waits_for_the_cooldown_but_a_person_does_not(aws, s3):
    begin(aws, a_run("one", trigger="drift"))
    end_run(Bucket(s3, BUCKET), read_latest(Bucket(s3, BUCKET)), "released", "good", NOON)
    soon = a_run("two", trigger="drift", started=NOON + DAY - timedelta(seconds=1))
    with pytest.raises(CoolingDown, match="may start from 2026-11-24T12:00:00Z"):
        begin(aws, soon)
    begin(aws, replace(soon, trigger="manual"))
    end_run(Bucket(s3, BUCKET), read_latest(Bucket(s3, BUCKET)), "failed", "bad", NOON)
    with pytest.raises(CoolingDown):
        begin(aws, replace(soon, run="three"))
    begin(aws, a_run("four", trigger="drift", started=NOON + DAY))
    assert read_latest(Bucket(s3, BUCKET)).last_drift_start == "2026-11-24T12:00:00Z"


def test_a_manual_run_does_not_start_the_cooldown(aws, s3):
    begin(aws, a_run("one"))
    end_run(Bucket(s3, BUCKET), read_latest(Bucket(s3, BUCKET)), "released", "good", NOON)
    begin(aws, a_run("two", trigger="drift"))
    assert read_latest(Bucket(s3, BUCKET)).run == "two"


def test_the_end_is_recorded_with_the_run_and_releases_the_lock(aws, s3):
    begin(aws, a_run("one"))
    for _ in range(2):
        ended = end_run(
            Bucket(s3, BUCKET), read_latest(Bucket(s3, BUCKET)), "rejected", "AUC below the floor", NOON + DAY
        )
    record = json.loads(s3.get_object(Bucket=BUCKET, Key="models/one/run.json")["Body"].read())
    assert msgspec.convert(record, Run) == ended == read_latest(Bucket(s3, BUCKET))
    assert (ended.status, ended.reason, ended.finished) == (
        "rejected",
        "AUC below the floor",
        "2026-11-24T12:00:00Z",
    )
    begin(aws, a_run("two"))


def test_a_run_that_ends_late_does_not_release_its_successors_lock(aws, s3):
    begin(aws, a_run("one"))
    late = read_latest(Bucket(s3, BUCKET))
    begin(aws, a_run("two"))
    end_run(Bucket(s3, BUCKET), late, "failed", "too late", NOON)
    assert read_latest(Bucket(s3, BUCKET)) == a_run("two")
    assert s3.head_object(Bucket=BUCKET, Key=LATEST_KEY)


@pytest.mark.parametrize(
    "champions", [None, replace(TRAINING, etag="e2"), replace(TRAINING, key="training/y.csv")]
)
@pytest.mark.parametrize("status", [None, "released"])
def test_a_file_unseen_by_the_champion_is_new(champions, status):
    check_news(TRAINING, champions, None, replace(a_run("one"), status=status) if status else None)


def test_the_champions_own_file_is_not_new_even_if_uploaded_again():
    with pytest.raises(NothingNew, match="training/x.csv is the file that the champion was trained on"):
        check_news(TRAINING, replace(TRAINING, version_id="v2"), None, None)


@pytest.mark.parametrize(
    ("status", "words"),
    [("rejected", "run one, whose model was rejected"), ("failed", "run one, which failed. Fix the cause")],
)
def test_a_file_that_failed_is_not_retried_until_there_is_another(status, words):
    """Otherwise every day with drift would pay for a full training run."""
    ended = replace(a_run("one"), status=status)
    with pytest.raises(NothingNew, match=words):
        check_news(TRAINING, None, None, ended)
    check_news(replace(TRAINING, etag="e2"), None, None, ended)


def test_drift_does_not_bring_back_a_model_that_was_rolled_back():
    earlier = replace(TRAINING, key="training/earlier.csv")
    with pytest.raises(NothingNew, match="the model before the champion"):
        check_news(TRAINING, earlier, TRAINING, None)
    check_news(replace(TRAINING, etag="e2"), earlier, TRAINING, None)


def test_a_record_by_an_earlier_version_is_read(s3):
    document = vars(a_run("old")) | {"training": vars(TRAINING)}
    del document["promotes"]
    assert msgspec.convert(document, Run) == a_run("old")
    assert a_run("old").model_run == "old"
