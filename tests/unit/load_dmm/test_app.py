"""The loader from event to receipt, with moto's S3 and Secrets Manager, and an HTTP server instead of Domino."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import boto3
import pytest
from moto import mock_aws

from autowatch.domino.registration import NoTimeToRegister, RegistrationFailed
from autowatch.domino.settings import DominoHalfConfigured
from load_dmm import app
from tests.support.lambda_context import Context

TOKEN = "secret-token-0123456789"
KEY = "predictions/date=2026-11-23/sub/a b+ü-0123456789abcdef.csv"


@pytest.fixture
def domino():
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self.server.calls.append((self.path, self.headers["Authorization"], body))
            known = self.headers["Authorization"] in self.server.tokens
            self.send_response(self.server.status if known else 401)
            self.end_headers()

        def log_message(self, *arguments):
            """Logs no requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.calls, server.status, server.tokens = [], 200, {TOKEN}
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture
def s3(domino, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "S3_BUCKET": "bank",
        "ENDPOINT_NAME": "bank",
        "PREDICTIONS_PREFIX": "predictions/",
        "METRICS_NAMESPACE": "Autowatch",
        "STACK_NAME": "bank",
        "DMM_URL": f"http://127.0.0.1:{domino.server_port}/api/v0/models/",
        "MODEL_ID": "model-1",
        "DMM_MODEL_PARAMETER": "/autowatch/bank/domino-model-id",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("DMM_API", raising=False)
    with mock_aws():
        secret = boto3.client("secretsmanager").create_secret(Name="domino", SecretString=TOKEN)
        monkeypatch.setenv("DMM_TOKEN_SECRET_ARN", secret["ARN"])
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        s3.put_object(Bucket="bank", Key=KEY, Body=b"")
        s3.put_object(
            Bucket="bank",
            Key=KEY.replace(".csv", ".manifest.json"),
            Body=json.dumps(
                {"predictions_key": KEY, "finished": "2026-11-23T09:00:04Z", "run": "r"}
            ).encode(),
        )
        yield s3


def metrics(output):
    (line,) = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    return line


def test_a_new_file_is_registered_once(s3, domino, capsys):
    counts = {"registered": 1, "already_registered": 0, "failed": 0, "waiting": 0, "days_not_reached": 0}
    counts["checks"] = "nothing to read"
    assert app.lambda_handler({}, Context()) == {"configured": True, **counts}
    assert app.lambda_handler({}, Context()) == {"configured": True, **counts, "registered": 0}
    assert domino.calls == [
        (
            "/api/v0/models/model-1/add_predictions",
            TOKEN,
            {
                "dataLocation": "https://bank.s3.us-east-1.amazonaws.com/predictions/date%3D2026-11-23/sub/"
                "a%20b%2B%C3%BC-0123456789abcdef.csv"
            },
        )
    ]
    s3.head_object(Bucket="bank", Key=f"monitoring/domino/{KEY}.json")
    first, second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert (first["DominoRegistered"], first["DominoWaiting"]) == (1, 0)
    assert (second["DominoRegistered"], second["DominoWaiting"]) == (0, 0)
    assert first["_aws"]["CloudWatchMetrics"][0]["Namespace"] == "Autowatch"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_fails_the_run_loudly(s3, domino, capsys, caplog, status):
    domino.status = status
    with pytest.raises(RegistrationFailed) as caught:
        app.lambda_handler({}, Context())
    assert f"answered {status}" in str(caught.value)
    output = capsys.readouterr().out
    assert (metrics(output)["DominoRegistered"], metrics(output)["DominoWaiting"]) == (0, 1)
    assert TOKEN not in f"{caught.value}{output}{caplog.text}"

    domino.status = 200
    assert app.lambda_handler({}, Context())["registered"] == 1


def test_a_rotated_token_is_picked_up_by_a_warm_function(s3, domino):
    app.lambda_handler({}, Context())
    secrets = boto3.client("secretsmanager")
    secrets.put_secret_value(SecretId="domino", SecretString="rotated")
    domino.tokens = {"rotated"}
    key = KEY.replace("/sub/", "/later/")
    s3.put_object(Bucket="bank", Key=key, Body=b"")
    manifest = {"predictions_key": key, "finished": "2026-11-23T10:00:00Z", "run": "r"}
    s3.put_object(
        Bucket="bank", Key=key.replace(".csv", ".manifest.json"), Body=json.dumps(manifest).encode()
    )
    assert app.lambda_handler({}, Context())["registered"] == 1
    assert [token for _, token, _ in domino.calls] == [TOKEN, TOKEN, "rotated"]


@pytest.mark.parametrize("emptiness", ["", "  ", None])
def test_without_domino_it_says_so_and_does_nothing(s3, domino, monkeypatch, caplog, emptiness):
    for name in ("DMM_URL", "MODEL_ID", "DMM_TOKEN_SECRET_ARN"):
        if emptiness is None:
            monkeypatch.delenv(name)
        else:
            monkeypatch.setenv(name, emptiness)
    with caplog.at_level("INFO"):
        assert app.lambda_handler({}, Context()) == {"configured": False}
    assert "Domino is not configured: set the parameters that begin with Dmm" in caplog.text
    assert domino.calls == []


@pytest.mark.parametrize(
    ("cleared", "named"),
    [
        (["DMM_URL"], ["DmmUrl"]),
        (["MODEL_ID"], ["DmmModelId"]),
        (["DMM_TOKEN_SECRET_ARN", "MODEL_ID"], ["DmmModelId", "DmmTokenSecretArn"]),
    ],
)
def test_half_a_configuration_is_an_error_that_names_the_rest(s3, domino, monkeypatch, cleared, named):
    for name in cleared:
        monkeypatch.setenv(name, "")
    with pytest.raises(DominoHalfConfigured) as caught:
        app.lambda_handler({}, Context())
    assert f"also set {', '.join(named)}, or clear" in str(caught.value)
    assert domino.calls == []


def test_a_function_with_too_short_a_timeout_says_so(s3, domino):
    with pytest.raises(NoTimeToRegister):
        app.lambda_handler({}, Context(seconds=80))
    assert domino.calls == []


def test_another_prefix_is_used(s3, monkeypatch):
    monkeypatch.setenv("PREDICTIONS_PREFIX", "elsewhere/")
    assert app.lambda_handler({}, Context())["registered"] == 0
