"""The policies of the monitoring functions allow each request to S3 that the code makes; moto enforces none."""

import re
from contextlib import contextmanager
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality.job import Job, QualitySettings, measure_again, take_in
from autowatch.monitoring.quality.verdict import QualityRules
from autowatch.monitoring.requests import DayRange, RawFile
from autowatch.monitoring.settings import Clients
from tests.permissions.statements import role_statements
from tests.support import labelled_bucket, monitored_bucket, scoring_bucket
from tests.support.monitored_bucket import DRIFTED, LIKE_TRAINING, NOW, TODAY

_ACTIONS = {
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
    "PutObject": "s3:PutObject",
    "CreateMultipartUpload": "s3:PutObject",
    "UploadPart": "s3:PutObject",
    "CompleteMultipartUpload": "s3:PutObject",
    "AbortMultipartUpload": "s3:AbortMultipartUpload",
    "ListObjectsV2": "s3:ListBucket",
}


@contextmanager
def requests_to(s3):
    """The action and the key (empty: the bucket) of each request that a client makes meanwhile."""
    made = set()

    def note(params, model, **_):
        action = _ACTIONS[model.name]
        if "VersionId" in params:
            action = "s3:GetObjectVersion"
        made.add((action, "" if action == "s3:ListBucket" else params["Key"]))
        # A conditional write over another object reads its ETag.
        if "IfMatch" in params:
            made.add(("s3:GetObject", params["Key"]))

    s3.meta.events.register("before-parameter-build.s3", note)
    try:
        yield made
    finally:
        s3.meta.events.unregister("before-parameter-build.s3", note)


def denied(translated, function, made):
    """Those of the requests that no statement of the function's role allows."""
    allowed = []
    for statement in role_statements(translated):
        if statement.owner == f"{function}Role" and statement.body["Effect"] == "Allow":
            keys = [re.sub(r"^arn:aws:s3:::[^/]+/?", "", place) for place in statement.listed("Resource")]
            allowed += [(action, key) for key in keys for action in statement.listed("Action")]
    return {
        (action, key)
        for action, key in made
        if not any(action == known and fnmatchcase(key, pattern) for known, pattern in allowed)
    }


def test_a_forbidden_request_is_noticed(translated):
    made = {("s3:PutObject", "models/champion.json"), ("s3:GetObject", "reports/date=2026-11-23/drift.json")}
    assert denied(translated, "DetectDriftFunction", made) == {("s3:PutObject", "models/champion.json")}


def test_the_drift_detector_has_the_permissions_for_its_requests(translated):
    with monitored_bucket.monitored_bucket() as clients:
        s3 = clients.bucket.client
        baseline = monitored_bucket.release(s3)
        for day in ("2026-10-30", "2026-11-22", TODAY):
            stem = monitored_bucket.score(s3, baseline, DRIFTED, day=day, counts=False)
            s3.put_object(
                Bucket=monitored_bucket.BUCKET,
                Key=f"{stem.replace('predictions', 'rejected')}.error.json",
                Body=b"{}",
            )
        monitored_bucket.delete_for_good(s3, f"{stem}.profile.json")
        for key in (f"{stem}.csv", "inference/a.csv", "training/a.csv"):
            s3.put_object(Bucket=monitored_bucket.BUCKET, Key=key, Body=b"age,job\n" + b"61,a\n" * 400)
        s3.put_object(Bucket=monitored_bucket.BUCKET, Key="monitoring/settings.yaml", Body=b"")
        s3.put_object(Bucket=monitored_bucket.BUCKET, Key="monitoring/domino/checks.json", Body=b"{}")
        with requests_to(s3) as made:
            monitored_bucket.run(clients)
            late = monitored_bucket.score(s3, baseline, LIKE_TRAINING, name="late")
            s3.put_object(Bucket=monitored_bucket.BUCKET, Key=f"{late}.csv", Body=b"age,job\n61,a\n61,a\n")
            monitored_bucket.run(clients, only=NOW.date(), id_column="job")
            for request in (
                DayRange(date(2026, 11, 1), NOW.date()),
                *(RawFile(key, None) for key in (f"{stem}.csv", "inference/a.csv", "training/a.csv")),
            ):
                monitored_bucket.run(clients, request=request)
    made -= {request for request in made if "/late-" in request[1] and request[0] == "s3:PutObject"}
    assert {action for action, _ in made} == {
        "s3:GetObject",
        "s3:GetObjectVersion",
        "s3:PutObject",
        "s3:ListBucket",
    }
    # The rows of a raw file are counted by a function of its own.
    counted = {("s3:GetObjectVersion", key) for key in ("inference/a.csv", "training/a.csv")}
    assert counted <= made
    assert denied(translated, "DetectDriftFunction", made - counted) == set()
    assert denied(translated, "ProfileCsvFunction", counted) == set()


@pytest.fixture
def labelled():
    with mock_aws():
        s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
        scoring_bucket.create_bucket(s3)
        scoring_bucket.release(s3)
        yield s3


def test_the_quality_function_has_the_permissions_for_its_requests(translated, labelled):
    probabilities, labels = labelled_bucket.draw(500, -0.1)
    digits = labelled_bucket.put_scored(
        labelled, probabilities=probabilities, own={"customer": [f"c{n}" for n in range(500)]}
    )
    labelled_bucket.put_gate(labelled)
    bucket = Bucket(labelled, labelled_bucket.BUCKET)
    bucket.write_json(
        "models/r1/contract.json", {**bucket.read_json("models/r1/contract.json"), "id_column": "customer"}
    )
    text = labelled_bucket.labels_text(digits, [*labels, "perhaps"])
    arrivals = [
        labelled_bucket.put_labels(labelled, text),
        labelled_bucket.put_labels(labelled, "customer,y\nc1,yes\n", "by key"),
        labelled_bucket.put_labels(labelled, "x\n1\n", "bad"),
    ]
    mails = []
    nobody = SimpleNamespace(
        publish=lambda **message: mails.append(message), put_events=lambda **_: {"FailedEntryCount": 0}
    )
    settings = QualitySettings(
        "arn:topic", "Autowatch", "bank", "us-east-1", "own", QualityRules(0.6, 0.05, 200)
    )
    job = Job(
        Clients(bucket, nobody, nobody),
        settings,
        datetime.now(UTC),
        lambda: 900.0,
    )
    with requests_to(labelled) as made:
        result = take_in(job, arrivals)
        measure_again(job, labelled_bucket.DAY)
    assert (result.taken, result.refused, len(mails)) == (2, 1, 1)
    assert {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:ListBucket"} <= {
        action for action, _ in made
    }
    assert denied(translated, "MeasureQualityFunction", made) == set()
