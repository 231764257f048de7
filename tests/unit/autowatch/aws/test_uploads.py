import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import PART_BYTES, Upload, UploadGone, abort_uploads
from tests.support.stub_runtime import client_error

WHERE = {"Bucket": "bank", "Key": "predictions/a.csv"}


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket="bank")
        yield s3


def upload(s3):
    return Upload(Bucket(s3, WHERE["Bucket"]), WHERE["Key"], "text/csv")


def unfinished(s3):
    return s3.list_multipart_uploads(Bucket="bank").get("Uploads", [])


@pytest.mark.parametrize(
    ("pieces", "parts"),
    [
        ([], 0),
        ([b"a"], 0),
        ([b"a" * (PART_BYTES - 1)], 0),
        ([b"a" * PART_BYTES], 1),
        ([b"a" * PART_BYTES, b"b"], 2),
        ([b"a" * (PART_BYTES + 1), b"b" * (PART_BYTES - 1), b"c"], 3),
        ([b"a" * (2 * PART_BYTES)], 2),
    ],
)
def test_small_objects_are_put_and_large_ones_uploaded_in_parts(s3, pieces, parts):
    with upload(s3) as out:
        for piece in pieces:
            out.write(piece)
        assert out.is_empty == (not pieces)
        out.complete()
    answer = s3.get_object(**WHERE)
    assert answer["Body"].read() == b"".join(pieces)
    assert answer["ContentType"] == "text/csv"
    assert answer["ETag"].strip('"').partition("-")[2] == (str(parts) if parts else "")
    assert unfinished(s3) == []


def test_the_version_is_returned(s3):
    s3.put_bucket_versioning(Bucket="bank", VersioningConfiguration={"Status": "Enabled"})
    for size in (1, PART_BYTES):
        with upload(s3) as out:
            out.write(b"a" * size)
            assert out.complete() == s3.head_object(**WHERE)["VersionId"]


@pytest.mark.parametrize("size", [0, 1, PART_BYTES])
def test_an_incomplete_upload_leaves_no_object(s3, size):
    with upload(s3) as out:
        out.write(b"a" * size)
    assert "Contents" not in s3.list_objects_v2(Bucket="bank")
    assert unfinished(s3) == []


class LosesItsUpload:
    """S3's answer when an upload was aborted by another client, which moto lacks."""

    def __init__(self, client):
        self.client = client

    def __getattr__(self, name):
        return getattr(self.client, name)

    def upload_part(self, **arguments):
        raise client_error("NoSuchUpload", 404)


def test_an_upload_aborted_by_another_is_named(s3):
    with upload(LosesItsUpload(s3)) as out:
        out.write(b"a" * PART_BYTES)
        with pytest.raises(UploadGone, match=WHERE["Key"]):
            out.complete()


def test_only_uploads_in_progress_to_the_key_are_aborted(s3):
    for key in (WHERE["Key"], WHERE["Key"], "predictions/b.csv"):
        s3.create_multipart_upload(Bucket="bank", Key=key)
    abort_uploads(Bucket(s3, "bank"), WHERE["Key"])
    assert [item["Key"] for item in unfinished(s3)] == ["predictions/b.csv"]
