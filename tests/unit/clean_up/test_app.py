"""The custom resource's function: it always answers CloudFormation."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import boto3
import pytest
from moto import mock_aws

from clean_up.app import lambda_handler
from tests.support.lambda_context import Context
from tests.support.repository import ROOT

EVENT = json.loads((ROOT / "events" / "clean_up.json").read_text())


@pytest.fixture
def answers(monkeypatch):
    """The URL that CloudFormation would provide, and what arrives at it."""
    monkeypatch.setenv("STACK_NAME", "autowatch")
    monkeypatch.setenv("S3_BUCKET", "data")
    arrived = []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            arrived.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with mock_aws(
        config={"core": {"mock_credentials": False, "passthrough": {"urls": ["http://127.0.0.1.*"]}}}
    ):
        yield f"http://127.0.0.1:{server.server_port}/answer", arrived
    server.shutdown()


def test_log_retention_is_set_and_cloudformation_answered(answers):
    url, arrived = answers
    lambda_handler({**EVENT, "ResponseURL": url}, Context())
    [answer] = arrived
    assert (answer["Status"], answer["LogicalResourceId"], answer["RequestId"]) == (
        "SUCCESS",
        "CleanUp",
        EVENT["RequestId"],
    )
    groups = boto3.client("logs").describe_log_groups()["logGroups"]
    assert {group["retentionInDays"] for group in groups} == {30}


def test_a_failure_is_answered_with_its_reason_and_the_same_identity(answers):
    url, arrived = answers
    broken = {**EVENT["ResourceProperties"], "LogRetentionDays": "soon"}
    lambda_handler({**EVENT, "ResponseURL": url}, Context())
    lambda_handler({**EVENT, "ResponseURL": url, "ResourceProperties": broken}, Context())
    assert [answer["Status"] for answer in arrived] == ["SUCCESS", "FAILED"]
    assert "ValueError" in arrived[1]["Reason"]
    assert arrived[0]["PhysicalResourceId"] == arrived[1]["PhysicalResourceId"]
