import copy
import json
import logging
from urllib.parse import quote_plus

import pytest

from autowatch.aws import clients
from autowatch.records.arrival import ForeignEvent
from autowatch.scoring.endpoint import EndpointUnavailable
from autowatch.scoring.inbox import FilesNotScored
from invoke_endpoint import app
from tests.support.lambda_context import Context
from tests.support.repository import ROOT
from tests.support.scoring_bucket import BUCKET, drop, keys, read_document, results
from tests.support.scoring_function import ENVIRONMENT
from tests.support.stub_runtime import StubRuntime, client_error

SAMPLE = json.loads((ROOT / "events" / "invoke_endpoint.json").read_text())


@pytest.fixture
def runtime(client, monkeypatch):
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    runtime = StubRuntime()
    monkeypatch.setattr(clients, "made_client", {"s3": client, "sagemaker-runtime": runtime}.__getitem__)
    return runtime


def record(arrival, **changes):
    written = {
        "key": quote_plus(arrival.file.key, safe="/"),
        "size": arrival.file.size,
        "eTag": arrival.file.etag,
        "versionId": arrival.file.version_id,
    }
    return {
        "eventTime": "2026-11-23T09:00:00.123Z",
        "s3": {"bucket": {"name": BUCKET}, "object": written | changes},
    }


def handle(*arrivals):
    return app.lambda_handler({"Records": [record(arrival) for arrival in arrivals]}, Context(60))


def test_a_refusal_is_reported_in_an_object_a_log_and_a_metric(s3, runtime, caplog, capsys):
    arrival = drop(s3, "age,jobs\n1,x\n")
    assert handle(arrival) == {"scored": 0, "refused": 1}
    [key] = results(s3)
    document = read_document(s3, key)
    assert (document["error"], document["input"]) == ("MissingColumns", vars(arrival.file))
    [warning] = [item for item in caplog.records if item.levelno == logging.WARNING]
    assert (warning.key, warning.reason) == ("inference/a.csv", document["reason"])
    metrics = json.loads(capsys.readouterr().out)
    assert metrics["FilesRefused"] == 1
    assert metrics["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Autowatch"


def test_before_any_model_is_released(s3, runtime):
    s3.delete_object(Bucket=BUCKET, Key="models/champion.json")
    assert handle(drop(s3, "age,job\n1,x\n")) == {"scored": 0, "refused": 1}
    assert read_document(s3, results(s3)[0])["error"] == "NoChampion"
    assert runtime.requests == []


def test_an_event_about_another_bucket_is_rejected(s3, runtime):
    with pytest.raises(ForeignEvent, match=r"autowatch-123456789012-us-east-1.*serves only autowatch-test"):
        app.lambda_handler(SAMPLE, Context(60))
    assert (results(s3), runtime.requests) == ([], [])


def test_the_sample_event_is_read(s3, runtime):
    sample = copy.deepcopy(SAMPLE)
    sample["Records"][0]["s3"]["bucket"]["name"] = BUCKET
    assert app.lambda_handler(sample, Context(60)) == {"scored": 0, "refused": 1}
    [key] = results(s3)
    assert key.startswith("rejected/date=2026-11-23/bank customers-")
    assert read_document(s3, key)["error"] == "InputGone"


def test_an_event_that_announces_no_file(s3, runtime):
    test_event = {"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": BUCKET}
    assert app.lambda_handler(test_event, Context(60)) == {"scored": 0, "refused": 0}
    assert handle(drop(s3, b"", "inference/folder/")) == {"scored": 0, "refused": 0}
    assert results(s3) == []


def test_a_record_without_version(s3, runtime):
    written = record(drop(s3, "age,job\n1,x\n"))
    del written["s3"]["object"]["versionId"]
    assert app.lambda_handler({"Records": [written]}, Context(60)) == {"scored": 1, "refused": 0}


def test_many_records_and_duplicates(s3, runtime):
    arrivals = [drop(s3, f"age,job\n{number},x\n", f"inference/{number}.csv") for number in range(5)]
    assert handle(*arrivals, *arrivals[::-1], drop(s3, "")) == {"scored": 10, "refused": 1}
    assert len(keys(s3, "predictions/")) == 15
    assert len(runtime.requests) == 5


def test_one_failure_does_not_stop_the_others(s3, runtime):
    def before(rows):
        if rows[0][0] == "13":
            raise client_error("AccessDeniedException", 403, "not allowed")

    runtime.before = before
    arrivals = [drop(s3, f"age,job\n{age},x\n", f"inference/{age}.csv") for age in (13, 1, 2)]
    with pytest.raises(Exception, match="AccessDenied"):
        handle(*arrivals)
    assert len(keys(s3, "predictions/")) == 6


def test_several_failures_raise_one_error(s3, runtime):
    def before(rows):
        raise client_error("AccessDeniedException", 403, "not allowed")

    runtime.before = before
    arrivals = [drop(s3, f"age,job\n{age},x\n", f"inference/{age}.csv") for age in (1, 2)]
    with pytest.raises(FilesNotScored, match="2 of 2"):
        handle(*arrivals)


def test_a_failing_endpoint_fails_the_invocation(s3, runtime, monkeypatch):
    def before(rows):
        raise client_error("ServiceUnavailable", 503)

    runtime.before = before
    monkeypatch.setattr(Context, "get_remaining_time_in_millis", lambda self: 3_100)
    with pytest.raises(EndpointUnavailable):
        handle(drop(s3, "age,job\n1,x\n"))
    assert results(s3) == []
