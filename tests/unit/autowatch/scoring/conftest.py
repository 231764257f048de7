import boto3
import pytest
from moto import mock_aws

from autowatch.scoring import endpoint
from tests.support.scoring_bucket import create_bucket, release


@pytest.fixture(scope="module")
def client():
    return boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def s3(client):
    """Gives the client of a bucket with a champion."""
    with mock_aws():
        create_bucket(client)
        release(client)
        yield client


@pytest.fixture
def no_waits(monkeypatch):
    """What failed is asked for again at once."""
    monkeypatch.setattr(endpoint, "_FIRST_WAIT", 0.0)
    monkeypatch.setattr(endpoint, "_LONGEST_WAIT", 0.0)
