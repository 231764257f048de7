"""The commands against a running stack, each in its own process, as a user types them.

The AutoML job is scripted, and its model needs no training.
"""

import csv
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from sandbox.client import running_sandbox
from sandbox.install import REPOSITORY
from tests.support.scripted_job import automl_job
from tests.support.stub_model import archive, image, training_file

pytestmark = pytest.mark.sandbox
ARTEFACT = "transform/stub/model.tar.gz"
PARAMETERS = {"PollSeconds": "1", "PositiveLabel": "yes", "DecisionThreshold": "auto"}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    with running_sandbox(parameters=PARAMETERS, state_dir=folder / "state") as sandbox:
        s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
        s3.put_object(Bucket=bucket, Key=ARTEFACT, Body=archive(features=2))
        s3.put_object(Bucket=bucket, Key="training/calls.csv", Body=training_file(1))
        yield sandbox


def script_job(sandbox, **job):
    account = sandbox.outputs["TrainStateMachineArn"].split(":")[4]
    url = f"s3://{sandbox.outputs['DataBucketName']}/{ARTEFACT}"
    model = {"Image": image(account, sandbox.environment["AWS_REGION"]), "ModelDataUrl": url}
    sandbox.faults(*automl_job(model, **job))


def start(sandbox, *arguments, stdin=subprocess.DEVNULL, **environment):
    return subprocess.Popen(
        [sys.executable, "-m", "autowatch_client", *arguments],
        cwd=REPOSITORY,
        env={"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", **sandbox.environment, **environment},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # In a shell's background an interrupt is ignored, and children inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def call(sandbox, *arguments, **environment):
    process = start(sandbox, *arguments, **environment)
    try:
        output, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    return process.returncode, output


def audit(sandbox):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    found = s3.list_objects_v2(Bucket=bucket, Prefix="audit/")["Contents"]
    return [json.loads(s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()) for item in found]


def executions(sandbox, status):
    stepfunctions, machine = sandbox.client("stepfunctions"), sandbox.outputs["TrainStateMachineArn"]
    return stepfunctions.list_executions(stateMachineArn=machine, statusFilter=status)["executions"]


def wait_for_the_end(sandbox):
    deadline = time.monotonic() + 120
    while executions(sandbox, "RUNNING"):
        assert time.monotonic() < deadline, "the run did not end in time"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def first_run(sandbox):
    """The run that `train` started, the interrupted `train`'s output, and a concurrent second one's."""
    script_job(sandbox, looks_in_progress=None)
    process = start(sandbox, "train", "--new-labels", "--poll-seconds", "0.2")
    lines = []
    for line in process.stdout:
        lines.append(line)
        if "Autopilot:" in line:
            break
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=30)
    still_running = len(executions(sandbox, "RUNNING"))
    second = call(sandbox, "train", "--poll-seconds", "0.2")
    script_job(sandbox)
    wait_for_the_end(sandbox)
    interrupted = (process.returncode, "".join(lines) + rest)
    (run,) = {line.split()[1] for line in call(sandbox, "runs")[1].splitlines() if line.startswith("*  2")}
    return run, interrupted, still_running, second


def test_before_the_first_run_the_list_says_how_to_begin(sandbox):
    code, output = call(sandbox, "runs", "--stack", "autowatch", S3_BUCKET="", TRAIN_STATE_MACHINE_ARN="")
    assert (code, "There are no runs yet." in output) == (0, True)


def test_a_missing_key_starts_no_run(sandbox):
    code, output = call(sandbox, "train", "training/cals.csv")
    assert (code, "Did you mean training/calls.csv?" in output) == (2, True)
    assert not executions(sandbox, "FAILED")


def test_an_unfit_file_is_not_uploaded(sandbox, tmp_path):
    (tmp_path / "calls2.csv").write_text("age,job\n1,a\n")
    code, output = call(sandbox, "train", str(tmp_path / "calls2.csv"))
    assert (code, "has no column 'y' to predict (TargetColumn)" in output) == (2, True)
    keys = sandbox.client("s3").list_objects_v2(Bucket=sandbox.outputs["DataBucketName"], Prefix="training/")
    assert keys["KeyCount"] == 1


def test_an_interrupt_stops_the_watching_but_not_the_run(first_run):
    _, (code, output), still_running, _ = first_run
    assert code == 130
    assert "No longer watching. The run continues" in output
    assert "Traceback" not in output
    assert still_running == 1


def test_a_second_run_meanwhile_is_refused(first_run):
    _, _, _, (code, output) = first_run
    assert code == 1
    assert "has not ended yet" in output
    assert "autowatch stop" in output


def test_runs_are_listed_followed_and_rolled_back_to(sandbox, first_run):
    run = first_run[0]
    script_job(sandbox)
    code, output = call(sandbox, "train", "training/calls.csv", "--poll-seconds", "0.2")
    assert code == 0, output
    assert "Autopilot: " in output
    assert "best AUC so far 0." in output
    (released,) = [line for line in output.splitlines() if "was released." in line]
    newer = released.split()[1]
    assert f"Report: s3://{sandbox.outputs['DataBucketName']}/models/{newer}/report.html" in output

    code, output = call(sandbox, "rollback", run, "--poll-seconds", "0.2")
    assert code == 0, output
    assert f"Rolled back to the model of run {run}" in output
    _, _, back, second, first, *_ = call(sandbox, "runs")[1].splitlines()
    assert f"rollback  calls.csv     –  that of {run}" in back
    assert second.startswith(f"   {newer}  manual    calls.csv")
    assert first.startswith(f"*  {run}  manual    calls.csv")
    assert "passed" in first

    before = len(executions(sandbox, "SUCCEEDED"))
    code, output = call(sandbox, "rollback", run)
    assert (code, "is in force already. Nothing to do." in output) == (4, True)
    assert len(executions(sandbox, "SUCCEEDED")) == before
    back_run = back.split()[0]
    code, output = call(sandbox, "rollback", back_run)
    assert (code, f"it rolled back to that of {run}. Name that run." in output) == (2, True)


def test_a_stopped_run_has_ended_when_the_command_returns(sandbox, first_run):
    script_job(sandbox, looks_in_progress=None)
    process = start(sandbox, "train", "--poll-seconds", "0.2")
    for line in process.stdout:
        if "Autopilot:" in line:
            break
    code, output = call(sandbox, "stop", "--reason", "the wrong file", "--json")
    rest, _ = process.communicate(timeout=60)
    assert (code, process.returncode) == (0, 1), output + rest
    assert json.loads(output)["in_force"]
    assert not executions(sandbox, "RUNNING")
    assert "the wrong file" in [each["reason"] for each in audit(sandbox) if each["what"] == "stop"]
    code, output = call(sandbox, "stop")
    assert (code, "has ended already" in output) == (4, True)
    script_job(sandbox)


def test_a_rollback_to_an_unknown_run_starts_nothing(sandbox):
    before = len(executions(sandbox, "FAILED"))
    code, output = call(sandbox, "rollback", "20200101-000000-0000")
    assert (code, "There is no run 20200101-000000-0000" in output) == (2, True)
    assert len(executions(sandbox, "FAILED")) == before
    assert not executions(sandbox, "RUNNING")


@pytest.fixture(scope="module")
def released(sandbox, first_run):
    """A stack with a model in force and no running run."""
    script_job(sandbox)
    wait_for_the_end(sandbox)


@pytest.mark.usefixtures("released")
def test_predictions_and_rejected_rows_are_written_beside_their_files(sandbox, tmp_path):
    (tmp_path / "good.csv").write_text(
        "age,job,who\n" + "".join(f"{20 + n},job{n},w{n}\n" for n in range(30))
    )
    (tmp_path / "bad.csv").write_text(
        "age;job\n" + "".join(f"{20 + n};job{n}\n" for n in range(30)) + "old;job1\n"
    )
    code, output = call(sandbox, "score", str(tmp_path / "good.csv"), str(tmp_path / "bad.csv"), "--json")
    assert code == 3, output
    good, bad = json.loads(output)["scored"]
    assert (good["rows_in"], good["rows_scored"], good["rejected"]) == (30, 30, None)
    assert (bad["rows_in"], bad["rows_scored"], bad["rows_rejected"]) == (31, 30, 1)
    header, *rows = (tmp_path / "good.predictions.csv").read_text().splitlines()
    assert header == "age,job,who,id,y,y_probability,prediction_date"
    assert [row.split(",")[2] for row in rows] == [f"w{n}" for n in range(30)]
    assert (tmp_path / "bad.rejected.csv").read_text().splitlines()[1].startswith("32,")
    assert not (tmp_path / "good.rejected.csv").exists()


@pytest.mark.usefixtures("released")
def test_the_gates_threshold_decides_the_labels_and_is_shown(sandbox, tmp_path):
    (tmp_path / "many.csv").write_text("age,job\n" + "".join(f"{n % 90},job{n}\n" for n in range(200)))
    assert call(sandbox, "score", str(tmp_path / "many.csv"))[0] == 0
    code, output = call(sandbox, "show", "--json")
    assert code == 0, output
    threshold = json.loads(output)["contract"]["decision_threshold"]
    assert threshold["chosen_by"] == "f1"
    rows = list(csv.DictReader((tmp_path / "many.predictions.csv").open(newline="")))
    assert {(row["y"], float(row["y_probability"]) >= threshold["value"]) for row in rows} == {
        ("yes", True),
        ("no", False),
    }
    assert f"y is 'yes' from a probability of {threshold['value']:.6g} on" in call(sandbox, "show")[1]


@pytest.mark.usefixtures("released")
def test_a_file_refused_by_the_stack_is_reported_with_the_reason(sandbox, tmp_path):
    (tmp_path / "worse.csv").write_text("age,job\n" + "old,job1\n" * 30)
    code, output = call(sandbox, "score", str(tmp_path / "worse.csv"))
    assert code == 1
    assert "worse.csv was refused (TooManyRejected): " in output
    assert not (tmp_path / "worse.predictions.csv").exists()


@pytest.mark.usefixtures("released")
def test_status_and_doctor_show_the_running_parts(sandbox):
    code, output = call(sandbox, "status", "--json")
    found = json.loads(output)
    assert (code, found["endpoint"], found["queues"]["ScoringFailures"]) == (0, "InService", 0)
    assert found["model"]
    code, output = call(sandbox, "doctor")
    assert f"endpoint autowatch serves the model of run {found['model']}" in output
    assert code in (0, 3)


@pytest.mark.usefixtures("released")
def test_destroy_asks_first_and_leaves_nothing(sandbox):
    process = start(sandbox, "destroy", "--data", stdin=subprocess.PIPE)
    output, _ = process.communicate("autowtach\n", timeout=60)
    assert (process.returncode, "Nothing was done." in output) == (4, True)
    assert "empty and delete the bucket" in output
    sandbox.client("cloudformation").describe_stacks(StackName="autowatch")

    code, output = call(sandbox, "destroy", "--data", "--yes")
    assert code == 0, output
    assert "deleted the stack autowatch" in output
    sagemaker = sandbox.client("sagemaker")
    assert sagemaker.list_endpoints()["Endpoints"] == []
    assert sagemaker.list_models()["Models"] == []
    assert sagemaker.list_endpoint_configs()["EndpointConfigs"] == []
    assert sandbox.outputs["DataBucketName"] not in [
        item["Name"] for item in sandbox.client("s3").list_buckets()["Buckets"]
    ]
    code, output = call(sandbox, "status", "--stack", "autowatch")
    assert (code, "There is no stack autowatch" in output) == (2, True)
