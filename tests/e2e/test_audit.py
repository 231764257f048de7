"""Audit records in a deployed stack that locks them: they are written once and cannot be deleted."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.audit import record_start
from autowatch.records.run import Run
from autowatch_client.places import Place
from autowatch_client.removal import remove_stack
from autowatch_client.stack import Stack
from sandbox.client import running_sandbox
from tests.support.role_sessions import RoleSessions

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(parameters={"AuditLockDays": "2", "DeleteData": "true"}) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def stack(sandbox):
    outputs, region = sandbox.outputs, sandbox.environment["AWS_REGION"]
    bucket, machine = outputs["DataBucketName"], outputs["TrainStateMachineArn"]
    return Stack(Place("autowatch", bucket, machine, region, sandbox.endpoint_url, sandbox.session()))


def records(sandbox):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix="audit/").get("Contents", ())]
    return {key: json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys}


def newest(sandbox, what):
    return next(each for key, each in reversed(records(sandbox).items()) if each["what"] == what)


@pytest.fixture(scope="module")
def started(sandbox, stack):
    """A run that a person started, and that fails because of its file."""
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    s3.put_object(Bucket=bucket, Key="training/x.csv", Body=b"age,job\n1,a\n")
    end = stack.train("training/x.csv", reason="the quarter is over").follow(poll_seconds=0.1)
    sandbox.wait_until_idle(60)
    return end


def test_a_run_says_who_started_it_and_why(sandbox, stack, started):
    caller = sandbox.client("sts").get_caller_identity()["Arn"]
    record = newest(sandbox, "train")
    assert (record["by"], record["reason"], record["run"]) == (caller, "the quarter is over", started.run)
    assert (record["trigger"], record["training"]) == ("manual", "training/x.csv")
    (run,) = stack.runs()
    assert run.started_by == caller
    assert stack.show(started.run).record["start_reason"] == "the quarter is over"


def test_a_run_that_drift_starts_names_the_event(sandbox, started):
    bucket = sandbox.outputs["DataBucketName"]
    sandbox.client("s3").put_object(Bucket=bucket, Key="training/y.csv", Body=b"age,job\n2,b\n")
    detail = json.dumps({"bucket": bucket, "date": "2026-11-23"})
    bus = sandbox.outputs["VerdictBusName"]
    event = {"Source": "autowatch", "DetailType": "DriftDetected", "Detail": detail, "EventBusName": bus}
    events = RoleSessions(sandbox).client("DetectDriftFunction", "events")
    (entry,) = events.put_events(Entries=[event])["Entries"]
    sandbox.wait_until_idle(60)
    record = newest(sandbox, "train")
    assert (record["by"], record["trigger"]) == (f"event {entry['EventId']}", "drift")
    assert record["reason"] == "DriftDetected of 2026-11-23"


def test_the_record_of_a_rollback_is_written_with_its_own_functions_rights(sandbox, started):
    bucket = Bucket(
        RoleSessions(sandbox).client("PreparePromotionFunction", "s3"), sandbox.outputs["DataBucketName"]
    )
    training = ObjectVersion("training/x.csv", None, "e", 1)
    run = Run("20261123-071500-d822", "e", "running", "promote", training, "2026-11-23T07:15:00Z")
    run = replace(run, promotes="20261122-071500-d822", started_by="arn", start_reason="it was better")
    for _ in range(2):
        record_start(bucket, run, 2)
    record = newest(sandbox, "rollback")
    assert (record["by"], record["promotes"], record["reason"]) == ("arn", run.promotes, "it was better")


def test_no_function_writes_over_a_record_or_deletes_one(sandbox, started):
    bucket, (key, *_) = sandbox.outputs["DataBucketName"], records(sandbox)
    before, writer = records(sandbox), RoleSessions(sandbox).client("PrepareFunction", "s3")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.put_object(Bucket=bucket, Key=key, Body=b"{}")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        writer.put_object(Bucket=bucket, Key=key, Body=b"{}", IfNoneMatch="*")
    with pytest.raises(ClientError, match="AccessDenied"):
        writer.delete_object(Bucket=bucket, Key=key)
    assert records(sandbox) == before


def test_the_administrator_can_neither_write_over_a_record_nor_delete_its_version(sandbox, started):
    s3, bucket, (key, *_) = sandbox.client("s3"), sandbox.outputs["DataBucketName"], records(sandbox)
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"{}")
    (version,) = s3.list_object_versions(Bucket=bucket, Prefix=key)["Versions"]
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.delete_object(
            Bucket=bucket, Key=key, VersionId=version["VersionId"], BypassGovernanceRetention=True
        )
    until = s3.get_object_retention(Bucket=bucket, Key=key)["Retention"]["RetainUntilDate"]
    shorter = {"Mode": "COMPLIANCE", "RetainUntilDate": until - timedelta(hours=1)}
    with pytest.raises(ClientError, match="AccessDenied"):
        s3.put_object_retention(Bucket=bucket, Key=key, VersionId=version["VersionId"], Retention=shorter)
    assert timedelta(days=1) < until - datetime.now(UTC) <= timedelta(days=2)


def test_what_people_do_is_written_down(sandbox, stack, started):
    s3, bucket = sandbox.client("s3"), sandbox.outputs["DataBucketName"]
    s3.put_object(Bucket=bucket, Key="inference/a.csv", Body=b"customer,age\nc-1,3\nc-2,4\n")
    sandbox.wait_until_idle(60)
    stack.forget(stack.search({"c-1"}, column="customer"), reason="Article 17")
    sandbox.wait_until_idle(60)
    assert newest(sandbox, "forget")["reason"] == "Article 17"
    assert [each["key"] for each in newest(sandbox, "forget")["objects"]] == ["inference/a.csv"]
    refusals = s3.list_objects_v2(Bucket=bucket, Prefix="rejected/")["KeyCount"]
    assert refusals == 1, "the file is refused for want of a model, once, and not when it is written anew"


def test_the_end_of_the_stack_leaves_locked_records_and_says_so(sandbox, stack, started):
    s3, bucket, kept = sandbox.client("s3"), sandbox.outputs["DataBucketName"], records(sandbox)
    assert any(
        "records under audit/ of the last 2 days are locked" in step for step in stack.removal_plan(True)
    )
    steps = []
    assert not remove_stack(stack.place, stack.client, "autowatch", True, steps.append)
    assert any("deleted the stack" in step for step in steps)
    for key in kept:
        assert any(step.startswith(f"kept {key}, which is locked until 20") for step in steps)
    assert any(step.startswith(f"kept the bucket {bucket}") for step in steps)
    versions = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert {version["Key"] for version in versions} == kept.keys()
