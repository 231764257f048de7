"""Which files go to Batch Transform, each exactly once."""

import json
from dataclasses import replace
from datetime import timedelta

import boto3
import pytest

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.arrival import announcement, arrival_in_execution, arrivals_in
from autowatch.records.champion import mark_release
from autowatch.records.run import Run
from autowatch.scoring.in_force import ReleaseUnderWay
from autowatch.scoring.inbox import TransformMachine, score_arrivals, times_postponed, transform_name
from tests.support.scoring_bucket import (
    BUCKET,
    TIME,
    drop,
    read_document,
    release,
    results,
    settings,
)
from tests.support.stub_runtime import StubRuntime


@pytest.fixture
def machine(s3):
    stepfunctions = boto3.client("stepfunctions", "us-east-1")
    arn = stepfunctions.create_state_machine(
        name="transform",
        definition=json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}}),
        roleArn="arn:aws:iam::123456789012:role/machine",
    )["stateMachineArn"]
    return TransformMachine(lambda: stepfunctions, arn, threshold_bytes=20)


def handle(s3, machine, *arrivals):
    return score_arrivals(
        Bucket(s3, BUCKET), StubRuntime(), arrivals, settings(), lambda: 60.0, "i1", machine
    )


def inputs(machine):
    stepfunctions = machine.client()
    found = stepfunctions.list_executions(stateMachineArn=machine.arn)["executions"]
    return [
        json.loads(stepfunctions.describe_execution(executionArn=item["executionArn"])["input"])
        for item in found
    ]


def test_a_file_above_the_threshold_is_handed_over_once_with_its_arrival(s3, machine):
    arrival = drop(s3, "age,job\n" + "1,x\n" * 10, "inference/ä b.csv")
    assert handle(s3, machine, arrival) == {"scored": 0, "refused": 0, "handed_over": 1}
    assert handle(s3, machine, arrival, arrival) == {"scored": 0, "refused": 0, "handed_over": 2}
    (document,) = inputs(machine)
    assert arrival_in_execution(document) == arrival
    assert document["name"] == transform_name(BUCKET, arrival)
    assert results(s3) == []


@pytest.mark.parametrize(("rows", "handed_over"), [(3, 0), (4, 1)])
def test_a_file_at_the_threshold_is_not_handed_over(s3, machine, rows, handed_over):
    arrival = drop(s3, "age,job\n" + "1,x\n" * rows)
    assert (arrival.file.size > 20) == bool(handed_over)
    assert handle(s3, machine, arrival)["handed_over"] == handed_over


def test_a_file_that_is_already_scored_is_not_handed_over(s3, machine):
    arrival = drop(s3, "age,job\n" + "1,x\n" * 10)
    score_arrivals(Bucket(s3, BUCKET), StubRuntime(), [arrival], settings(), lambda: 60.0, "i1")
    assert handle(s3, machine, arrival) == {"scored": 1, "refused": 0, "handed_over": 0}
    assert inputs(machine) == []


def test_small_files_do_not_create_the_client(s3):
    def no_client():
        raise AssertionError("the client was made")

    machine = TransformMachine(no_client, "arn", 20)
    assert handle(s3, machine, drop(s3, "age,job\n1,x\n"))["scored"] == 1


def test_each_version_key_time_and_bucket_has_its_own_transform(s3):
    arrival = drop(s3, "age,job\n1,x\n")
    others = [
        replace(arrival, file=replace(arrival.file, version_id="other")),
        replace(arrival, file=replace(arrival.file, key="inference/b.csv")),
        replace(arrival, time=TIME + timedelta(milliseconds=1)),
    ]
    names = {transform_name(BUCKET, each) for each in [arrival, *others]} | {transform_name("other", arrival)}
    assert len(names) == 5
    assert all(name.startswith("20261123-") and len(name) == 25 for name in names)


@pytest.mark.parametrize("name", ["REPORT.CSV", "a.Csv"])
def test_the_case_of_the_ending_does_not_matter(s3, name):
    outcome = score_arrivals(
        Bucket(s3, BUCKET),
        StubRuntime(),
        [drop(s3, "age,job\n1,x\n", f"inference/{name}")],
        settings(),
        lambda: 60.0,
        "i1",
    )
    assert outcome["scored"] == 1


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a.csv.gz", "Unpack it"),
        ("a.xlsx", "Excel"),
        ("a.parquet", "Parquet"),
        ("a.txt", "rename it"),
        ("a", "rename it"),
    ],
)
def test_a_file_with_another_ending_is_refused_under_rejected(s3, name, words):
    arrival = drop(s3, "age,job\n1,x\n", f"inference/{name}")
    outcome = score_arrivals(Bucket(s3, BUCKET), StubRuntime(), [arrival], settings(), lambda: 60.0, "i1")
    assert outcome["refused"] == 1
    (error,) = (read_document(s3, key) for key in results(s3))
    assert (error["error"], error["input"]["key"]) == ("NotCsv", f"inference/{name}")
    assert words in error["reason"]


def test_a_file_that_arrives_during_a_release_is_announced_again_in_a_while_and_longer_each_time(s3, machine):
    mark_release(Bucket(s3, BUCKET), "bank-r2")
    arrival = drop(s3, "age,job\n1,x\n", "inference/ä b.csv")
    event, waits = announcement(arrival, BUCKET), []
    for _ in range(5):
        outcome = score_arrivals(
            Bucket(s3, BUCKET),
            StubRuntime(),
            arrivals_in(event, BUCKET, "inference/"),
            settings(),
            lambda: 60.0,
            "i1",
            machine,
            times_postponed(event),
        )
        assert outcome == {"scored": 0, "refused": 0, "handed_over": 0, "postponed": 1}
        (event,) = (
            document["postponed"]["event"]
            for document in inputs(machine)
            if document["postponed"]["event"]["postponed"] == len(waits) + 1
        )
        assert arrivals_in(event, BUCKET, "inference/") == [arrival]
        waits = sorted(document["postponed"]["seconds"] for document in inputs(machine))
    assert waits == [5, 10, 20, 40, 60]
    assert results(s3) == []


def test_a_file_waits_for_a_limited_time_and_only_with_a_machine(s3, machine):
    mark_release(Bucket(s3, BUCKET), "bank-r2")
    arrival = drop(s3, "age,job\n1,x\n")
    for transforms, times in ((machine, 300), (None, 0)):
        with pytest.raises(ReleaseUnderWay):
            score_arrivals(
                Bucket(s3, BUCKET),
                StubRuntime(),
                [arrival],
                settings(),
                lambda: 60.0,
                "i1",
                transforms,
                times,
            )
    assert inputs(machine) == []


class TestBeforeTheFirstRelease:
    @pytest.fixture(autouse=True)
    def no_champion(self, s3):
        s3.delete_object(Bucket=BUCKET, Key="models/champion.json")

    def train(self, s3, status):
        training = ObjectVersion("training/x.csv", "v", "e", 5)
        run = Run("20261123-071500-d822", "arn", status, "manual", training, "2026-11-23T07:15:00Z")
        Bucket(s3, BUCKET).write_json("models/latest.json", run)

    @pytest.mark.parametrize("rows", [1, 10], ids=["small", "large"])
    def test_a_file_waits_while_a_model_is_trained_and_longer_each_time(self, s3, machine, rows):
        self.train(s3, "running")
        arrival = drop(s3, "age,job\n" + "1,x\n" * rows)
        for times in (0, 1, 4, 299):
            outcome = score_arrivals(
                Bucket(s3, BUCKET), StubRuntime(), [arrival], settings(), lambda: 60.0, "i1", machine, times
            )
            assert outcome == {"scored": 0, "refused": 0, "handed_over": 0, "postponed": 1}
        waits = sorted(document["postponed"]["seconds"] for document in inputs(machine))
        assert waits == [60, 120, 900, 900]
        assert results(s3) == []

    @pytest.mark.parametrize(
        ("status", "times"), [(None, 0), ("rejected", 5), ("failed", 5), ("running", 300)], ids=str
    )
    def test_it_is_refused_where_no_model_is_to_come(self, s3, machine, status, times):
        """The mail says what to do; otherwise the file would wait forever, unnoticed."""
        if status:
            self.train(s3, status)
        outcome = score_arrivals(
            Bucket(s3, BUCKET),
            StubRuntime(),
            [drop(s3, "age,job\n1,x\n")],
            settings(),
            lambda: 60.0,
            "i1",
            machine,
            times,
        )
        assert outcome["refused"] == 1
        (key,) = results(s3)
        error = read_document(s3, key)
        assert error["error"] == "NoChampion"
        assert "start a training run. When one is released, upload this file again." in error["reason"]

    def test_it_is_scored_after_the_first_release(self, s3, machine):
        self.train(s3, "running")
        arrival = drop(s3, "age,job\n1,x\n")
        handle(s3, machine, arrival)
        (document,) = inputs(machine)
        release(s3)
        assert (
            handle(s3, machine, *arrivals_in(document["postponed"]["event"], BUCKET, "inference/"))["scored"]
            == 1
        )
