import json

import boto3
import msgspec
import pytest
from moto import mock_aws

from autowatch.monitoring.requests import InvalidRequest
from autowatch.tabular.profile import Baseline
from detect_drift import app
from tests.support.lambda_context import Context
from tests.support.repository import ROOT

SAMPLE = ROOT / "events" / "detect_drift.json"


@pytest.fixture
def s3(monkeypatch):
    for name, value in {
        "S3_BUCKET": "bank",
        "ENDPOINT_NAME": "bank",
        "PREDICTIONS_PREFIX": "predictions/",
        "ALERT_TOPIC_ARN": "arn:aws:sns:us-east-1:123456789012:alerts",
        "EVENT_BUS": "own",
        "MIN_ROWS": "300",
        "PROFILE_CSV_FUNCTION": "profile-csv",
        "COLUMN_METRICS": "true",
        "METRICS_NAMESPACE": "Autowatch",
        "STACK_NAME": "bank-stack",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        yield s3


@pytest.fixture
def champion(s3):
    document = msgspec.to_builtins(Baseline("run-1", 0, ()))
    s3.put_object(Bucket="bank", Key="models/run-1/baseline.json", Body=json.dumps(document).encode())
    champion = {
        "run": "run-1",
        "endpoint_name": "e",
        "endpoint_config": "c",
        "model_name": "m",
        "contract_key": "models/run-1/contract.json",
        "baseline_key": "models/run-1/baseline.json",
        "released": "2026-11-20T00:00:00Z",
        "metrics": {},
    }
    s3.put_object(Bucket="bank", Key="models/champion.json", Body=json.dumps(champion).encode())


def test_the_sample_event_runs_and_the_answer_is_json(s3):
    answer = app.lambda_handler(json.loads(SAMPLE.read_text()), Context())

    assert json.loads(json.dumps(answer))["run"] is None
    assert "training" in answer["reason"]


def test_the_day_is_the_utc_date_of_the_schedule(champion):
    answer = app.lambda_handler({"time": "2026-11-23T23:30:00-05:00"}, Context())

    assert [day["date"] for day in answer["days"]] == ["2026-11-24"]


def test_a_date_overrides_the_schedule(champion):
    answer = app.lambda_handler({"time": "2026-11-23T20:00:00Z", "date": "2026-11-01"}, Context())

    assert [day["date"] for day in answer["days"]] == ["2026-11-01"]


def test_an_invalid_date_is_rejected(champion):
    with pytest.raises(InvalidRequest, match="yesterday"):
        app.lambda_handler({"date": "yesterday"}, Context())


def test_without_a_time_it_is_now(champion):
    assert len(app.lambda_handler({}, Context())["days"]) == 1
