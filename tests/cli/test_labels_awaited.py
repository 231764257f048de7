import json
from hashlib import sha256

import boto3
import pytest
from moto import mock_aws

from autowatch_client import labels
from autowatch_client.errors import RefusedError
from autowatch_client.labels import await_labels
from autowatch_client.objects import Bucket, Version

BUCKET, DAY, LABELS = "bank", "2026-11-23", Version("labels/june.csv", "v1", "e")
NAME = f"20261125T080000.000Z-june-{sha256(b'v1').hexdigest()[:16]}.csv"


@pytest.fixture
def s3(monkeypatch):
    """A bucket in which a labels file was accepted; waits for later changes are switched off."""
    monkeypatch.setattr(labels, "_SETTLE_SECONDS", 0.0)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        key = f"monitoring/labels/date={DAY}/run=r1/{NAME}"
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"id,y_actual\n0123456789abcdef-1,yes\n")
        yield s3


def wait(s3):
    return await_labels(Bucket(s3, BUCKET), LABELS, frozenset({DAY}), timeout_seconds=0)


def test_labels_of_an_unmeasured_day_are_waited_for(s3):
    with pytest.raises(RefusedError, match=r"The labels of labels/june\.csv were imported, but not measured"):
        wait(s3)


def test_the_quality_of_the_day_ends_the_waiting(s3):
    document = {"verdict": "good", "rows_scored": 5, "rows_labelled": 1, "metrics": {}}
    s3.put_object(Bucket=BUCKET, Key=f"reports/date={DAY}/quality.json", Body=json.dumps(document))
    taken, rejected, (quality,) = wait(s3)
    assert (taken, rejected, quality.verdict) == (1, 0, "good")


def test_a_file_without_a_result_is_named(s3):
    s3.delete_object(Bucket=BUCKET, Key=f"monitoring/labels/date={DAY}/run=r1/{NAME}")
    with pytest.raises(RefusedError, match=r"Nothing came of labels/june\.csv"):
        wait(s3)
