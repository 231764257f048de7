import json
import socket
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from autowatch.aws.clients import client_config
from autowatch.records.problem import Problem
from autowatch.scoring.answer import AnswerMismatch
from autowatch.scoring.endpoint import (
    BatchTimedOut,
    BatchTooLarge,
    Endpoint,
    EndpointMissing,
    EndpointThrottled,
    EndpointUnavailable,
    OutOfTime,
    RowsRefused,
)

GOOD = (200, {}, b"""no,0.9,"[0.9, 0.1]","['no', 'yes']"\n""")
SECRET = "a value of the row"


def failure(status, kind, **body):
    return status, {"x-amzn-ErrorType": kind}, json.dumps(body).encode()


def model_failure(status, message):
    return failure(
        424,
        "ModelError",
        Message=f'Received error ({status}) from primary with message "{message}".',
        OriginalStatusCode=status,
        OriginalMessage=message,
    )


class Wire:
    """A loopback server that returns one answer after another, worded as SageMaker's, and then repeats the last one."""

    def __init__(self):
        self.answers = [GOOD]
        self.requests = []
        wire = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                wire.requests.append((self.path, self.headers["Content-Type"], self.headers["Accept"], body))
                status, headers, answer = wire.answers[0] if len(wire.answers) == 1 else wire.answers.pop(0)
                if status == "hang":
                    time.sleep(1)
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, *arguments):
                """Keeps the test's output clean."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def client(self, **config):
        return boto3.client(
            "sagemaker-runtime",
            "us-east-1",
            endpoint_url=f"http://127.0.0.1:{self.server.server_port}",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=client_config("sagemaker-runtime").merge(Config(**config)),
        )


@pytest.fixture(scope="module")
def server():
    wire = Wire()
    yield wire
    wire.server.shutdown()
    wire.server.server_close()


@pytest.fixture(scope="module")
def client(server):
    return server.client()


@pytest.fixture
def wire(server):
    server.answers, server.requests = [GOOD], []
    return server


@pytest.fixture
def endpoint(client):
    return Endpoint(client, "bank", Problem("binary", ("no", "yes"), "yes"), seconds_left=lambda: 3.0 + 1e-9)


def ends_in(seconds):
    """A caller that has this many seconds left, besides the reserve."""
    end = time.monotonic() + 3.0 + seconds
    return lambda: end - time.monotonic()


def test_sends_csv_and_reads_the_answer(wire, endpoint):
    predictions = endpoint.predict(b"1,2\n", 1)
    assert (list(predictions.labels), list(predictions.probabilities)) == (["no"], ["0.1"])
    assert wire.requests == [("/endpoints/bank/invocations", "text/csv", "text/csv", b"1,2\n")]


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (failure(429, "ThrottlingException", message="Rate exceeded"), EndpointThrottled),
        (failure(400, "ThrottlingException", message="Rate exceeded"), EndpointThrottled),
        (failure(503, "ServiceUnavailable", Message="no"), EndpointUnavailable),
        (failure(500, "InternalFailure", Message="no"), EndpointUnavailable),
        (failure(530, "InternalDependencyException", Message="no"), EndpointUnavailable),
        (failure(429, "ModelNotReadyException", Message="no"), EndpointThrottled),
        ((502, {}, b"<html>Bad Gateway</html>"), EndpointUnavailable),
        (failure(413, "ValidationError", Message="Request Entity Too Large"), BatchTooLarge),
        (failure(400, "ValidationError", Message="Payload of 5000000 bytes"), BatchTooLarge),
        (failure(400, "ValidationError", Message="Endpoint bank of account 1 not found."), EndpointMissing),
        (model_failure(400, SECRET), RowsRefused),
        (model_failure(422, SECRET), RowsRefused),
        (model_failure(413, SECRET), BatchTooLarge),
        (model_failure(429, SECRET), EndpointThrottled),
        (model_failure(500, SECRET), EndpointUnavailable),
        (model_failure(0, "Your invocation timed out while waiting for a response"), BatchTimedOut),
        (model_failure(408, SECRET), BatchTimedOut),
    ],
)
def test_failures_have_names_and_quote_no_row(wire, endpoint, answer, error):
    wire.answers = [answer]
    with pytest.raises(error) as caught:
        endpoint.predict(b"1\n", 1)
    assert "bank" in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__suppress_context__


def test_an_unknown_error_is_raised_unchanged(wire, endpoint):
    wire.answers = [failure(403, "AccessDeniedException", Message="not allowed")]
    with pytest.raises(ClientError, match="AccessDenied"):
        endpoint.predict(b"1\n", 1)
    assert len(wire.requests) == 1


def test_the_models_reason_is_kept_separate_and_cut(wire, endpoint):
    wire.answers = [model_failure(400, "bad\n  row " + "x" * 10_000)]
    with pytest.raises(RowsRefused) as caught:
        endpoint.predict(b"1\n", 1)
    assert caught.value.reason.startswith("bad row xxx")
    assert len(caught.value.reason) == 300


def test_throttling_and_5xx_are_retried(wire, endpoint):
    throttled = failure(429, "ThrottlingException", message="Rate exceeded")
    wire.answers = [throttled, model_failure(500, ""), failure(503, "ServiceUnavailable", Message=""), GOOD]
    patient = replace(endpoint, seconds_left=ends_in(30))
    assert list(patient.predict(b"1\n", 1).labels) == ["no"]
    assert len(wire.requests) == 4


@pytest.mark.parametrize(
    "answer",
    [
        failure(413, "ValidationError", Message="too large"),
        failure(400, "ValidationError", Message="Endpoint bank not found"),
        model_failure(400, "bad"),
        (200, {}, b""),
    ],
)
def test_nothing_else_is_retried(wire, endpoint, answer):
    wire.answers = [answer]
    with pytest.raises((BatchTooLarge, EndpointMissing, RowsRefused, AnswerMismatch)):
        replace(endpoint, seconds_left=ends_in(30)).predict(b"1\n", 1)
    assert len(wire.requests) == 1


def test_raises_the_last_failure_before_the_time_is_over(wire, endpoint):
    wire.answers = [failure(503, "ServiceUnavailable", Message="no")]
    begun = time.monotonic()
    with pytest.raises(EndpointUnavailable):
        replace(endpoint, seconds_left=ends_in(1)).predict(b"1\n", 1)
    assert time.monotonic() - begun < 1.5
    assert len(wire.requests) > 1


def test_starts_nothing_when_the_time_is_over(wire, endpoint):
    with pytest.raises(OutOfTime, match="smaller file"):
        replace(endpoint, seconds_left=ends_in(0)).predict(b"1\n", 1)
    assert wire.requests == []


def test_an_endpoint_that_hangs(wire, endpoint):
    wire.answers = [("hang", {}, b"")]
    impatient = replace(endpoint, client=wire.client(read_timeout=0.2))
    with pytest.raises(BatchTimedOut):
        impatient.predict(b"1\n", 1)


def test_a_missing_endpoint(wire, endpoint):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    client = boto3.client(
        "sagemaker-runtime",
        "us-east-1",
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=client_config("sagemaker-runtime"),
    )
    with pytest.raises(EndpointUnavailable, match="could not be reached"):
        replace(endpoint, client=client).predict(b"1\n", 1)


TIMED_OUT = model_failure(0, "Your invocation timed out while waiting for a response")


def test_an_endpoint_that_is_starting_is_asked_again(wire, endpoint):
    wire.answers = [TIMED_OUT, failure(429, "ThrottlingException", message="Rate exceeded"), TIMED_OUT, GOOD]
    patient = replace(endpoint, seconds_left=ends_in(300))
    assert list(patient.predict_when_started(b"1\n", 1).labels) == ["no"]
    assert len(wire.requests) == 4


def test_no_request_is_started_without_time_for_its_answer(wire, endpoint):
    wire.answers = [TIMED_OUT]
    with pytest.raises(BatchTimedOut):
        replace(endpoint, seconds_left=ends_in(30)).predict_when_started(b"1\n", 1)
    assert len(wire.requests) == 1
