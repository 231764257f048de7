"""The state RegisterModel from event to record, with moto's services and an HTTP server instead of Domino."""

import boto3
import pytest
from moto import mock_aws

from autowatch.domino.connection import DominoUnavailable, open_session
from autowatch.domino.settings import DominoHalfConfigured
from tests.support.domino_stack import BUCKET, RUN, STACK, make_stack
from tests.support.lambda_context import Context
from tests.support.scripted_domino import Answer, FakeDomino
from train import register_model

PARAMETER = "/autowatch/autowatch/domino-model-id"


@pytest.fixture
def stack(monkeypatch):
    server = FakeDomino()
    for name, value in {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
        "S3_BUCKET": BUCKET,
        "ENDPOINT_NAME": STACK,
        "PREDICTIONS_PREFIX": "predictions/",
        "METRICS_NAMESPACE": "Autowatch",
        "STACK_NAME": STACK,
        "DMM_API": "v2",
        "DMM_URL": server.v2_url,
        "MODEL_ID": "",
        "DMM_DATASOURCE": "bank bucket",
        "DMM_AUTH_HEADER": "",
        "DMM_AUTH_SCHEME": "",
        "DMM_MODEL_PARAMETER": PARAMETER,
    }.items():
        monkeypatch.setenv(name, value)
    with mock_aws(), open_session(1) as session:
        secret = boto3.client("secretsmanager").create_secret(Name="domino", SecretString="token")
        monkeypatch.setenv("DMM_TOKEN_SECRET_ARN", secret["ARN"])
        boto3.client("ssm").put_parameter(Name=PARAMETER, Value="none", Type="String")
        yield make_stack(session, server)
    server.close()


def test_a_released_model_is_registered_once(stack):
    for _ in range(2):
        answer = register_model.lambda_handler({"run": RUN}, Context(180))
        (model,) = stack.domino.models
        assert answer == {"model_id": model["id"]}
    assert boto3.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["Value"] == model["id"]


@pytest.mark.parametrize(
    "changes",
    [
        {"DMM_URL": "", "DMM_DATASOURCE": "", "DMM_TOKEN_SECRET_ARN": ""},
        {"DMM_API": "v0", "DMM_URL": "https://h/api/v0/models/", "MODEL_ID": "m"},
    ],
)
def test_a_domino_without_model_registration_is_not_called(stack, monkeypatch, changes):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)
    assert register_model.lambda_handler({"run": RUN}, Context(180)) == {"model_id": None}
    assert stack.server.requests == []


def test_half_a_configuration_is_an_error(stack, monkeypatch):
    monkeypatch.setenv("DMM_DATASOURCE", "")
    with pytest.raises(DominoHalfConfigured, match="also set DmmDatasource"):
        register_model.lambda_handler({"run": RUN}, Context(180))


def test_an_unreachable_domino_is_abandoned_within_the_functions_time(stack):
    stack.server.respond = lambda _: Answer(503)
    seconds = iter([180.0, 45.0, 30.0])
    context = Context(180)
    context.get_remaining_time_in_millis = lambda: next(seconds) * 1000
    with pytest.raises(DominoUnavailable):
        register_model.lambda_handler({"run": RUN}, context)
    assert len(stack.server.requests) == 2
