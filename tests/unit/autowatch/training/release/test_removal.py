"""The deletion of a stack: which logs are deleted, and how long it waits for an endpoint."""

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.training.release.removal import keep_endpoint_logs, remove_bucket, remove_what_runs_made
from autowatch.training.serving.endpoints import EndpointBusy

ARN = "arn:aws:logs:us-east-1:123456789012:log-group:"
OURS, OTHERS = {"autowatch:stack": "mine"}, {"autowatch:stack": "other"}
EMPTY = {
    "list_auto_ml_jobs": "AutoMLJobSummaries",
    "list_transform_jobs": "TransformJobSummaries",
    "list_endpoints": "Endpoints",
    "list_endpoint_configs": "EndpointConfigs",
    "list_models": "Models",
}


class Listed:
    """SageMaker with these items, all of this stack; requests are recorded."""

    def __init__(self, **items):
        self.items, self.asked, self.statuses = items, [], {}

    def get_paginator(self, operation):
        return self._Pages(self, operation)

    class _Pages:
        def __init__(self, listed, operation):
            self.listed, self.operation = listed, operation

        def paginate(self, **request):
            if self.operation == "list_tags":
                owner = "other" if "other" in request["ResourceArn"] else "mine"
                return [{"Tags": [{"Key": "autowatch:stack", "Value": owner}]}]
            return [{EMPTY[self.operation]: self.listed.items.get(self.operation, [])}]

    def describe_endpoint(self, EndpointName):
        status = self.statuses[EndpointName].pop(0)
        return {"EndpointStatus": status, "EndpointConfigName": "c", "EndpointName": EndpointName}

    def __getattr__(self, name):
        return lambda **request: self.asked.append((name, *request.values()))


@pytest.fixture
def aws():
    with mock_aws():
        yield


def remove(sagemaker, sleep=lambda _: None):
    states, logs = boto3.client("stepfunctions"), boto3.client("logs")
    return remove_what_runs_made(sagemaker, states, logs, stack="mine", state_machines=[], sleep=sleep)


def group_names():
    return {group["logGroupName"] for group in boto3.client("logs").describe_log_groups()["logGroups"]}


@pytest.mark.usefixtures("aws")
def test_only_the_logs_of_this_stacks_endpoints_are_deleted():
    logs = boto3.client("logs")
    for name, tags in (("mine", OURS), ("mine-of-old", OURS), ("mine-too", OTHERS), ("mine-perhaps", {})):
        logs.create_log_group(logGroupName=f"/aws/sagemaker/Endpoints/{name}", tags=tags)
    assert remove(Listed()).log_groups == 2
    assert group_names() == {"/aws/sagemaker/Endpoints/mine-too", "/aws/sagemaker/Endpoints/mine-perhaps"}


@pytest.mark.usefixtures("aws")
def test_only_this_stacks_streams_are_deleted_from_shared_groups():
    logs = boto3.client("logs")
    for group in ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/TransformJobs"):
        logs.create_log_group(logGroupName=group)
        for stream in ("autowatch-1-trial/a", "autowatch-2/a", "elsewhere/a"):
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
    job = {"AutoMLJobName": "autowatch-1", "AutoMLJobArn": "arn:1", "AutoMLJobStatus": "Completed"}
    other = {"AutoMLJobName": "autowatch-2", "AutoMLJobArn": "arn:other", "AutoMLJobStatus": "InProgress"}
    sagemaker = Listed(list_auto_ml_jobs=[job, other])
    assert remove(sagemaker).log_streams == 2
    assert sagemaker.asked == []
    streams = logs.describe_log_streams(logGroupName="/aws/sagemaker/TrainingJobs")["logStreams"]
    assert [stream["logStreamName"] for stream in streams] == ["autowatch-2/a", "elsewhere/a"]


@pytest.mark.usefixtures("aws")
def test_running_jobs_of_the_stack_are_stopped():
    running = {"AutoMLJobName": "a", "AutoMLJobArn": "arn:1", "AutoMLJobStatus": "InProgress"}
    large = {"TransformJobName": "t", "TransformJobArn": "arn:2", "TransformJobStatus": "InProgress"}
    sagemaker = Listed(list_auto_ml_jobs=[running], list_transform_jobs=[large])
    assert remove(sagemaker).jobs == 2
    assert sagemaker.asked == [("stop_auto_ml_job", "a"), ("stop_transform_job", "t")]


@pytest.mark.usefixtures("aws")
def test_a_changing_endpoint_is_waited_for():
    sagemaker = Listed(list_endpoints=[{"EndpointName": "e", "EndpointArn": "arn:e"}])
    sagemaker.statuses = {"e": ["Creating", "Updating", "InService"]}
    waits = []
    assert remove(sagemaker, waits.append).endpoints == 1
    assert sagemaker.asked == [("delete_endpoint", "e")]
    assert len(waits) == 2


@pytest.mark.usefixtures("aws")
def test_an_endpoint_that_never_settles_is_reported():
    sagemaker = Listed(list_endpoints=[{"EndpointName": "e", "EndpointArn": "arn:e"}])
    sagemaker.statuses = {"e": ["Creating"] * 60}
    with pytest.raises(EndpointBusy, match="endpoint e is Creating"):
        remove(sagemaker)


@pytest.mark.usefixtures("aws")
def test_endpoint_logs_get_their_retention_in_any_case():
    logs = boto3.client("logs")
    logs.create_log_group(logGroupName="/aws/sagemaker/Endpoints/e")
    arguments = {"stack": "mine", "endpoint_name": "e", "arn_of_group": lambda group: f"{ARN}{group}"}
    keep_endpoint_logs(logs, days=14, kms_key="", **arguments)
    keep_endpoint_logs(logs, days=30, kms_key="", **arguments)
    groups = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/Endpoints/e")["logGroups"]
    assert [(group["logGroupName"][-1], group["retentionInDays"]) for group in groups] == [
        ("e", 30),
        ("e", 30),
    ]
    for group in groups:
        tags = logs.list_tags_for_resource(resourceArn=f"{ARN}{group['logGroupName']}")["tags"]
        assert tags == OURS


@pytest.mark.usefixtures("aws")
def test_a_bucket_is_deleted_with_every_version_idempotently():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="data")
    s3.put_bucket_versioning(Bucket="data", VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket="data", Key="a", Body=b"1")
    s3.put_object(Bucket="data", Key="a", Body=b"2")
    s3.delete_object(Bucket="data", Key="a")
    remove_bucket(Bucket(s3, "data"))
    assert s3.list_buckets()["Buckets"] == []
    remove_bucket(Bucket(s3, "data"))
