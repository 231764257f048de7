import io
import json
from contextlib import nullcontext
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import IncompleteReadError
from moto import mock_aws

from autowatch_client import ObjectUnreadableError, RunUnknownError, connect
from autowatch_client.command.app import main
from autowatch_client.command.terminal import complete_runs
from autowatch_client.objects import Bucket
from autowatch_client.runs import list_runs, main_measure, read_run

BUCKET = "bank-123456789012-us-east-1"
OLD, MIDDLE, NEW = "20261121-070000-aaaa", "20261122-070000-bbbb", "20261123-070000-cccc"


@pytest.fixture
def s3(monkeypatch):
    monkeypatch.setenv("S3_BUCKET", BUCKET)
    monkeypatch.setenv("TRAIN_STATE_MACHINE_ARN", "arn:aws:states:us-east-1:123456789012:stateMachine:train")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client


def put(s3, key, document):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    s3.put_object(Bucket=BUCKET, Key=f"models/{key}", Body=body)


def record(run, status, reason=None, trigger="manual", **more):
    training = {"key": "training/calls.csv", "version_id": None, "etag": "e", "size": 5}
    return {"run": run, "status": status, "reason": reason, "trigger": trigger, "training": training} | {
        "started": "2026-11-22T07:00:00Z",
        **more,
    }


def put_released(s3, run, trigger="manual"):
    put(s3, f"{run}/run.json", record(run, "released", "AUC 0.8000 is not below the floor.", trigger))
    put(s3, f"{run}/contract.json", {"rows": 41188})
    put(s3, f"{run}/gate.json", {"passed": True, "metrics": {"auc": 0.8}})
    candidates = [{"name": "WeightedEnsemble", "value": 0.81}, {"name": "LightGBM", "value": 0.79}]
    leaderboard = {"best_candidate": "WeightedEnsemble", "objective": "AUC", "candidates": candidates}
    put(s3, f"{run}/leaderboard.json", leaderboard)


@pytest.fixture
def listed(s3, capsys):
    def listed(limit=20):
        assert main(["runs", "--limit", str(limit)]) == 0
        return capsys.readouterr().out

    return listed


def test_an_empty_bucket_says_how_to_begin(listed):
    assert "Next: autowatch train FILE" in listed()


def test_a_released_run_is_shown_in_full_and_the_serving_one_is_marked(s3, listed):
    put_released(s3, OLD)
    put_released(s3, NEW, "drift")
    put(s3, "champion.json", {"run": NEW})
    header, new, old, *rest = listed().splitlines()
    assert header.split() == ["run", "why", "data", "rows", "best", "candidate", "gate", "outcome"]
    assert new.startswith(f"*  {NEW}  drift ")
    assert old.startswith(f"   {OLD}  manual")
    for text in ("calls.csv", "41,188", "WeightedEnsemble (AUC 0.8100)", "AUC 0.8000, passed", "released"):
        assert text in new
    assert "* is in force" in rest


def test_a_run_that_was_not_released_is_followed_by_the_reason(s3, listed):
    put(s3, f"{OLD}/run.json", record(OLD, "rejected", "AUC 0.5000 is below the floor of 0.6."))
    put(s3, f"{OLD}/gate.json", {"passed": False, "metrics": {"auc": 0.5}})
    put(s3, f"{NEW}/run.json", record(NEW, "failed", "The training file has no column 'y'."))
    _, failed, rejected, failed_why, rejected_why = map(str.strip, listed().splitlines())
    assert failed.endswith("failed")
    assert failed_why == f"{NEW}: The training file has no column 'y'."
    assert "AUC 0.5000, not passed" in rejected
    assert rejected_why == f"{OLD}: AUC 0.5000 is below the floor of 0.6."


def test_a_running_run_is_listed_before_it_has_objects(s3, listed):
    put_released(s3, OLD)
    put(s3, "latest.json", record(NEW, "running"))
    _, new, old = listed().splitlines()
    assert NEW in new
    assert new.rstrip().endswith("running")
    assert OLD in old


def test_a_run_without_a_record_is_listed(s3, listed):
    put(s3, f"{OLD}/contract.json", {"rows": 600, "training": {"key": "training/early.csv"}})
    assert "early.csv" in listed()
    assert "not recorded" in listed()


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        (None, "y is the model's own label (DecisionThreshold=model)."),
        ({"value": 0.3, "chosen_by": "parameter", "costs": None}, "of 0.3 on (set by DecisionThreshold)."),
        (
            {"value": 0.23125, "chosen_by": "f1", "costs": None},
            "of 0.23125 on (the largest F1 on the hold-out).",
        ),
        (
            {"value": 0.1, "chosen_by": "cost", "costs": {"miss": 10.0, "alarm": 0.5}},
            "y is 'yes' from a probability of 0.1 on (the lowest cost on the hold-out, at 10 per miss and 0.5 per "
            "false alarm).",
        ),
    ],
)
def test_a_run_shows_its_threshold(s3, capsys, threshold, words):
    put(s3, f"{OLD}/run.json", record(OLD, "rejected", "Too slow."))
    put(s3, f"{OLD}/gate.json", {"passed": False, "rows": 100, "checks": [], "metrics": {"auc": 0.8}})
    contract = {"target": "y", "labels": ["no", "yes"], "positive_label": "yes"} | (
        {"decision_threshold": threshold} if threshold else {}
    )
    put(s3, f"{OLD}/contract.json", contract)
    assert main(["show", OLD]) == 0
    assert words in " ".join(capsys.readouterr().out.split())


def test_a_rollback_names_the_earlier_run(s3, listed):
    put(s3, f"{NEW}/run.json", record(NEW, "released", "As asked.", "promote", promotes=OLD))
    assert f"that of {OLD}" in listed()
    assert f"{NEW}  rollback " in listed()


def test_only_the_newest_are_read_and_the_others_counted(s3, listed):
    for run in (OLD, MIDDLE, NEW):
        put_released(s3, run)
    text = listed(1)
    assert NEW in text
    assert MIDDLE not in text
    assert "2 older not shown; autowatch runs --limit 3 shows all." in text


def test_more_runs_than_a_page_of_the_listing_has_are_all_found(s3):
    for run in (OLD, MIDDLE, NEW):
        put_released(s3, run)
    smallest_pages = lambda params, **_: params.update(MaxKeys=1)  # noqa: E731
    s3.meta.events.register("provide-client-params.s3.ListObjectsV2", smallest_pages)
    pages = []
    s3.meta.events.register("after-call.s3.ListObjectsV2", lambda parsed, **_: pages.append(parsed))
    runs, _ = list_runs(Bucket(s3, BUCKET), 20)
    assert [run.run for run in runs] == [NEW, MIDDLE, OLD]
    assert len(pages) == 3


def test_an_object_that_is_not_json_is_named(s3):
    put(s3, f"{OLD}/gate.json", b"{")
    with pytest.raises(ObjectUnreadableError, match=f"models/{OLD}/gate.json"):
        list_runs(Bucket(s3, BUCKET), 20)


def test_the_nearest_run_is_suggested_for_a_mistyped_name(s3):
    put_released(s3, OLD)
    put_released(s3, NEW)
    with pytest.raises(RunUnknownError, match=f"Did you mean {OLD}"):
        read_run(Bucket(s3, BUCKET), OLD.replace("aaaa", "aaab"))


def test_shells_complete_the_names_of_runs(s3, monkeypatch):
    put_released(s3, OLD)
    put_released(s3, NEW)
    assert complete_runs("2026112") == [NEW, OLD]
    assert complete_runs(NEW[:12]) == [NEW]
    monkeypatch.setenv("S3_BUCKET", "somewhere-else")
    assert complete_runs("2") == []


@pytest.mark.parametrize(("breaks", "outcome"), [(3, nullcontext()), (4, pytest.raises(IncompleteReadError))])
def test_a_broken_response_is_requested_again(breaks, outcome):
    answers = iter([BrokenOff()] * breaks + [io.BytesIO(b"whole")])
    s3 = Mock(get_object=lambda **_: {"Body": next(answers)})
    with outcome:
        assert Bucket(s3, "bank").read("models/champion.json") == b"whole"


class BrokenOff:
    """A body whose connection ends in the middle."""

    def read(self):
        raise IncompleteReadError(actual_bytes=3, expected_bytes=5)


def test_the_starter_and_the_reason_of_a_run_are_shown(s3, listed, capsys):
    why = {"started_by": "arn:aws:iam::123456789012:user/ann", "start_reason": "The quarter is over."}
    put(s3, f"{NEW}/run.json", record(NEW, "released", **why))
    put(s3, f"{OLD}/run.json", record(OLD, "released"))
    assert f"{NEW}: started by arn:aws:iam::123456789012:user/ann: The quarter is over." in listed()
    assert main(["show", NEW]) == 0
    shown = capsys.readouterr().out
    assert "started by manual (arn:aws:iam::123456789012:user/ann)" in shown
    assert "Why: The quarter is over." in shown


CALLER = "arn:aws:sts::123456789012:user/moto"


@pytest.mark.parametrize(
    ("version", "options", "asked"),
    [
        ("before audits", {"reason": "why"}, {}),
        ("now", {"new_labels": True}, {"new_labels": True, "by": CALLER, "reason": ""}),
        ("now", {"reason": "why"}, {"by": CALLER, "reason": "why"}),
    ],
)
def test_a_runs_input_has_the_caller_and_the_consent_to_new_labels(s3, version, options, asked):
    parameters = {"AuditLockDays": {"Type": "Number", "Default": 0}} if version == "now" else {}
    template = {"Parameters": parameters, "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}
    boto3.client("cloudformation").create_stack(StackName="bank", TemplateBody=json.dumps(template))
    s3.put_object(Bucket=BUCKET, Key="training/calls.csv", Body=b"y\n")
    stepfunctions, role = boto3.client("stepfunctions"), "arn:aws:iam::123456789012:role/train"
    stepfunctions.create_state_machine(name="train", definition="{}", roleArn=role)
    execution = connect().train("training/calls.csv", **options).execution
    started = json.loads(stepfunctions.describe_execution(executionArn=execution)["input"])
    assert started == {"training_key": "training/calls.csv", **asked}


def test_a_regression_model_is_listed_with_its_error(s3):
    put(s3, f"{OLD}/run.json", record(OLD, "released", "RMSE 12.5."))
    gate = {"passed": True, "decided_by": "rmse", "metrics": {"rmse": 12.5, "r2": 0.4}}
    put(s3, f"{OLD}/gate.json", gate)
    (summary,), _ = list_runs(Bucket(s3, BUCKET), 5)
    assert (summary.measure, summary.value) == ("RMSE", 12.5)


def test_a_days_measure_is_the_one_that_was_judged():
    figure = {"value": 0.7, "lower": 0.6, "upper": 0.8}
    day = {
        "judged": {"measure": "balanced_accuracy", "figure": figure, "gate": None},
        "metrics": {"macro_auc": None, "balanced_accuracy": figure},
    }
    assert main_measure(day) == {"measure": "balanced accuracy", "value": figure}
    assert main_measure({"judged": None, "metrics": {"rmse": None}}) == {"measure": None, "value": None}
    assert main_measure({"decided_by": "rmse", "metrics": {"rmse": 0.0}}) == {"measure": "RMSE", "value": 0.0}
