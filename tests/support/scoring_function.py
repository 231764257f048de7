"""The scoring function as Lambda runs it: its own handler and clients, a bucket in moto, an endpoint over HTTP."""

from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import quote_plus

from moto import mock_aws

from autowatch.aws.clients import client, made_client
from autowatch.aws.objects import Bucket
from autowatch.records.contract import Feature
from autowatch.tabular.profile import Baseline, baseline_column
from invoke_endpoint import app
from tests.support.endpoint_server import running_endpoint
from tests.support.lambda_context import Context
from tests.support.scoring_bucket import BASELINE, BUCKET, CONTRACT, create_bucket, release

ENVIRONMENT = {
    "S3_BUCKET": BUCKET,
    "ENDPOINT_NAME": "bank",
    "PREDICTIONS_PREFIX": "predictions/",
    "MAX_REJECTED_PERCENT": "40",
    "MAX_BATCH_BYTES": "4000000",
    "CONCURRENCY": "4",
    "METRICS_NAMESPACE": "Autowatch",
    "STACK_NAME": "bank",
}


@contextmanager
def scoring_endpoint():
    """A running endpoint that the function's next client will talk to."""
    with running_endpoint() as server:
        made_client.cache_clear()
        yield server
        made_client.cache_clear()


def set_environment(patch, endpoint_url, **changes):
    """Sets the function's variables through pytest's monkeypatch."""
    patch.setenv("AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME", endpoint_url)
    for name, value in (ENVIRONMENT | changes).items():
        patch.setenv(name, value)


@contextmanager
def bucket_with_champion(versioned=True):
    """A bucket with a model of age and job in force; gives the function's own S3 client."""
    with mock_aws():
        s3 = client("s3")
        create_bucket(s3, versioned)
        release(s3)
        yield s3


def change_features(s3, features):
    """Lets the model in force take these features: pairs of name and type."""
    contract = replace(CONTRACT, features=tuple(Feature(name, kind) for name, kind in features))
    columns = [
        baseline_column(name, "feature", kind, {"1": 50, "2": 50} if kind == "numeric" else {"x": 100})
        for name, kind in features
    ]
    baseline = Baseline("r1", 100, (*columns, BASELINE.columns[-1]))
    Bucket(s3, BUCKET).write_json("models/r1/contract.json", contract)
    Bucket(s3, BUCKET).write_json("models/r1/baseline.json", baseline)


def handle(*arrivals, time="2026-11-23T09:00:00.123Z"):
    """Calls the handler with one event for all these files."""
    return app.lambda_handler({"Records": [_record(arrival, time) for arrival in arrivals]}, Context(60))


def _record(arrival, time):
    file = arrival.file
    written = {"key": quote_plus(file.key, safe="/"), "size": file.size, "eTag": file.etag}
    if file.version_id:
        written["versionId"] = file.version_id
    return {"eventTime": time, "s3": {"bucket": {"name": BUCKET}, "object": written}}
