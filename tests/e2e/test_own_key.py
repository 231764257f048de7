"""A stack with its own KMS key and with retention periods: the requests that the services got."""

import pytest

from sandbox.client import running_sandbox
from tests.support.repository import OWN_KEY

pytestmark = pytest.mark.sandbox

DAYS = {"InferenceDays": 30, "PredictionsDays": 400, "RejectedDays": 7, "LabelsDays": 50}
PARAMETERS = {name: str(days) for name, days in DAYS.items()} | {
    "KmsKeyArn": OWN_KEY,
    "OldVersionsDays": "10",
}


@pytest.fixture(scope="module")
def sandbox():
    with running_sandbox(parameters=PARAMETERS) as sandbox:
        yield sandbox


@pytest.fixture
def bucket(sandbox):
    return sandbox.outputs["DataBucketName"]


def test_an_object_is_encrypted_with_the_key_by_default(sandbox, bucket):
    s3 = sandbox.client("s3")
    s3.put_object(Bucket=bucket, Key="notes/a.txt", Body=b"a")
    head = s3.head_object(Bucket=bucket, Key="notes/a.txt")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", OWN_KEY)


def test_the_topic_the_queues_and_the_logs_have_the_key(sandbox):
    topic = sandbox.client("sns").get_topic_attributes(TopicArn=sandbox.outputs["AlertTopicArn"])
    assert topic["Attributes"]["KmsMasterKeyId"] == OWN_KEY
    sqs = sandbox.client("sqs")
    queues = [
        sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        for url in sqs.list_queues()["QueueUrls"]
    ]
    assert [queue["KmsMasterKeyId"] for queue in queues] == [OWN_KEY, OWN_KEY]
    groups = sandbox.client("logs").describe_log_groups()["logGroups"]
    assert {group["kmsKeyId"] for group in groups} == {OWN_KEY}
    assert len(groups) >= 6


def test_each_prefix_has_its_retention_and_versions_expire(sandbox, bucket):
    rules = sandbox.client("s3").get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    days = {
        rule["Filter"]["Prefix"]: rule["Expiration"].get("Days") for rule in rules if "Expiration" in rule
    }
    assert days == {
        "": None,
        "transform/": 7,
        "inference/": DAYS["InferenceDays"],
        "predictions/": DAYS["PredictionsDays"],
        "rejected/": DAYS["RejectedDays"],
        "labels/": DAYS["LabelsDays"],
        "monitoring/labels/": DAYS["LabelsDays"],
    }
    (old,) = [rule for rule in rules if rule["ID"] == "drop-old-versions"]
    assert old["NoncurrentVersionExpiration"] == {"NoncurrentDays": 10}
    assert old["Expiration"] == {"ExpiredObjectDeleteMarker": True}
