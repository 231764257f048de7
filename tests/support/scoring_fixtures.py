"""Fixtures of the tests that score with a bucket in this process; a conftest.py imports them."""

import boto3
import pytest
from moto import mock_aws

from tests.support.scoring_bucket import create_bucket, release


@pytest.fixture(scope="module")
def client():
    """One client for all tests of a file, since to make one takes longer than most of them."""
    return boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@pytest.fixture
def s3(client):
    """The client of a bucket with a champion."""
    with mock_aws():
        create_bucket(client)
        release(client)
        yield client
