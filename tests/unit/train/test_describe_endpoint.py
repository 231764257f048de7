from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.training.serving.endpoints import EndpointState
from tests.support.lambda_context import Context
from train import describe_endpoint

GROUP = "/aws/sagemaker/Endpoints/bank"
KEY = "arn:aws:kms:us-east-1:123456789012:key/1"


@pytest.fixture
def logs(monkeypatch):
    """CloudWatch Logs; the endpoint `bank` serves."""
    for name, value in {
        "MAX_ENDPOINT_SECONDS": "600",
        "POLL_SECONDS": "30",
        "LOG_RETENTION_DAYS": "14",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("KMS_KEY_ARN", KEY)
    state = EndpointState("InService", "c", None)
    monkeypatch.setattr("autowatch.training.serving.endpoints.describe_endpoint", lambda *_: state)
    with mock_aws():
        yield boto3.client("logs", "us-east-1")


@pytest.mark.parametrize("there", [False, True])
def test_container_logs_are_kept_for_the_days_of_the_parameter(logs, there):
    if there:
        logs.create_log_group(logGroupName=GROUP)
    event = {"endpoint_name": "bank", "since": datetime.now(UTC).isoformat()}
    for _ in range(2):
        assert describe_endpoint.lambda_handler(event, Context())["in_service"]
    (group,) = logs.describe_log_groups(logGroupNamePrefix="/aws/sagemaker/")["logGroups"]
    assert (group["logGroupName"], group["retentionInDays"]) == (GROUP, 14)
    assert group.get("kmsKeyId") == (None if there else KEY)
