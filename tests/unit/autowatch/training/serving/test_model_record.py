"""The digests of a model's artefacts, against a real (local) S3 with versions."""

import hashlib
import logging

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, DocumentMalformed, ObjectMissing
from autowatch.records.keys import model_record_key
from autowatch.training.serving.model_record import (
    ArtefactChanged,
    check_artefacts,
    keep_model_record,
    read_model_record,
)

RUN = "20261123-071500-d822"
KEY = f"models/{RUN}/autopilot/model.tar.gz"
CONTENT = bytes(range(256)) * 12_289  # just over 3 MiB: four pieces


@pytest.fixture
def bucket():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        s3.put_bucket_versioning(Bucket="bank", VersioningConfiguration={"Status": "Enabled"})
        s3.put_object(Bucket="bank", Key=KEY, Body=CONTENT)
        yield Bucket(s3, "bank")


def containers(*urls):
    return [{"Image": "i", "ModelDataUrl": url, "Environment": {}} for url in urls]


def exchange(bucket):
    bucket.client.put_object(Bucket="bank", Key=KEY, Body=CONTENT[:-1] + b"!")


def test_each_artefact_is_kept_with_its_digest_and_version(bucket):
    keep_model_record(bucket, RUN, [{"Image": "without"}, *containers(f"s3://bank/{KEY}")])
    (artefact,) = read_model_record(bucket, RUN).artefacts
    assert artefact.url == f"s3://bank/{KEY}"
    assert artefact.sha256 == hashlib.sha256(CONTENT).hexdigest()
    assert artefact.version_id == bucket.version(KEY).version_id
    check_artefacts(bucket, RUN)


def test_a_replaced_artefact_is_named_with_the_remedy(bucket):
    keep_model_record(bucket, RUN, containers(f"s3://bank/{KEY}"))
    before = bucket.version(KEY).version_id
    exchange(bucket)
    with pytest.raises(ArtefactChanged) as raised:
        check_artefacts(bucket, RUN)
    assert f"s3://bank/{KEY} is not what the gate of run {RUN} judged" in str(raised.value)
    assert f"restore its version {before} and start again, or train a new model" in str(raised.value)
    bucket.client.copy_object(
        Bucket="bank", Key=KEY, CopySource={"Bucket": "bank", "Key": KEY, "VersionId": before}
    )
    check_artefacts(bucket, RUN)


def test_a_second_attempt_does_not_record_a_replaced_artefact(bucket):
    keep_model_record(bucket, RUN, containers(f"s3://bank/{KEY}"))
    exchange(bucket)
    keep_model_record(bucket, RUN, containers(f"s3://bank/{KEY}"))
    with pytest.raises(ArtefactChanged):
        check_artefacts(bucket, RUN)


def test_an_artefact_outside_the_bucket_is_recorded_as_such_and_passes(bucket, caplog):
    keep_model_record(bucket, RUN, containers("s3://another/model.tar.gz"))
    (artefact,) = read_model_record(bucket, RUN).artefacts
    assert (artefact.sha256, artefact.skipped) == (None, "It is outside models/ of the stack's bucket.")
    with caplog.at_level(logging.WARNING):
        check_artefacts(bucket, RUN)
    assert "an artefact is not compared" in caplog.text


def test_a_record_of_an_older_version_passes_with_a_warning(bucket, caplog):
    older = {"run": RUN, "containers": containers(f"s3://bank/{KEY}")}
    bucket.write_json(model_record_key(RUN), older)
    with caplog.at_level(logging.WARNING):
        check_artefacts(bucket, RUN)
    assert "staged by a version without digests" in caplog.text


def test_a_missing_artefact_is_named(bucket):
    keep_model_record(bucket, RUN, containers(f"s3://bank/{KEY}"))
    bucket.client.delete_object(Bucket="bank", Key=KEY)
    with pytest.raises(ObjectMissing, match=KEY):
        check_artefacts(bucket, RUN)
    with pytest.raises(ObjectMissing, match=KEY):
        keep_model_record(bucket, "another-run", containers(f"s3://bank/{KEY}"))


def test_a_damaged_record_is_named(bucket):
    bucket.write_json(model_record_key(RUN), {"run": RUN, "containers": "x"})
    with pytest.raises(DocumentMalformed, match=r"model\.json"):
        check_artefacts(bucket, RUN)
