import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import (
    ObjectChanged,
    ObjectMissing,
    read_json,
    read_json_with_etag,
    replace_json,
    write_json,
    write_json_if_absent,
)

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def test_what_is_written_is_read(s3):
    document = {"a": [1, "ü", None]}
    write_json(s3, BUCKET, "k", document)
    assert read_json(s3, BUCKET, "k") == document


def test_what_is_not_there_is_missing(s3):
    with pytest.raises(ObjectMissing, match="s3://bank/k does not exist"):
        read_json(s3, BUCKET, "k")


def test_only_the_first_writes_where_nothing_is(s3):
    write_json_if_absent(s3, BUCKET, "k", 1)
    with pytest.raises(ObjectChanged):
        write_json_if_absent(s3, BUCKET, "k", 2)
    assert read_json(s3, BUCKET, "k") == 1


def test_only_the_version_that_was_read_is_replaced(s3):
    write_json(s3, BUCKET, "k", 1)
    _, etag = read_json_with_etag(s3, BUCKET, "k")
    replace_json(s3, BUCKET, "k", 2, etag)
    with pytest.raises(ObjectChanged):
        replace_json(s3, BUCKET, "k", 3, etag)
    assert read_json(s3, BUCKET, "k") == 2


def test_what_is_gone_is_not_replaced(s3):
    write_json(s3, BUCKET, "k", 1)
    _, etag = read_json_with_etag(s3, BUCKET, "k")
    s3.delete_object(Bucket=BUCKET, Key="k")
    with pytest.raises(ObjectChanged):
        replace_json(s3, BUCKET, "k", 2, etag)


def test_half_a_character_is_written_as_json_writes_it(s3):
    """A lone surrogate has no UTF-8; foreign JSON may hold one, as an escape."""
    document = {"\udc80": ["a\ud83d", "\\\ud800", "größe 😀"]}
    write_json(s3, BUCKET, "a.json", document)
    assert read_json(s3, BUCKET, "a.json") == document
    s3.get_object(Bucket=BUCKET, Key="a.json")["Body"].read().decode()
