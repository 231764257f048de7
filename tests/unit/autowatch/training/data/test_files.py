import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.training.data.files import InvalidTrainingKey, NoTrainingFile, find_training_files

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def put(s3, name, body=b"x"):
    s3.put_object(Bucket=BUCKET, Key=f"training/{name}", Body=body)


def test_the_newest_csv_is_chosen_and_other_files_ignored(s3):
    for name in ("b.csv", "a.csv", "notes.txt"):
        s3.put_object(Bucket=BUCKET, Key=f"training/{name}", Body=b"x")
    newest = max(
        s3.list_objects_v2(Bucket=BUCKET, Prefix="training/")["Contents"],
        key=lambda item: (item["Key"].endswith(".csv"), item["LastModified"], item["Key"]),
    )
    assert find_training_files(Bucket(s3, BUCKET), None).identity.key == newest["Key"]


def test_without_a_training_file_the_error_says_where_to_upload_one(s3):
    with pytest.raises(NoTrainingFile, match="s3://bank/training/"):
        find_training_files(Bucket(s3, BUCKET), None)
    with pytest.raises(NoTrainingFile, match="training/gone.csv does not exist"):
        find_training_files(Bucket(s3, BUCKET), "training/gone.csv")


@pytest.mark.parametrize("key", ["bank.csv", "inference/bank.csv", "training/bank.txt"])
def test_another_key_is_refused_with_the_right_form(s3, key):
    with pytest.raises(InvalidTrainingKey, match="training/NAME.csv"):
        find_training_files(Bucket(s3, BUCKET), key)


def test_one_files_identity_is_its_own(s3):
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    put(s3, "a.csv", b"four")
    found = find_training_files(Bucket(s3, BUCKET), "training/a.csv")
    assert found.files == (found.identity,)
    assert found.identity.version_id
    assert found.identity.size == 4


def test_a_prefix_means_its_csv_files_in_the_order_of_their_keys(s3):
    for name in ("2026/10.csv", "2026/02.csv", "2026/notes.txt", "2026/deep/er.csv", "2025/12.csv", "2026"):
        put(s3, name, name.encode())
    found = find_training_files(Bucket(s3, BUCKET), "training/2026/")
    assert [file.key for file in found.files] == [
        "training/2026/02.csv",
        "training/2026/10.csv",
        "training/2026/deep/er.csv",
    ]
    assert found.identity.key == "training/2026/"
    assert found.identity.size == sum(file.size for file in found.files)
    assert found.identity.version_id is None


@pytest.mark.parametrize("change", ["a file more", "another content", "another name"])
def test_a_prefixs_identity_changes_with_any_object_below_it(s3, change):
    put(s3, "p/a.csv")
    before = find_training_files(Bucket(s3, BUCKET), "training/p/").identity
    assert find_training_files(Bucket(s3, BUCKET), "training/p/").identity == before
    if change == "a file more":
        put(s3, "p/b.csv", b"")
    elif change == "another content":
        put(s3, "p/a.csv", b"y")
    else:
        s3.delete_object(Bucket=BUCKET, Key="training/p/a.csv")
        put(s3, "p/b.csv")
    assert find_training_files(Bucket(s3, BUCKET), "training/p/").identity.etag != before.etag


def test_a_prefix_without_files_is_named(s3):
    put(s3, "p/a.txt")
    with pytest.raises(NoTrainingFile, match="s3://bank/training/p/"):
        find_training_files(Bucket(s3, BUCKET), "training/p/")
