import math
from dataclasses import dataclass
from typing import Literal

import boto3
import pytest
from moto import mock_aws

from autowatch.aws import objects
from autowatch.aws.objects import (
    Bucket,
    DocumentMalformed,
    ObjectChanged,
    ObjectMissing,
    ObjectTooLarge,
    ObjectVersion,
)

BUCKET = "bank"


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


def test_a_written_document_is_read_back(s3):
    document = {"a": [1, "ü", None]}
    Bucket(s3, BUCKET).write_json("k", document)
    assert Bucket(s3, BUCKET).read_json("k") == document


def test_an_absent_object_is_missing(s3):
    with pytest.raises(ObjectMissing, match="s3://bank/k does not exist"):
        Bucket(s3, BUCKET).read_json("k")


def test_what_is_larger_than_any_document_is_not_read(s3, monkeypatch):
    monkeypatch.setattr(objects, "LARGEST_DOCUMENT", 10)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"[12345678]")
    assert Bucket(s3, BUCKET).read_json("k") == [12345678]
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"[123456789]")
    with pytest.raises(ObjectTooLarge, match="s3://bank/k has 11 bytes, more than the 10 allowed"):
        Bucket(s3, BUCKET).read_json("k")


def test_only_the_first_of_two_creates_an_object(s3):
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


def test_a_deleted_object_is_not_replaced(s3):
    Bucket(s3, BUCKET).write_json("k", 1)
    _, etag = Bucket(s3, BUCKET).read_json_with_etag("k")
    s3.delete_object(Bucket=BUCKET, Key="k")
    with pytest.raises(ObjectChanged):
        Bucket(s3, BUCKET).replace_json("k", 2, etag)


def test_a_lone_surrogate_is_written_as_a_json_escape(s3):
    """A lone surrogate has no UTF-8; foreign JSON may hold one, as an escape."""
    document = {"\udc80": ["a\ud83d", "\\\ud800", "größe 😀"]}
    Bucket(s3, BUCKET).write_json("a.json", document)
    assert Bucket(s3, BUCKET).read_json("a.json") == document
    s3.get_object(Bucket=BUCKET, Key="a.json")["Body"].read().decode()


@dataclass(frozen=True)
class Record:
    run: str
    files: tuple[ObjectVersion, ...]
    status: Literal["running", "ended"] = "running"
    auc: float = 0.5


RECORD = Record("r", (ObjectVersion("a.csv", None, "e", 3),), auc=0.25)


def test_a_dataclass_is_written_with_all_its_fields_and_read_as_it_was(s3):
    bucket = Bucket(s3, BUCKET)
    bucket.write_json("k", RECORD)
    assert bucket.read_json("k") == {
        "run": "r",
        "files": [{"key": "a.csv", "version_id": None, "etag": "e", "size": 3}],
        "status": "running",
        "auc": 0.25,
    }
    assert bucket.read_as("k", Record) == RECORD
    changed, etag = bucket.read_as_with_etag("k", Record)
    bucket.replace_json("k", [changed], etag)
    assert bucket.read_as("k", list[Record]) == [RECORD]


def test_documents_of_earlier_and_later_versions_are_read(s3):
    Bucket(s3, BUCKET).write_json("k", {"run": "r", "files": [], "of a later version": {"a": [1]}})
    assert Bucket(s3, BUCKET).read_as("k", Record) == Record("r", ())


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b'{"files": []}', "missing required field `run`"),
        (b'{"run": null, "files": []}', r"\$\.run"),
        (
            b'{"run": "r", "files": [{"key": "a", "version_id": null, "etag": "e", "size": "3"}]}',
            r"\$\.files\[0\]\.size",
        ),
        (b'{"run": "r", "files": [], "status": "odd"}', r"\$\.status"),
        (b'{"run": "r", "files": [], "auc": NaN}', "malformed"),
        (b'{"run": "r"', "truncated"),
        (b'{"run": "\xff", "files": []}', "utf-8"),
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
    ],
)
def test_a_malformed_document_is_named_with_the_field(s3, content, what):
    s3.put_object(Bucket=BUCKET, Key="models/k.json", Body=content)
    with pytest.raises(
        DocumentMalformed, match=rf"s3://bank/models/k\.json cannot be read: .*{what}.* Restore"
    ):
        Bucket(s3, BUCKET).read_as("models/k.json", Record)


def test_no_document_contains_nan_or_an_unserialisable_object(s3):
    for auc in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not JSON compliant"):
            Bucket(s3, BUCKET).write_json("k", Record("r", (), auc=auc))
    with pytest.raises(TypeError, match="cannot hold object"):
        Bucket(s3, BUCKET).write_json("k", {"a": object()})


class LosesAnAnswer:
    """A client whose first write takes effect, and whose answer is lost: boto3 then writes again by itself."""

    def __init__(self, s3):
        self._s3 = s3

    def __getattr__(self, name):
        return getattr(self._s3, name)

    def put_object(self, **arguments):
        self._s3.put_object(**arguments)
        return self._s3.put_object(**arguments)


def test_a_write_on_condition_whose_answer_was_lost_is_a_write(s3):
    bucket = Bucket(LosesAnAnswer(s3), BUCKET)
    etag = bucket.write_json_if_absent("k", {"a": 1})
    assert bucket.replace_json("k", {"a": 2}, etag) == bucket.read("k")[1]
    assert bucket.read_json("k") == {"a": 2}


def test_an_equal_document_of_another_writer_is_a_conflict(s3):
    """Two claims in the same second write the same document."""
    Bucket(s3, BUCKET).write_json_if_absent("k", {"a": 1})
    with pytest.raises(ObjectChanged):
        Bucket(s3, BUCKET).write_json_if_absent("k", {"a": 1})
