"""A bucket with a champion in it, for the tests of scoring."""

import csv
import io
import json
from datetime import UTC, datetime

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.arrival import Arrival
from autowatch.records.champion import Champion, write_champion
from autowatch.records.contract import Contract, Feature
from autowatch.scoring.predictions import ScoringSettings
from autowatch.scoring.requests import ScoringLimits
from autowatch.tabular.profile import Baseline, baseline_column

BUCKET = "autowatch-test"
TIME = datetime(2026, 11, 23, 9, 0, 0, 123000, tzinfo=UTC)

CONTRACT = Contract(
    run="r1",
    target="y",
    labels=("no", "yes"),
    positive_label="yes",
    features=(Feature("age", "numeric"), Feature("job", "categorical")),
    dropped_columns=(),
    rows=100,
    profile_version=1,
    training=ObjectVersion("training/x.csv", None, "e", 1),
)
BASELINE = Baseline(
    "r1",
    100,
    (
        baseline_column("age", "feature", "numeric", {str(age): 1 for age in range(100)}),
        baseline_column("job", "feature", "categorical", {"admin.": 60, "retired": 40}),
        baseline_column(
            "y_probability",
            "prediction",
            "numeric",
            {f"0.{digit}": 10 for digit in range(10)},
            bounds=(0.0, 1.0),
        ),
    ),
)


def create_bucket(s3, versioned=True):
    s3.create_bucket(Bucket=BUCKET)
    if versioned:
        s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})


def release(s3):
    Bucket(s3, BUCKET).write_json("models/r1/contract.json", CONTRACT)
    Bucket(s3, BUCKET).write_json("models/r1/baseline.json", BASELINE)
    champion = Champion(
        run="r1",
        endpoint_name="bank",
        endpoint_config="bank-r1",
        model_name="bank-r1",
        contract_key="models/r1/contract.json",
        baseline_key="models/r1/baseline.json",
        released="2026-11-20T00:00:00Z",
        metrics={"auc": 0.8},
    )
    write_champion(Bucket(s3, BUCKET), champion, None)


def settings(**changes):
    defaults = {
        "endpoint_name": "bank",
        "predictions_prefix": "predictions/",
        "max_rejected_percent": 10.0,
        "limits": ScoringLimits(max_batch_rows=10, concurrency=4),
        "metrics_namespace": "Test",
        "stack": "bank",
    }
    return ScoringSettings(**(defaults | changes))


def drop(s3, content, key="inference/a.csv"):
    """Puts a file into the bucket, and gives its announcement."""
    body = content.encode() if isinstance(content, str) else content
    answer = s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    return Arrival(ObjectVersion(key, answer.get("VersionId"), answer["ETag"].strip('"'), len(body)), TIME)


def keys(s3, prefix=""):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def results(s3):
    """The results of scoring: everything under predictions/ and rejected/."""
    return keys(s3, "predictions/") + keys(s3, "rejected/")


def read(s3, key):
    return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()


def read_document(s3, key):
    return json.loads(read(s3, key))


def read_rows(s3, key):
    """Header and rows of a CSV in the bucket."""
    header, *rows = csv.reader(io.StringIO(read(s3, key), newline=""), strict=True)
    return header, rows
