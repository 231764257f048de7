"""A release in the middle of 200 files: every file is wholly from the run that its manifest names.

The template, the functions' processes, both state machines, S3 and the endpoint's fleets are real. The released runs
are made here (with `{"promote": run}`, without training). A row's probability shows which model scored it.
"""

import csv
import io
import json
import threading
import time
from datetime import timedelta

import pytest

from sandbox.client import running_sandbox
from tests.support.released_stack import ENDPOINT, ReleasedStack
from tests.support.stub_model import probability

pytestmark = pytest.mark.sandbox

FILES = 200
FEATURES = {
    "20260101-000000-0001": ("age", "job"),
    "20260101-000000-0002": ("age", "job"),
    "20260101-000000-0003": ("job", "note", "age"),
    "20260101-000000-0004": ("age", "job"),
    "20260101-000000-0005": ("age", "job"),
}
FIRST, ANOTHER, OTHER_COLUMNS, STRETCHED, ROLLED_BACK = FEATURES
# About 4 requests a file.
PARAMETERS = {
    "EndpointName": ENDPOINT,
    "PollSeconds": "1",
    "MaxBatchBytes": "1500",
    "ScoringConcurrency": "2",
    "AlertEmail": "you@example.com",
}


class Stack(ReleasedStack):
    """The stack, its releases and its files."""

    def __init__(self, sandbox):
        super().__init__(sandbox)
        self.stepfunctions = sandbox.client("stepfunctions")
        self.scenes = 0

    def start_release(self, run):
        # Written just before, since each release deletes the objects of runs that were never released.
        self.add_run(run, FEATURES[run])
        return self.stepfunctions.start_execution(
            stateMachineArn=self.sandbox.outputs["TrainStateMachineArn"], input=json.dumps({"promote": run})
        )["executionArn"]

    def status(self, execution):
        return self.stepfunctions.describe_execution(executionArn=execution)["status"]

    def champion(self):
        return json.loads(self.read("models/champion.json"))

    def release_in_the_middle(self, run, meanwhile=lambda: None):
        """Uploads files one by one, from before the release until after it; returns the ended execution."""
        self.scenes += 1
        for number in range(50):
            self.put(number)
        execution = self.start_release(run)
        threading.Thread(target=meanwhile).start()
        number = 50
        while self.status(execution) == "RUNNING":
            if number < FILES - 50:
                self.put(number)
                number += 1
            time.sleep(0.05)
        for later in range(number, FILES):
            self.put(later)
        self.sandbox.wait_until_idle(420)
        answer = self.stepfunctions.describe_execution(executionArn=execution)
        return answer["status"], answer.get("cause", "")

    def put(self, number):
        rows = "".join(f"{age},job{number},n{self.scenes}-{age}\n" for age in range(200))
        key = f"inference/{self.scenes}-{number:03}.csv"
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=f"age,job,note\n{rows}".encode())

    def check(self):
        """Checks that every file of the scene is whole and from one run; returns how many files each run scored."""
        assert not self.keys(f"rejected/date={self.day}/{self.scenes}-")
        manifests = [
            key
            for key in self.keys(f"predictions/date={self.day}/{self.scenes}-")
            if key.endswith(".manifest.json")
        ]
        assert len(manifests) == FILES
        runs = []
        for key in manifests:
            manifest = json.loads(self.read(key))
            run = manifest["run"]
            assert manifest["model_name"] == f"{ENDPOINT}-{run}"
            assert manifest["variant"] == "champion"
            rows = list(csv.DictReader(io.StringIO(self.read(manifest["predictions_key"]))))
            assert len(rows) == 200
            wrong = [
                row
                for row in rows
                if row["y_probability"] != probability([row[name] for name in FEATURES[run]], run)
            ]
            assert not wrong, f"{len(wrong)} rows of {key} are not from run {run}"
            runs.append(run)
        return {run: runs.count(run) for run in sorted(set(runs))}

    @property
    def day(self):
        return time.strftime("%Y-%m-%d", time.gmtime())


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    folder = tmp_path_factory.mktemp("releases")
    with running_sandbox(parameters=PARAMETERS, state_dir=folder, retry_seconds=(0.05, 0.1)) as sandbox:
        stack = Stack(sandbox)
        execution = stack.start_release(FIRST)
        while stack.status(execution) == "RUNNING":
            time.sleep(0.1)
        assert stack.champion()["run"] == FIRST
        yield stack
        sandbox.pace_deployments(0)


def test_another_model_at_its_natural_pace(stack):
    before = stack.champion()["run"]
    assert stack.release_in_the_middle(ANOTHER) == ("SUCCEEDED", "")
    assert stack.check().keys() == {before, ANOTHER}


def test_a_model_with_other_columns(stack):
    before = stack.champion()["run"]
    assert stack.release_in_the_middle(OTHER_COLUMNS) == ("SUCCEEDED", "")
    assert stack.check().keys() == {before, OTHER_COLUMNS}


def test_a_release_that_bakes(stack):
    """While a release bakes, the endpoint answers with a model that is not in force yet."""
    stack.sandbox.pace_deployments(0.02)
    before = stack.champion()["run"]
    assert stack.release_in_the_middle(STRETCHED) == ("SUCCEEDED", "")
    assert stack.check().keys() == {before, STRETCHED}


def test_a_release_that_an_alarm_rolls_back(stack):
    before = stack.champion()
    stack.sandbox.pace_deployments(0.05)
    cloudwatch = stack.sandbox.client("cloudwatch")
    names = [alarm["AlarmName"] for alarm in cloudwatch.describe_alarms()["MetricAlarms"]]
    (name,) = [name for name in names if "EndpointErrors" in name]

    def raise_alarm():
        deadline = time.monotonic() + timedelta(minutes=1).total_seconds()
        while stack.champion()["releasing"] is None and time.monotonic() < deadline:
            time.sleep(0.1)
        time.sleep(3)
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="the test says so")

    try:
        status, cause = stack.release_in_the_middle(ROLLED_BACK, raise_alarm)
    finally:
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="OK", StateReason="the test says so")
    assert status == "FAILED"
    assert "rolled back" in cause
    after = stack.champion()
    assert after == before | {"releases": before["releases"] + 1}
    assert stack.check() == {before["run"]: FILES}
