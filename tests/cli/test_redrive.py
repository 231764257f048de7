import json
from datetime import UTC, datetime
from hashlib import sha256

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import ObjectVersion
from autowatch.records.arrival import Arrival, output_keys
from autowatch_client.objects import Bucket
from autowatch_client.places import Place
from autowatch_client.redrive import Redriven, redrive
from autowatch_client.stack import Stack

BUCKET, FUNCTION = "bank", "arn:aws:lambda:us-east-1:123456789012:function:score"


class Lambda:
    """Records the invocations."""

    def __init__(self):
        self.invoked = []

    def invoke(self, FunctionName, InvocationType, Payload):
        self.invoked.append((FunctionName, InvocationType, json.loads(Payload)))


@pytest.fixture
def world():
    with mock_aws():
        s3, sqs = boto3.client("s3"), boto3.client("sqs")
        s3.create_bucket(Bucket=BUCKET)
        template = {"Resources": {"ScoringFailures": {"Type": "AWS::SQS::Queue"}}}
        boto3.client("cloudformation").create_stack(StackName="bank", TemplateBody=json.dumps(template))
        (url,) = sqs.list_queues()["QueueUrls"]
        clients = {"lambda": Lambda()}

        def client(service):
            return (
                clients.setdefault(service, boto3.client(service))
                if service not in clients
                else clients[service]
            )

        yield client, sqs, url, s3


def failed(key, version):
    record = {"eventTime": "2026-11-23T20:00:00Z", "s3": {"object": {"key": key, "versionId": version}}}
    payload = {"Records": [record]}
    return json.dumps({"requestContext": {"functionArn": f"{FUNCTION}:$LATEST"}, "requestPayload": payload})


def test_failed_events_are_sent_to_their_function_and_removed_from_the_queue(world):
    client, sqs, url, _ = world
    sqs.send_message(QueueUrl=url, MessageBody=failed("inference/new+customers.csv", "v1"))
    attribute = {"TARGET_ARN": {"DataType": "String", "StringValue": FUNCTION}}
    sqs.send_message(QueueUrl=url, MessageBody="{}", MessageAttributes=attribute)
    outcomes = redrive(client, Bucket(boto3.client("s3"), BUCKET), "bank")
    assert {(each.what, each.outcome) for each in outcomes} == {
        ("inference/new customers.csv", "sent"),
        (FUNCTION, "sent"),
    }
    assert {(name, kind) for name, kind, _ in client("lambda").invoked} == {(FUNCTION, "Event")}
    assert queued(sqs, url) == 0


def test_the_event_of_a_file_scored_meanwhile_is_only_removed(world):
    client, sqs, url, s3 = world
    mark = sha256(b"v1").hexdigest()[:16]
    s3.put_object(Bucket=BUCKET, Key=f"predictions/date=2026-11-23/a-{mark}.manifest.json", Body=b"{}")
    sqs.send_message(QueueUrl=url, MessageBody=failed("inference/a.csv", "v1"))
    assert redrive(client, Bucket(s3, BUCKET), "bank") == [
        Redriven("ScoringFailures", "inference/a.csv", "done")
    ]
    assert client("lambda").invoked == []
    assert queued(sqs, url) == 0


@pytest.mark.parametrize("name", ["a", "\u00fc" * 470])
@pytest.mark.parametrize("result", ["manifest", "error"])
def test_every_result_of_a_file_counts_whatever_its_name(world, name, result):
    client, sqs, url, s3 = world
    file = ObjectVersion(f"inference/{name}.csv", "v1", "e", 1)
    keys = output_keys(Arrival(file, datetime(2026, 11, 23, 20, tzinfo=UTC)), "predictions/")
    s3.put_object(Bucket=BUCKET, Key=getattr(keys, result), Body=b"{}")
    sqs.send_message(QueueUrl=url, MessageBody=failed(file.key, "v1"))
    assert [each.outcome for each in redrive(client, Bucket(s3, BUCKET), "bank")] == ["done"]


@pytest.mark.parametrize("target", [None, "arn:aws:states:us-east-1:123456789012:stateMachine:train"])
def test_an_event_without_a_function_stays_in_its_queue(world, target):
    client, sqs, url, s3 = world
    attributes = {"TARGET_ARN": {"DataType": "String", "StringValue": target}} if target else {}
    sqs.send_message(
        QueueUrl=url, MessageBody="not json" if target is None else "{}", MessageAttributes=attributes
    )
    (outcome,) = redrive(client, Bucket(s3, BUCKET), "bank")
    assert outcome.outcome == "left"
    assert client("lambda").invoked == []
    assert queued(sqs, url) == 1


def queued(sqs, url):
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, attributes.values()))


def test_resent_events_are_recorded(world):
    client, sqs, url, s3 = world
    sqs.send_message(QueueUrl=url, MessageBody=failed("inference/a.csv", "v1"))
    stack = Stack(Place("bank", BUCKET, "machine", "us-east-1", None, boto3.Session()))
    stack.client = client
    assert len(stack.redrive()) == 1
    (item,) = s3.list_objects_v2(Bucket=BUCKET, Prefix="audit/")["Contents"]
    record = json.loads(s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
    assert (record["what"], record["by"]) == ("redrive", "arn:aws:sts::123456789012:user/moto")
    assert record["events"] == [{"queue": "ScoringFailures", "what": "inference/a.csv", "outcome": "sent"}]
    assert stack.redrive() == []
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="audit/")["KeyCount"] == 1
