"""The requests, checked against botocore's service model, and the handling of the answers."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from autowatch.aws.objects import Bucket
from autowatch.scoring.transform.job import (
    TransformFailed,
    TransformInstances,
    TransformOverdue,
    TransformProgress,
    job_name,
    poll_interval,
    run_transform_job,
    stop_transform_job,
)
from autowatch.scoring.transform.plan import TransformPlan
from tests.support.scoring_bucket import BUCKET, CONTRACT, TIME
from tests.support.transform_double import WORK

NOW = datetime(2026, 11, 23, 10, tzinfo=UTC)
NAME = job_name(WORK.name)


@pytest.fixture
def sagemaker():
    client = boto3.client("sagemaker", "us-east-1")
    with Stubber(client) as stubber:
        client.stubber = stubber
        yield client
        stubber.assert_no_pending_responses()


@pytest.fixture
def plan():
    from autowatch.aws.objects import ObjectVersion
    from autowatch.records.arrival import Arrival
    from autowatch.records.champion import Champion

    champion = Champion("r1", "bank", "bank-r1", "bank-r1", "c", "b", "2026-11-20T00:00:00Z", {})
    arrival = Arrival(ObjectVersion("inference/a.csv", "v", "e", 10), TIME)
    return TransformPlan(
        WORK.name, arrival.file, arrival.time, champion, CONTRACT, "note,age,job\n", "2026-11-23T09:00:00Z"
    )


def description(status, **extra):
    return {
        "TransformJobName": NAME,
        "TransformJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:transform-job/{NAME}",
        "TransformJobStatus": status,
        "ModelName": "bank-r1",
        "TransformInput": {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/i"}}},
        "TransformResources": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
        "CreationTime": NOW - timedelta(hours=1),
        **extra,
    }


def test_the_name_fits_sagemaker():
    assert len(NAME) <= 63
    assert NAME.replace("-", "").isalnum()


def run(sagemaker, plan, limit_seconds=3600, longest_line=200, key=""):
    return run_transform_job(
        sagemaker,
        Bucket(None, BUCKET),
        plan,
        TransformInstances("ml.m5.xlarge", 2, key),
        longest_line=longest_line,
        tags={"a": "b"},
        limit_seconds=limit_seconds,
        now=NOW,
    )


def asked(sagemaker, plan, **how):
    """The request for a job that does not exist yet."""
    requests = []
    sagemaker.meta.events.register(
        "before-parameter-build.sagemaker.CreateTransformJob", lambda params, **_: requests.append(params)
    )
    sagemaker.stubber.add_client_error(
        "describe_transform_job", "ValidationException", "Could not find requested job with name: x"
    )
    sagemaker.stubber.add_response("create_transform_job", {"TransformJobArn": "arn:aws:sagemaker:x" * 2})
    assert run(sagemaker, plan, **how) == TransformProgress(done=False, status="InProgress")
    (request,) = requests
    return request


@pytest.mark.parametrize(
    ("longest_line", "megabytes"), [(200, 1), (300_000, 1), (400_000, 6), (4_000_000, 6)]
)
def test_a_request_is_small_enough_for_the_model_and_large_enough_for_a_row(
    sagemaker, plan, longest_line, megabytes
):
    request = asked(sagemaker, plan, longest_line=longest_line)
    assert request["MaxPayloadInMB"] == megabytes
    # At 100 bytes and a millisecond per row.
    assert megabytes > 1 or request["MaxPayloadInMB"] * 1e6 / 100 * 1e-3 < 60


def test_the_server_in_the_container_waits_as_long_as_the_job(sagemaker, plan):
    request = asked(sagemaker, plan)
    limit = str(request["ModelClientConfig"]["InvocationsTimeoutInSeconds"])
    assert request["Environment"]["SAGEMAKER_MODEL_SERVER_TIMEOUT"] == limit
    assert request["Environment"]["SAGEMAKER_TS_RESPONSE_TIMEOUT"] == limit


def test_the_job_joins_its_input_and_stays_within_the_payload_limits(sagemaker, plan):
    request = asked(sagemaker, plan)
    assert request["TransformJobName"] == NAME
    assert request["ModelName"] == "bank-r1"
    assert request["MaxPayloadInMB"] * request["MaxConcurrentTransforms"] <= 100
    assert request["DataProcessing"] == {"InputFilter": "$[1:]", "JoinSource": "Input"}
    assert request["TransformInput"]["SplitType"] == request["TransformOutput"]["AssembleWith"] == "Line"
    source = request["TransformInput"]["DataSource"]["S3DataSource"]["S3Uri"]
    assert source == f"s3://{BUCKET}/transform/{WORK.name}/input/"
    assert not request["TransformOutput"]["S3OutputPath"].startswith(source)


def test_the_job_names_the_model_of_the_champion_that_was_pinned(sagemaker, plan):
    """Whatever is released meanwhile: the job never refers to an endpoint."""
    requests = []
    sagemaker.meta.events.register(
        "before-parameter-build.sagemaker.CreateTransformJob", lambda params, **_: requests.append(params)
    )
    for model in ("bank-r1", "bank-r2"):
        sagemaker.stubber.add_client_error("describe_transform_job", "ResourceNotFound")
        sagemaker.stubber.add_response("create_transform_job", {"TransformJobArn": "arn:aws:sagemaker:x" * 2})
        run(sagemaker, replace(plan, champion=replace(plan.champion, model_name=model, releasing="r3")))
    assert [request["ModelName"] for request in requests] == ["bank-r1", "bank-r2"]
    assert "EndpointName" not in json.dumps(requests)


def test_a_key_encrypts_the_jobs_disks_and_output(sagemaker, plan):
    requests = []
    sagemaker.meta.events.register(
        "before-parameter-build.sagemaker.CreateTransformJob", lambda params, **_: requests.append(params)
    )
    for key in ("", "arn:aws:kms:eu-west-1:123456789012:key/1"):
        sagemaker.stubber.add_client_error("describe_transform_job", "ResourceNotFound")
        sagemaker.stubber.add_response("create_transform_job", {"TransformJobArn": "arn:aws:sagemaker:x" * 2})
        run(sagemaker, plan, key=key)
    without, with_key = requests
    assert "KmsKeyId" not in without["TransformOutput"]
    assert "VolumeKmsKeyId" not in without["TransformResources"]
    assert with_key["TransformOutput"]["KmsKeyId"] == with_key["TransformResources"]["VolumeKmsKeyId"] == key


def test_a_job_that_another_call_has_started_is_used(sagemaker, plan):
    sagemaker.stubber.add_client_error("describe_transform_job", "ResourceNotFound")
    sagemaker.stubber.add_client_error("create_transform_job", "ResourceInUse")
    assert not run(sagemaker, plan).done


def test_a_failed_poll_starts_nothing(sagemaker, plan):
    sagemaker.stubber.add_client_error("describe_transform_job", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        run(sagemaker, plan)


@pytest.mark.parametrize(
    ("status", "done"), [("InProgress", False), ("Stopping", False), ("Completed", True)]
)
def test_the_progress_of_a_job(sagemaker, plan, status, done):
    sagemaker.stubber.add_response("describe_transform_job", description(status))
    assert run(sagemaker, plan).done is done


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_failed_job_is_reported_with_sagemakers_reason(sagemaker, plan, status):
    sagemaker.stubber.add_response(
        "describe_transform_job", description(status, FailureReason="AlgorithmError: see job logs")
    )
    with pytest.raises(TransformFailed, match=f"ended as {status}: AlgorithmError: see job logs"):
        run(sagemaker, plan)


def test_a_job_that_takes_too_long_is_abandoned(sagemaker, plan):
    sagemaker.stubber.add_response("describe_transform_job", description("InProgress"))
    with pytest.raises(TransformOverdue, match="3600 s, more than MaxTransformSeconds"):
        run(sagemaker, plan, limit_seconds=3599)


def test_only_a_running_job_is_stopped(sagemaker):
    sagemaker.stubber.add_response("describe_transform_job", description("InProgress"))
    sagemaker.stubber.add_response("stop_transform_job", {}, {"TransformJobName": NAME})
    stop_transform_job(sagemaker, NAME)
    sagemaker.stubber.add_response("describe_transform_job", description("Completed"))
    stop_transform_job(sagemaker, NAME)
    sagemaker.stubber.add_client_error("describe_transform_job", "ResourceNotFound")
    stop_transform_job(sagemaker, NAME)
    sagemaker.stubber.add_client_error("describe_transform_job", "AccessDeniedException")
    with pytest.raises(ClientError, match="AccessDenied"):
        stop_transform_job(sagemaker, NAME)


@pytest.mark.parametrize(("seconds", "limit"), [(1, 600), (30, 21600), (1, 432000), (300, 432000)])
def test_polls_of_a_job_of_any_length_fit_into_an_executions_history(seconds, limit):
    interval = poll_interval(seconds, limit)
    assert interval >= seconds
    assert limit / interval * 9 < 20_000
