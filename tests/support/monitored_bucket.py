"""A bucket with models and scored files, and the daily job on it."""

import io
import json
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import cache

import boto3
import msgspec
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.monitoring.drift.raw_profile import CsvProfiler
from autowatch.monitoring.requests import DueDays, OneDay
from autowatch.monitoring.watch import DriftClients, MonitoringSettings, watch
from autowatch.records.champion import Champion, write_champion
from autowatch.records.manifest import CountedManifest, RowCounts
from autowatch.scoring.raw_profile import answer_profile
from autowatch.tabular.profile import Baseline, ProfileBuilder, baseline_column

BUCKET = "bank"
NOW = datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
TODAY = "2026-11-23"
LIKE_TRAINING = {"age": [str(20 + number % 50) for number in range(500)], "job": ["a", "b"] * 250}
DRIFTED = {"age": [str(60 + number % 10) for number in range(500)], "job": ["a", "b"] * 250}
NEW_CATEGORY = {"age": LIKE_TRAINING["age"] * 2, "job": (["a", "b"] * 495) + ["<script>"] * 10}


class Topic:
    """A double of SNS that records what is published."""

    def __init__(self):
        self.messages = []

    def publish(self, **message):
        self.messages.append(message)


class Bus:
    """A double of EventBridge that records the events of the default bus and the stack's own, or refuses them."""

    def __init__(self):
        self.entries = []
        self.own = []
        self.refuses = False

    def put_events(self, Entries):
        if self.refuses:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        self.entries += [entry for entry in Entries if "EventBusName" not in entry]
        self.own += [entry for entry in Entries if "EventBusName" in entry]
        return {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


class ProfileFunction:
    """A double of boto3's `lambda` that counts a CSV with the function's own code, in this process."""

    def __init__(self, bucket):
        self._bucket = bucket

    def invoke(self, FunctionName, Payload):
        event = json.loads(Payload)
        file = ObjectVersion(**event["file"])
        answer = answer_profile(self._bucket, file, event["run"], event.get("start", 0), event.get("end"))
        return {"Payload": io.BytesIO(json.dumps(answer).encode())}


def csv_profiler(bucket):
    """What counts the rows of CSVs in the bucket."""
    return CsvProfiler(ProfileFunction(bucket), "profile-csv", bucket)


@cache
def _client():
    """One client for all tests: making it costs as much as a whole test."""
    return boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")


@contextmanager
def monitored_bucket():
    """An empty bucket with versions, and what is told, in the clients of the job."""
    with mock_aws():
        s3 = _client()
        s3.create_bucket(Bucket=BUCKET)
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        bucket = Bucket(s3, BUCKET)
        yield DriftClients(bucket, Topic(), Bus(), csv_profiler(bucket))


def release(s3, run="run-1"):
    texts = {name: Counter(values * 4) for name, values in LIKE_TRAINING.items()}
    baseline = Baseline(
        run,
        2_000,
        (
            baseline_column("age", "feature", "numeric", texts["age"]),
            baseline_column("job", "feature", "categorical", texts["job"]),
        ),
    )
    key = f"models/{run}/baseline.json"
    Bucket(s3, BUCKET).write_json(key, baseline)
    try:
        etag = s3.head_object(Bucket=BUCKET, Key="models/champion.json")["ETag"]
    except s3.exceptions.ClientError:
        etag = None
    champion = Champion(
        run, "e", f"c-{run}", f"m-{run}", f"models/{run}/contract.json", key, "2026-11-20T00:00:00Z", {}
    )
    write_champion(Bucket(s3, BUCKET), champion, etag)
    return baseline


def score(
    s3, baseline, columns, name="a", day=TODAY, commit=True, header=("age", "job"), rejected=0, counts=True
):
    builder = ProfileBuilder(baseline)
    builder.add(columns)
    profile = builder.build()
    stem = f"predictions/date={day}/{name}-0123456789abcdef"
    answer = s3.put_object(Bucket=BUCKET, Key=f"{stem}.profile.json", Body=msgspec.json.encode(profile))
    rows = len(columns["age"])
    manifest = CountedManifest(
        input=ObjectVersion(f"inference/{name}.csv", "v", f"{name} {day}", 1),
        predictions_key=f"{stem}.csv",
        predictions_version_id=None,
        profile_key=f"{stem}.profile.json",
        profile_version_id=answer["VersionId"],
        rows=RowCounts(rows + rejected, rows, rejected),
        run=baseline.run,
        model_name="m",
        endpoint_name="e",
        endpoint_config="c",
        prediction_date=f"{day}T09:00:00Z",
        started=f"{day}T09:00:00Z",
        finished=f"{day}T09:00:01Z",
        versions={},
        columns=header,
        counts=profile if counts else None,
    )
    if commit:
        Bucket(s3, BUCKET).write_json(f"{stem}.manifest.json", manifest)
    return stem


def run(clients, now=NOW, only=None, request=None, seconds_left=lambda: 900.0, id_column=""):
    settings = MonitoringSettings(
        "predictions/",
        "arn:topic",
        "Autowatch",
        "bank-stack",
        "eu-west-1",
        "own",
        min_rows=300,
        id_column=id_column,
    )
    return watch(clients, settings, request or (OneDay(only) if only else DueDays()), now, seconds_left)


def report_of(clients, day=TODAY):
    return clients.bucket.read_json(f"reports/date={day}/drift.json")


def keys(clients, prefix):
    return [
        item["Key"]
        for item in clients.bucket.client.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
    ]


def delete_for_good(s3, key):
    for version in s3.list_object_versions(Bucket=BUCKET, Prefix=key)["Versions"]:
        s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])
