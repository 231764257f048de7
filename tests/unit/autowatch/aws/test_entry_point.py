import io
import json
import logging
import os
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass

import pytest
from aws_lambda_powertools.utilities.data_classes import S3Event

from autowatch.aws.entry_point import correlation_id, entry_point, seconds_left
from autowatch.records.arrival import arrivals_in
from autowatch.settings import InvalidSetting
from tests.support.lambda_context import Context
from tests.support.repository import ROOT


@dataclass(frozen=True)
class Settings:
    min_rows: int


@entry_point(Settings)
def handler(event, context, settings):
    """Logs as the domain does, and returns."""
    logging.getLogger("autowatch.somewhere").info("file scored", extra={"rows_scored": 3})
    return {"left": seconds_left(context, 10)(), "min_rows": settings.min_rows}


@pytest.fixture
def lines(monkeypatch):
    """The lines that the log holds so far, each a JSON document."""
    monkeypatch.setenv("MIN_ROWS", "20")
    stream = io.StringIO()
    handler = logging.getLogger("autowatch").powertools_handler
    before = handler.setStream(stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    handler.setStream(before)


def test_the_domains_log_lines_have_the_ids_of_the_call(lines):
    assert handler({"run": "r-1"}, Context(60)) == {"left": 50, "min_rows": 20}
    handler({}, Context())
    first, second = lines()
    assert (first["message"], first["level"], first["rows_scored"]) == ("file scored", "INFO", 3)
    assert first["correlation_id"] == "r-1"
    assert first["function_request_id"] == Context.aws_request_id
    assert "correlation_id" not in second
    assert (first["timestamp"][-6:], second["cold_start"]) == ("+00:00", False)


def test_a_setting_that_is_missing_is_named(lines, monkeypatch):
    monkeypatch.delenv("MIN_ROWS")
    with pytest.raises(InvalidSetting, match="MIN_ROWS"):
        handler({}, Context())


@pytest.mark.parametrize(
    ("event", "about"),
    [
        (
            {"Records": [{"s3": {"object": {"key": "inference/a%20b%2B%C3%BC.csv"}}}]},
            "inference/a b+\u00fc.csv",
        ),
        ({"Records": [{"s3": {"object": {"key": "inference/a+b.csv"}}}]}, "inference/a b.csv"),
        ({"run": "r", "endpoint_name": "e"}, "r"),
        ({"name": "20261123-00", "piece": {}}, "20261123-00"),
        ({"execution": "arn:x", "started": "now", "input": {}}, "arn:x"),
        ({"execution": "arn:x", "input": {"name": "20261123-00"}}, "20261123-00"),
        ({"date": "2026-11-23"}, None),
        ({}, None),
    ],
)
def test_a_call_is_identified_by_file_run_transform_or_execution(event, about):
    assert correlation_id(event) == about


def test_the_scoring_functions_imports_are_not_collected_as_garbage():
    """Nobody looks for any in it, and its invocations' own is collected."""
    code = "import gc, invoke_endpoint.app as app; print(gc.isenabled(), gc.get_freeze_count() > 10_000)"
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == ["True", "True"]


def test_powertools_own_event_class_gives_the_key_as_it_is_encoded():
    written = {"key": "inference/a%20b%2B%C3%BC.csv", "size": 1, "eTag": "e", "versionId": "v"}
    announced = {"bucket": {"name": "bank"}, "object": written}
    event = {"Records": [{"eventTime": "2026-11-23T09:00:00.123Z", "s3": announced}]}
    (record,) = S3Event(event).records
    (arrival,) = arrivals_in(event, "bank", "inference/")
    assert record.s3.get_object.key == "inference/a%20b%2B%C3%BC.csv"
    assert arrival.file.key == "inference/a b+\u00fc.csv"


TRACED = """
import os
from dataclasses import dataclass

import boto3
from moto import mock_aws

from autowatch.aws.entry_point import entry_point
from tests.support.lambda_context import Context


@dataclass(frozen=True)
class Settings:
    pass


@entry_point(Settings)
def handler(event, context, settings):
    boto3.client("s3", "us-east-1").create_bucket(Bucket="bank")
    return {"answer": "4711"}


with mock_aws():
    os.environ["_X_AMZN_TRACE_ID"] = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    handler({}, Context())
"""


@pytest.mark.parametrize(("tracing", "segments"), [("Active", {"s3", "## handler"}), ("Disabled", set())])
def test_traces_reach_the_daemon_if_the_stack_enables_them(tmp_path, tracing, segments):
    """In a process of its own, since X-Ray's package patches botocore for good."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as daemon:
        daemon.bind(("127.0.0.1", 0))
        variables = {
            "AWS_XRAY_DAEMON_ADDRESS": f"127.0.0.1:{daemon.getsockname()[1]}",
            "LAMBDA_TASK_ROOT": str(tmp_path),
            "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
            "TRACING": tracing,
        }
        subprocess.run([sys.executable, "-c", TRACED], env=os.environ | variables, check=True, cwd=tmp_path)
        daemon.setblocking(False)
        received = []
        with suppress(BlockingIOError):
            while True:
                received.append(daemon.recv(65_536).decode())
    assert {json.loads(each.split("\n", 1)[1])["name"] for each in received} == segments
    assert "4711" not in "".join(received)
