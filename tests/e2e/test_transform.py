"""The Batch Transform path end to end: the real template, state machine, functions and jobs, with the stub model.

Its prediction follows from the row alone, so that a lost, doubled or mixed-up row shows.
"""

import csv
import io
import json
import random
from dataclasses import dataclass, replace

import msgspec
import pytest

from autowatch.aws.objects import Bucket
from autowatch.records.contract import Feature
from autowatch.records.threshold import DecisionThreshold
from autowatch.training.serving.endpoints import VARIANT
from sandbox.client import running_sandbox
from sandbox.faults import Fault
from tests.support.mail_text import text_of
from tests.support.released_stack import ReleasedStack
from tests.support.repository import OWN_KEY
from tests.support.scoring_bucket import BASELINE, CONTRACT
from tests.support.train_walker import wait_for

pytestmark = pytest.mark.sandbox

# Files beyond 60 kB take the path, in pieces of 20 kB.
PARAMETERS = {
    "KmsKeyArn": OWN_KEY,
    "TransformThresholdBytes": "60000",
    "TransformPieceBytes": "20000",
    "PollSeconds": "1",
    "ResourceTags": "team=risk",
    "MaxTransformSeconds": "600",
    "AlertEmail": "me@example.com",
}


@dataclass(frozen=True)
class Run:
    """The end of an execution, and its results."""

    status: str
    error: str | None
    cause: str | None


class World(ReleasedStack):
    """The stack, with these tests' helpers."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.stepfunctions = sandbox.client("stepfunctions")
        self.machine = sandbox.outputs["TransformStateMachineArn"]

    def upload(self, key, text):
        """Uploads a file, which S3 announces, waits until it is processed, and returns its version."""
        answer = self.s3.put_object(Bucket=self.bucket, Key=key, Body=text.encode())
        self.sandbox.wait_until_idle(120)
        return {
            "key": key,
            "version_id": answer["VersionId"],
            "etag": answer["ETag"].strip('"'),
            "size": len(text.encode()),
        }

    def executions(self):
        found = self.stepfunctions.list_executions(stateMachineArn=self.machine)["executions"]
        return {item["executionArn"] for item in found}

    def run(self, before):
        """The end of the one new execution."""
        (arn,) = self.executions() - before
        answer = self.stepfunctions.describe_execution(executionArn=arn)
        return Run(answer["status"], answer.get("error"), answer.get("cause"))

    def states(self, arn):
        """The states that an execution has entered."""
        events = self.stepfunctions.get_execution_history(executionArn=arn)["events"]
        return [
            event["stateEnteredEventDetails"]["name"]
            for event in events
            if "stateEnteredEventDetails" in event
        ]

    def outcome(self, name):
        """The objects of one input by key, without the parts that differ between any two runs."""
        found = {}
        for key in self.keys("predictions/") + self.keys("rejected/"):
            if f"/{name}-" in key:
                text = self.read(key)
                found[key] = text if key.endswith(".csv") else _lasting(json.loads(text))
        return found

    def forget(self, *prefixes):
        pages = self.s3.get_paginator("list_object_versions")
        for prefix in prefixes:
            for page in pages.paginate(Bucket=self.bucket, Prefix=prefix):
                for item in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]:
                    self.s3.delete_object(Bucket=self.bucket, Key=item["Key"], VersionId=item["VersionId"])

    def announce(self, file, time, **changes):
        """Calls the scoring function with the file's event."""
        written = {
            "key": file["key"],
            "versionId": file["version_id"],
            "eTag": file["etag"],
            "size": file["size"],
        }
        event = {
            "Records": [
                {"eventTime": time, "s3": {"bucket": {"name": self.bucket}, "object": written | changes}}
            ]
        }
        answer = self.sandbox.client("lambda").invoke(
            FunctionName=self.sandbox.functions["InvokeEndpointFunction"], Payload=json.dumps(event)
        )
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def left_over(self):
        """Checks that an ended transform left no temporary objects or jobs."""
        work = self.s3.list_object_versions(Bucket=self.bucket, Prefix="transform/")
        uploads = self.s3.list_multipart_uploads(Bucket=self.bucket)
        return work.get("Versions", []) + work.get("DeleteMarkers", []) + uploads.get("Uploads", [])


def _lasting(document):
    versions = (name for name in document if name.endswith("version_id"))
    for name in ("started", "finished", "time", "committed_by", *tuple(versions)):
        document.pop(name, None)
    document.get("input", {}).pop("size", None)
    return document


def _take_variant(outcome):
    """Takes the manifest's variant out: by contract it names the endpoint's, and is empty after Batch Transform."""
    (manifest,) = [document for key, document in outcome.items() if key.endswith(".manifest.json")]
    return manifest.pop("variant")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    folder = tmp_path_factory.mktemp("transform")
    with running_sandbox(parameters=PARAMETERS, state_dir=folder) as sandbox:
        world = World(sandbox)
        world.release()
        yield world


@pytest.fixture(autouse=True)
def nothing_left_over(world):
    yield
    world.sandbox.faults()
    assert world.left_over() == []


def plain_rows(count):
    lines = [f"n{number},{number % 90},job{number % 7}" for number in range(count)]
    return "\n".join(["note,age,job", *lines, ""])


def awkward_rows(count):
    """`;`, columns in another order, more of them than the model takes, quotes, missing values, some faults."""
    random.seed(3)
    lines = ["job;note;age;y"]
    for number in range(count):
        age = "old" if number % 50 == 7 else random.choice([str(number % 90), "", "1.10", "007"])
        job = random.choice(["admin.", '"a;b, c"', '"say ""x"""', "Ελλάδα", "", " x "])
        fields = [job, f"{number},5", age, random.choice(["yes", "no"])]
        lines.append(";".join(fields[:3] if number % 70 == 9 else fields))
    return "\n".join([*lines, ""])


@pytest.mark.parametrize(("name", "threshold"), [("plain", 0.2), ("awkward", None)])
def test_both_paths_give_the_same_result(world, name, threshold):
    decides = DecisionThreshold(threshold, "parameter") if threshold else None
    contract = replace(CONTRACT, decision_threshold=decides)
    Bucket(world.s3, world.bucket).write_json("models/r1/contract.json", contract)
    text = plain_rows(6000) if name == "plain" else awkward_rows(4000)
    world.forget("monitoring/ids/")
    before = world.executions()
    file = world.upload(f"inference/{name}.csv", text)
    assert world.run(before) == Run("SUCCEEDED", None, None)
    assert len(text) > 60_000
    transformed = world.outcome(name)
    assert _take_variant(transformed) == ""
    assert len(transformed) == (3 if name == "plain" else 4)
    (manifest,) = [json.loads(world.read(key)) for key in transformed if key.endswith(".manifest.json")]
    assert manifest["input"] == file
    assert manifest["rows"]["in"] == manifest["rows"]["scored"] + manifest["rows"]["rejected"]
    assert manifest["rows"]["in"] == text.count("\n") - 1
    (pointer_key,) = world.keys("monitoring/ids/")
    pointer = world.read(pointer_key)
    assert json.loads(pointer)["predictions_key"] == manifest["predictions_key"]
    world.forget("predictions/", "rejected/", "monitoring/ids/")
    # The same event, but with a size below the threshold: the function scores the file itself.
    assert world.announce(file, manifest["prediction_date"], size=1)["scored"] == 1
    scored = world.outcome(name)
    assert _take_variant(scored) == VARIANT
    assert scored == transformed
    assert world.read(pointer_key) == pointer
    rows = csv.DictReader(io.StringIO(world.read(manifest["predictions_key"]), newline=""))
    labels = {(row["y"], float(row["y_probability"]) >= (threshold or 0.5)) for row in rows}
    assert labels == {("yes", True), ("no", False)}


def test_a_repeated_event_starts_one_execution(world):
    before = world.executions()
    time = "2026-11-23T09:00:00.000Z"
    file = world.upload("inference/twice.csv", plain_rows(5000))
    world.forget("predictions/", "rejected/")
    first = world.executions()
    assert [world.announce(file, time)["handed_over"] for _ in range(3)] == [1, 1, 1]
    world.sandbox.wait_until_idle(120)
    assert len(world.executions() - first) == 1
    committed = world.outcome("twice")
    assert world.announce(file, time) == {"scored": 1, "refused": 0, "handed_over": 0}
    assert world.outcome("twice") == committed
    assert len(world.executions() - before) == 2


def test_a_line_break_in_a_field_refuses_the_file_and_ends_well(world):
    before = world.executions()
    world.upload("inference/broken.csv", plain_rows(5000).replace("n4000,", '"n\n4000",'))
    assert world.run(before).status == "SUCCEEDED"
    ((key, document),) = world.outcome("broken").items()
    assert key.endswith(".error.json")
    assert document["error"] == "LineBreakInField"
    assert "line 4002 " in document["reason"]


def test_a_failed_job_is_reported_with_the_reason_and_leaves_nothing(world):
    # The model takes two columns. With this contract it is sent three, which it refuses.
    contract = replace(CONTRACT, features=(*CONTRACT.features, Feature("note", "categorical")))
    Bucket(world.s3, world.bucket).write_json("models/r1/contract.json", contract)
    before, mails = world.executions(), len(world.sandbox.mailbox.messages())
    try:
        world.upload("inference/failing.csv", plain_rows(5000))
    finally:
        Bucket(world.s3, world.bucket).write_json("models/r1/contract.json", CONTRACT)
    run = world.run(before)
    assert (run.status, run.error) == ("FAILED", "TransformFailed")
    assert "ended as Failed" in run.cause
    assert world.outcome("failing") == {}
    mail = world.sandbox.mailbox.messages()[mails]
    assert "inference/failing.csv" in text_of(mail)
    assert "upload the file again" in text_of(mail)


def test_a_failed_piece_is_reported_with_the_reason(world):
    baseline = world.read("models/r1/baseline.json")
    Bucket(world.s3, world.bucket).write_json(
        "models/r1/baseline.json", msgspec.to_builtins(BASELINE) | {"bins": "changed"}
    )
    before, mails = world.executions(), len(world.sandbox.mailbox.messages())
    try:
        world.upload("inference/piece.csv", plain_rows(5000))
    finally:
        world.s3.put_object(Bucket=world.bucket, Key="models/r1/baseline.json", Body=baseline.encode())
    run = world.run(before)
    assert (run.status, run.error) == ("FAILED", "ProfilesDiffer")
    assert world.outcome("piece") == {}
    assert "Train again" in text_of(world.sandbox.mailbox.messages()[mails])


def test_one_that_is_stopped_leaves_nothing_and_is_told(world):
    # The job must take longer than finding it.
    world.sandbox.faults(Fault("GetObject", "slow", begins="models/r1/model.tar.gz", seconds=3))
    before, mails = world.executions(), len(world.sandbox.mailbox.messages())
    world.s3.put_object(Bucket=world.bucket, Key="inference/stopped.csv", Body=plain_rows(5000).encode())
    arn = wait_for(lambda: next(iter(world.executions() - before), None))
    wait_for(lambda: "WaitForTransform" in world.states(arn))
    world.stepfunctions.stop_execution(executionArn=arn, cause="The test wanted it.")
    world.sandbox.wait_until_idle(60)
    assert world.outcome("stopped") == {}
    (mail,) = world.sandbox.mailbox.messages()[mails:]
    assert "inference/stopped.csv" in mail.subject
    assert "Its execution ended ABORTED." in text_of(mail)
    sagemaker = world.sandbox.client("sagemaker")
    jobs = sagemaker.list_transform_jobs()["TransformJobSummaries"]
    tags = sagemaker.list_tags(ResourceArn=jobs[0]["TransformJobArn"])["Tags"]
    assert {"Key": "team", "Value": "risk"} in tags
    assert "InProgress" not in {job["TransformJobStatus"] for job in jobs}


@pytest.mark.parametrize(
    ("function", "kind", "contains"),
    [
        ("TransformCheckPieceFunction", "kill_before", "checked/00002"),
        ("TransformFinishPieceFunction", "kill_after", "finished/00003"),
        ("TransformAssembleFunction", "kill_after", ".manifest.json"),
    ],
)
def test_a_state_whose_process_is_killed_is_tried_again(world, function, kind, contains):
    name = f"{kind}-{function}"
    expected = plain_rows(5000)
    world.sandbox.faults(Fault("PutObject", kind, contains=contains, times=1, function=function))
    before = world.executions()
    world.upload(f"inference/{name}.csv", expected)
    assert world.sandbox.faults_struck() == [1]
    assert world.run(before) == Run("SUCCEEDED", None, None)
    outcome = world.outcome(name)
    assert len(outcome) == 3
    (predictions,) = [text for key, text in outcome.items() if key.endswith(".csv")]
    assert [line.split(",")[0] for line in predictions.splitlines()[1:]] == [f"n{n}" for n in range(5000)]
