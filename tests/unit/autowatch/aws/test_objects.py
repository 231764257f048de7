import boto3
import pytest
from moto import mock_aws

from autowatch.aws import objects
from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing, ObjectTooLarge

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def test_what_is_written_is_read(s3):
    document = {"a": [1, "ü", None]}
    Bucket(s3, BUCKET).write_json("k", document)
    assert Bucket(s3, BUCKET).read_json("k") == document


def test_what_is_not_there_is_missing(s3):
    with pytest.raises(ObjectMissing, match="s3://bank/k does not exist"):
        Bucket(s3, BUCKET).read_json("k")


def test_what_is_larger_than_any_document_is_not_read(s3, monkeypatch):
    monkeypatch.setattr(objects, "LARGEST_DOCUMENT", 10)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"[12345678]")
    assert Bucket(s3, BUCKET).read_json("k") == [12345678]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"[123456789]")
    with pytest.raises(ObjectTooLarge, match="s3://bank/k has 11 bytes, more than the 10 that are read"):
        Bucket(s3, BUCKET).read_json("k")


def test_only_the_first_writes_where_nothing_is(s3):
    Bucket(s3, BUCKET).write_json_if_absent("k", 1)
    with pytest.raises(ObjectChanged):
        Bucket(s3, BUCKET).write_json_if_absent("k", 2)
    assert Bucket(s3, BUCKET).read_json("k") == 1


def test_only_the_version_that_was_read_is_replaced(s3):
    Bucket(s3, BUCKET).write_json("k", 1)
    _, etag = Bucket(s3, BUCKET).read_json_with_etag("k")
    Bucket(s3, BUCKET).replace_json("k", 2, etag)
    with pytest.raises(ObjectChanged):
        Bucket(s3, BUCKET).replace_json("k", 3, etag)
    assert Bucket(s3, BUCKET).read_json("k") == 2


def test_what_is_gone_is_not_replaced(s3):
    Bucket(s3, BUCKET).write_json("k", 1)
    _, etag = Bucket(s3, BUCKET).read_json_with_etag("k")
    s3.delete_object(Bucket=BUCKET, Key="k")
    with pytest.raises(ObjectChanged):
        Bucket(s3, BUCKET).replace_json("k", 2, etag)


def test_half_a_character_is_written_as_json_writes_it(s3):
    """A lone surrogate has no UTF-8; foreign JSON may hold one, as an escape."""
    document = {"\udc80": ["a\ud83d", "\\\ud800", "größe 😀"]}
    Bucket(s3, BUCKET).write_json("a.json", document)
    assert Bucket(s3, BUCKET).read_json("a.json") == document
    s3.get_object(Bucket=BUCKET, Key="a.json")["Body"].read().decode()
