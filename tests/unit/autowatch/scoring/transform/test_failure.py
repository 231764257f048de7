"""Cleaning up after a failed transform, and its alert."""

import json

import boto3
import pytest
from botocore.stub import Stubber

from autowatch.aws.objects import Bucket
from autowatch.records.arrival import announcement
from autowatch.scoring.transform.failure import end_transform, fail_transform
from tests.support.scoring_bucket import BUCKET, drop, keys, results
from tests.support.transform_double import WORK, check, transform

ERROR = {
    "Error": "TransformFailed",
    "Cause": json.dumps({"errorType": "TransformFailed", "errorMessage": "ended as Failed: AlgorithmError"}),
}
TEXT = "age,job\n" + "1,x\n" * 60


class Topic:
    """A double of boto3's `sns`."""

    def __init__(self):
        self.messages = []

    def publish(self, **message):
        self.messages.append(message)


def fail(s3, arrival, error=ERROR):
    sagemaker, topic = boto3.client("sagemaker", "us-east-1"), Topic()
    with Stubber(sagemaker) as stubber:
        stubber.add_client_error("describe_transform_job", "ResourceNotFound")
        outcome = fail_transform(
            Bucket(s3, BUCKET),
            sagemaker,
            topic,
            predictions_prefix="predictions/",
            stack="bank",
            topic_arn="arn",
            work=WORK,
            arrival=arrival,
            error=error,
        )
    (message,) = topic.messages
    return outcome, message


def test_nothing_is_left_and_the_message_says_what_to_do(s3):
    arrival = drop(s3, TEXT)
    check(s3, arrival)
    s3.create_multipart_upload(Bucket=BUCKET, Key=WORK.part(1))
    s3.create_multipart_upload(Bucket=BUCKET, Key="transform/another/input/part-00001.csv")
    outcome, message = fail(s3, arrival)
    assert outcome == ("TransformFailed", "ended as Failed: AlgorithmError")
    assert keys(s3, "transform/") == results(s3) == []
    assert "Versions" not in s3.list_object_versions(Bucket=BUCKET, Prefix="transform/")
    (upload,) = s3.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert upload["Key"].startswith("transform/another/"), "that one belongs to another file"
    assert message["Subject"] == "[bank] File not scored: inference/a.csv"
    assert "AlgorithmError" in message["Message"]
    assert "upload the file again" in message["Message"]


@pytest.mark.parametrize("kept", [ERROR, json.dumps(ERROR)], ids=["object", "text"])
def test_a_pieces_error_is_reported_instead_of_the_map_states(s3, kept):
    arrival = drop(s3, TEXT)
    check(s3, arrival)
    Bucket(s3, BUCKET).write_json(WORK.failure, kept)
    caught = {"Error": "States.ExceedToleratedFailureThreshold", "Cause": "exceeded"}
    outcome, _ = fail(s3, arrival, caught)
    assert outcome[0] == "TransformFailed"


def test_a_commit_before_the_failure_stays_and_is_reported(s3):
    arrival = drop(s3, TEXT)
    transform(s3, arrival)
    before = results(s3)
    _, message = fail(s3, arrival, {"Error": "States.Timeout", "Cause": ""})
    assert results(s3) == before
    assert "were written before the failure: predictions/" in message["Message"]


def end(s3, document, status):
    """The messages that follow Step Functions' event about the end of an execution."""
    sagemaker, topic = boto3.client("sagemaker", "us-east-1"), Topic()
    detail = {"input": json.dumps(document), "status": status, "cause": "Somebody stopped it."}
    with Stubber(sagemaker) as stubber:
        stubber.add_client_error("describe_transform_job", "ResourceNotFound")
        end_transform(
            Bucket(s3, BUCKET),
            sagemaker,
            topic,
            predictions_prefix="predictions/",
            stack="bank",
            topic_arn="arn",
            detail=detail,
        )
    return topic.messages


def execution(arrival):
    return {"name": WORK.name, "input": vars(arrival.file), "time": arrival.time.isoformat()}


@pytest.mark.parametrize("status", ["ABORTED", "TIMED_OUT", "FAILED"])
def test_an_execution_ended_from_outside_leaves_nothing_and_is_reported(s3, status):
    arrival = drop(s3, TEXT)
    check(s3, arrival)
    (message,) = end(s3, execution(arrival), status)
    assert "Versions" not in s3.list_object_versions(Bucket=BUCKET, Prefix="transform/")
    assert f"ended {status}. Somebody stopped it." in message["Message"]
    assert "upload the file again" in message["Message"]


def test_an_execution_that_failed_is_not_reported_again(s3):
    assert end(s3, execution(drop(s3, TEXT)), "FAILED") == []


def test_a_waiting_file_is_named(s3):
    event = announcement(drop(s3, TEXT, "inference/ä b.csv"), BUCKET)
    (message,) = end(s3, {"postponed": {"seconds": 5, "event": event}}, "ABORTED")
    assert "inference/ä b.csv was waiting" in message["Message"]
    assert "Upload the file again" in message["Message"]
