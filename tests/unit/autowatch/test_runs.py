import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Barrier

import boto3
import pytest
from moto import mock_aws

from autowatch.objects import ObjectVersion
from autowatch.runs import (
    LATEST_KEY,
    CoolingDown,
    NothingNew,
    Run,
    RunInProgress,
    begin_run,
    check_news,
    end_run,
    read_latest,
    run_name,
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
    begin_run(aws.client("s3"), aws.client("stepfunctions"), BUCKET, run, cooldown)


def test_a_run_has_the_same_name_whenever_it_is_asked_and_another_execution_another():
    name = run_name("arn:1", NOON)
    assert name == run_name("arn:1", NOON)
    assert name.startswith("20261123-120000-")
    assert len(name) == 20
    assert name != run_name("arn:2", NOON)


def test_the_first_run_takes_the_lock_and_may_take_it_again(aws, s3):
    begin(aws, a_run("one"))
    begin(aws, a_run("one"))
    assert read_latest(s3, BUCKET) == a_run("one")


def test_a_run_is_refused_while_another_executes(aws, start_execution):
    begin(aws, a_run("one", start_execution("one")))
    with pytest.raises(RunInProgress, match="Run one, started 2026-11-23T12:00:00Z, has not ended"):
        begin(aws, a_run("two"))


def test_a_lock_whose_execution_was_stopped_holds_nobody_up(aws, s3, start_execution):
    execution = start_execution("one")
    begin(aws, a_run("one", execution))
    aws.client("stepfunctions").stop_execution(executionArn=execution)
    begin(aws, a_run("two"))
    assert read_latest(s3, BUCKET).run == "two"


def test_a_lock_whose_execution_is_forgotten_holds_nobody_up(aws, s3):
    begin(aws, a_run("one", GONE))
    begin(aws, a_run("two"))
    assert read_latest(s3, BUCKET).run == "two"


def test_of_many_runs_that_start_at_once_one_begins(aws, start_execution):
    barrier = Barrier(8)
    executions = [start_execution(f"run-{number}") for number in range(8)]

    def start(number):
        barrier.wait(timeout=10)
        try:
            begin(aws, a_run(f"run-{number}", executions[number]))
        except RunInProgress:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(start, range(8))) == 1


def test_drift_waits_for_the_cooldown_a_person_does_not(aws, s3):
    begin(aws, a_run("one", trigger="drift"))
    end_run(s3, BUCKET, read_latest(s3, BUCKET), "released", "good", NOON)
    soon = a_run("two", trigger="drift", started=NOON + DAY - timedelta(seconds=1))
    with pytest.raises(CoolingDown, match="may start from 2026-11-24T12:00:00Z"):
        begin(aws, soon)
    begin(aws, replace(soon, trigger="manual"))
    end_run(s3, BUCKET, read_latest(s3, BUCKET), "failed", "bad", NOON)
    with pytest.raises(CoolingDown):
        begin(aws, replace(soon, run="three"))
    begin(aws, a_run("four", trigger="drift", started=NOON + DAY))
    assert read_latest(s3, BUCKET).last_drift_start == "2026-11-24T12:00:00Z"


def test_a_manual_run_does_not_start_the_cooldown(aws, s3):
    begin(aws, a_run("one"))
    end_run(s3, BUCKET, read_latest(s3, BUCKET), "released", "good", NOON)
    begin(aws, a_run("two", trigger="drift"))
    assert read_latest(s3, BUCKET).run == "two"


def test_the_end_is_recorded_with_the_run_and_lets_go_of_the_lock(aws, s3):
    begin(aws, a_run("one"))
    for _ in range(2):
        ended = end_run(s3, BUCKET, read_latest(s3, BUCKET), "rejected", "AUC below the floor", NOON + DAY)
    record = json.loads(s3.get_object(Bucket=BUCKET, Key="models/one/run.json")["Body"].read())
    assert Run.from_json(record) == ended == read_latest(s3, BUCKET)
    assert (ended.status, ended.reason, ended.finished) == (
        "rejected",
        "AUC below the floor",
        "2026-11-24T12:00:00Z",
    )
    begin(aws, a_run("two"))


def test_a_run_that_ends_late_leaves_the_lock_of_its_successor_alone(aws, s3):
    begin(aws, a_run("one"))
    late = read_latest(s3, BUCKET)
    begin(aws, a_run("two"))
    end_run(s3, BUCKET, late, "failed", "too late", NOON)
    assert read_latest(s3, BUCKET) == a_run("two")
    assert s3.head_object(Bucket=BUCKET, Key=LATEST_KEY)


@pytest.mark.parametrize(
    "champions", [None, replace(TRAINING, etag="e2"), replace(TRAINING, key="training/y.csv")]
)
def test_a_file_that_the_champion_has_not_seen_is_news(champions):
    check_news(TRAINING, champions)


def test_the_champions_own_file_is_no_news_even_when_uploaded_again():
    with pytest.raises(NothingNew, match="training/x.csv is the file that the champion was trained on"):
        check_news(TRAINING, replace(TRAINING, version_id="v2"))
