from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.clients import _parse, quick_session

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
def test_every_form_of_a_moment_is_read(text):
    assert _parse(text) == MOMENT


@pytest.mark.parametrize("text", ["", "yesterday", None])
def test_what_is_no_moment_is_refused_as_by_botocore(text):
    with pytest.raises((ValueError, TypeError)):
        _parse(text)


def test_its_clients_read_what_others_read():
    def read(session):
        s3 = session.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        (listed,) = s3.list_objects_v2(Bucket="bank")["Contents"]
        return listed["LastModified"], s3.head_object(Bucket="bank", Key="a")["LastModified"]

    with mock_aws():
        quick = quick_session()
        s3 = quick.client("s3", "us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
        s3.create_bucket(Bucket="bank")
        s3.put_object(Bucket="bank", Key="a", Body=b"")
        moments = read(quick)
        assert moments == read(boto3.Session())
        assert all(moment.tzinfo is not None for moment in moments)
