import io
import json
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws
from rich.console import Console

import autowatch_client.follow
from autowatch_client import End, Job, Sight, describe
from autowatch_client.command.terminal import ProgressLine, clock
from autowatch_client.follow import follow
from autowatch_client.objects import Bucket
from tests.support.repository import ROOT

MACHINE = ROOT / "statemachine" / "train.asl.json"
EXECUTION, RUN = "arn:execution", "20261123-070000-cccc"


def sight(state, job=None):
    return Sight("RUNNING", datetime(2026, 11, 23, tzinfo=UTC), state, "run", job, {})


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (sight(None), "starting"),
        (sight("Gate"), "the gate: scoring the hold-out"),
        (sight("AStateOfLaterDays"), "AStateOfLaterDays"),
        (sight("DescribeAutopilot", Job("AnalyzingData", None, None)), "Autopilot: AnalyzingData"),
        (
            sight("WaitForAutopilot", Job("ModelTraining", "AUC", 0.78125)),
            "Autopilot: ModelTraining, best AUC so far 0.7812",
        ),
    ],
)
def test_the_progress_of_a_run_is_described_in_words(seen, text):
    assert describe(seen) == text


def test_every_state_that_takes_time_has_words():
    states = json.loads(MACHINE.read_text())["States"]
    takes_time = {name for name, state in states.items() if state["Type"] in ("Task", "Wait")}
    assert takes_time - {"Skip"} <= autowatch_client.follow._STATES.keys() <= states.keys()


class EndedExecution:
    """A double of Step Functions that describes an execution that has ended."""

    def __init__(self, status, **more):
        self.document = {"status": status, "startDate": datetime(2026, 11, 23, tzinfo=UTC), **more}

    def describe_execution(self, executionArn):
        return self.document

    def get_execution_history(self, **_):
        return {"events": []}


def end_of(execution, record=None):
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        if record:
            latest = {"run": RUN, "execution": EXECUTION, **record}
            for key in ("models/latest.json", f"models/{RUN}/run.json"):
                s3.put_object(Bucket="bank", Key=key, Body=json.dumps(latest).encode())
        clients = {"stepfunctions": execution, "s3": s3}
        return follow(clients.__getitem__, Bucket(s3, "bank"), EXECUTION, lambda sight: None, 0)


@pytest.mark.parametrize("status", ["released", "rejected"])
def test_a_decision_of_the_gate_is_a_normal_end(status):
    record = {"status": status, "reason": "AUC 0.5000."}
    assert end_of(EndedExecution("SUCCEEDED", output="{}"), record) == End(status, RUN, "AUC 0.5000.", None)


def test_a_skipped_run_of_drift_gives_the_reason():
    output = json.dumps({"prepare": {"value": {"decision": "skip", "reason": "Cooling down."}}})
    assert end_of(EndedExecution("SUCCEEDED", output=output)) == End("skipped", None, "Cooling down.", None)


@pytest.mark.parametrize(
    ("execution", "reason"),
    [
        (EndedExecution("FAILED", error="TargetMissing", cause="No column 'y'."), "No column 'y'."),
        (EndedExecution("TIMED_OUT", error="States.Timeout"), "States.Timeout"),
        (EndedExecution("ABORTED"), "Step Functions gives only the status ABORTED."),
    ],
)
def test_an_execution_without_its_own_end_has_failed(execution, reason):
    assert end_of(execution) == End("failed", None, reason, None)


def test_a_run_that_failed_after_its_start_is_named():
    record = {"status": "failed", "reason": "The job stopped."}
    assert end_of(EndedExecution("FAILED", cause="{}"), record) == End(
        "failed", RUN, "The job stopped.", None
    )


def test_without_a_terminal_a_line_is_printed_only_after_a_change():
    stream = io.StringIO()
    line = ProgressLine(Console(file=stream))
    for seconds, text in ((0, "a"), (1, "a"), (2, "b"), (3, "b")):
        line.show(seconds, text)
    line.close()
    assert stream.getvalue() == "  0:00  a\n  0:02  b\n"


def test_on_a_terminal_one_line_is_overwritten():
    stream = io.StringIO()
    line = ProgressLine(Console(file=stream, force_terminal=True))
    line.show(0, "a")
    line.show(61, "b")
    line.close()
    assert "1:01  b" in stream.getvalue()
    assert "\n  0:00" not in stream.getvalue()


def test_a_rollback_names_the_earlier_run_and_not_the_earlier_reason():
    record = {
        "status": "released",
        "reason": "Judged without a champion.",
        "promotes": "20261101-070000-aaaa",
    }
    end = end_of(EndedExecution("SUCCEEDED", output="{}"), record)
    assert end.reason == "Rolled back to the model of run 20261101-070000-aaaa, which passed the gate then."


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (59.9, "0:59"), (754, "12:34"), (3723, "1:02:03")]
)
def test_durations_are_readable(seconds, text):
    assert clock(seconds) == text
