from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.clients import LIMITS, _parse_time, client, made_client

MOMENT = datetime(2026, 11, 23, 9, 0, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-23T09:00:05.000Z",
        "2026-11-23T09:00:05Z",
        "2026-11-23T11:00:05+02:00",
        "Mon, 23 Nov 2026 09:00:05 GMT",
        str(MOMENT.timestamp()),
        MOMENT.timestamp(),
        int(MOMENT.timestamp()),
    ],
)
def test_every_form_of_a_time_is_read(text):
    assert _parse_time(text) == MOMENT


@pytest.mark.parametrize("text", ["", "yesterday", None])
def test_an_invalid_time_is_refused_as_by_botocore(text):
    with pytest.raises((ValueError, TypeError)):
        _parse_time(text)


@pytest.fixture
def region(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def test_a_listing_has_the_times_that_botocore_would_read(region):
    def read(s3):
        (listed,) = s3.list_objects_v2(Bucket="bank")["Contents"]
        return listed["LastModified"], s3.head_object(Bucket="bank", Key="a")["LastModified"]

    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket="bank")
        s3.put_object(Bucket="bank", Key="a", Body=b"")
        moments = read(s3)
        assert moments == read(boto3.client("s3"))
        assert all(moment.tzinfo is not None for moment in moments)


@pytest.mark.parametrize("service", LIMITS)
def test_each_client_is_created_once_with_its_row_of_the_table(region, service):
    made = client(service)
    assert made is client(service) is made_client(service)
    config, limits = made.meta.config, LIMITS[service]
    assert (config.connect_timeout, config.read_timeout) == (limits.connect, limits.read)
    assert config.retries == {"mode": "standard", "total_max_attempts": limits.attempts}
    # As many as the template lets a file have requests under way.
    assert config.max_pool_connections >= 64
