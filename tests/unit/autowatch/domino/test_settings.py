import boto3
import pytest
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from moto import mock_aws

from autowatch.domino import v0 as domino_v0
from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import DominoToken, DominoTokenUnusable
from autowatch.domino.settings import (
    DominoHalfConfigured,
    DominoMisconfigured,
    DominoParameters,
    domino_settings,
    read_domino_token,
)
from autowatch.settings import read_settings

V0 = {"DMM_API": "v0", "DMM_URL": "https://h/api/v0/models/", "MODEL_ID": "m", "DMM_TOKEN_SECRET_ARN": "arn"}


V2 = {
    "DMM_API": "v2",
    "DMM_URL": "https://h/model-monitor/v2/api/",
    "DMM_DATASOURCE": "bank",
    "DMM_TOKEN_SECRET_ARN": "arn",
}


def settings_in(environment):
    return domino_settings(read_settings(DominoParameters, environment))


@pytest.mark.parametrize("api", [{}, {"DMM_API": ""}, {"DMM_API": "v0"}, {"DMM_API": "v2"}])
@pytest.mark.parametrize("empty", [{}, {"DMM_URL": "", "MODEL_ID": " ", "DMM_DATASOURCE": ""}])
def test_without_parameters_there_is_no_domino(api, empty):
    assert settings_in({**api, **empty}) is None


def test_each_wire_has_its_own_header(caplog):
    for environment, wire in ((V0, domino_v0.WIRE), (V2, domino_v2.WIRE)):
        connection = settings_in(environment).connect(None, DominoToken(lambda: "x"), lambda: 1.0)
        assert connection.wire is wire
        assert (connection.header, connection.scheme, connection.seconds_left()) == ("", "", 1.0)
    assert (domino_v0.WIRE.header, domino_v2.WIRE.header) == ("Authorization", "X-Domino-Api-Key")
    assert caplog.text == ""


def test_v0_is_the_default():
    assert settings_in({name: value for name, value in V0.items() if name != "DMM_API"}).api == "v0"


def test_header_and_scheme_are_passed_on():
    settings = settings_in({**V2, "DMM_AUTH_HEADER": "Authorization", "DMM_AUTH_SCHEME": "Bearer"})
    connection = settings.connect(None, DominoToken(lambda: "x"), lambda: 1.0)
    assert (connection.header, connection.scheme) == ("Authorization", "Bearer")


@pytest.mark.parametrize(
    ("environment", "cleared", "named"),
    [
        (V0, ["DMM_URL"], "also set DmmUrl"),
        (V0, ["MODEL_ID"], "also set DmmModelId"),
        (V0, ["MODEL_ID", "DMM_URL"], "also set DmmUrl, DmmModelId, or clear DmmTokenSecretArn"),
        (V2, ["DMM_DATASOURCE"], "also set DmmDatasource"),
        (
            V2,
            ["DMM_URL", "DMM_TOKEN_SECRET_ARN"],
            "also set DmmUrl, DmmTokenSecretArn, or clear DmmDatasource",
        ),
    ],
)
def test_half_a_configuration_is_one_error_that_names_the_rest(environment, cleared, named):
    with pytest.raises(DominoHalfConfigured) as caught:
        settings_in({**environment, **dict.fromkeys(cleared, "")})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "name"),
    [({**V2, "MODEL_ID": "m"}, "DmmModelId"), ({**V0, "DMM_DATASOURCE": "d"}, "DmmDatasource")],
)
def test_parameters_without_effect_are_reported(environment, name, caplog):
    assert settings_in(environment)
    assert f"{name} has no effect" in caplog.text


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (V0, "https://h/model-monitor/v2/api/"),
        (V0, "https://h/v2/api/"),
        (V2, "https://h/api/v0/models/"),
        (V2, "https://h/v0/"),
    ],
)
def test_the_url_of_the_other_wire_is_rejected_early(environment, url):
    other = "v2" if environment is V0 else "v0"
    with pytest.raises(DominoMisconfigured, match=f"Set DmmApi={other}, or the URL"):
        settings_in({**environment, "DMM_URL": url})


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        (V0, "https://h/dmm/"),
        (V0, "https://v2.example/api/v0/models/"),
        (V2, "https://h/v2/api/"),
        (V2, "https://h/proxy/monitor/"),
        (V2, "http://127.0.0.1:1/domino/model-monitor/v2/api/"),
    ],
)
def test_unknown_urls_are_accepted(environment, url):
    assert settings_in({**environment, "DMM_URL": url}).url == url


@pytest.mark.parametrize(
    "changes",
    [
        {"DMM_API": "v1"},
        {"DMM_URL": "https://user:secret@h/v2/api/"},
        {"DMM_URL": "https://[h/v2/api/"},
        {"DMM_AUTH_HEADER": "X: y"},
        {"DMM_AUTH_SCHEME": "a b"},
    ],
)
def test_impossible_values_are_refused_without_showing_a_password(changes):
    with pytest.raises(DominoMisconfigured) as caught:
        settings_in({**V2, **changes})
    assert "secret" not in str(caught.value)


@pytest.fixture
def secrets_manager():
    with mock_aws():
        yield boto3.client(
            "secretsmanager", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


def provider(secrets_manager):
    return SecretsProvider(boto3_client=secrets_manager)


def store(secrets_manager, **value):
    return secrets_manager.create_secret(Name="domino", **value)["ARN"]


@pytest.mark.parametrize(
    "text", ["abc123", "  abc123\n", '{"token": "abc123"}', '\n{"user": "x", "token": " abc123 "}']
)
def test_the_secret_is_the_token_or_json_with_it(secrets_manager, text):
    assert read_domino_token(provider(secrets_manager), store(secrets_manager, SecretString=text)) == "abc123"


@pytest.mark.parametrize(
    "text",
    [" ", "{}", '{"key": "abc123"}', '{"token": 7}', '{"token": "abc123"', "abc123\nX-Header: 1", "abc…123"],
)
def test_a_secret_without_a_token_is_named_without_its_value(secrets_manager, text):
    arn = store(secrets_manager, SecretString=text)
    with pytest.raises(DominoTokenUnusable) as caught:
        read_domino_token(provider(secrets_manager), arn)
    assert arn in str(caught.value)
    assert "abc" not in str(caught.value).replace(arn, "")


def test_a_binary_secret_is_not_a_token(secrets_manager):
    arn = store(secrets_manager, SecretBinary=b"abc123")
    with pytest.raises(DominoTokenUnusable, match="no usable token"):
        read_domino_token(provider(secrets_manager), arn)


def test_a_missing_secret_names_the_parameter(secrets_manager):
    with pytest.raises(DominoTokenUnusable, match=r"ResourceNotFoundException.*DmmTokenSecretArn"):
        read_domino_token(
            provider(secrets_manager),
            "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gone",
        )
