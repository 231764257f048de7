import boto3
import pytest
from moto import mock_aws

from autowatch.domino_token import DominoTokenUnusable, read_domino_token


@pytest.fixture
def secrets_manager():
    with mock_aws():
        yield boto3.client(
            "secretsmanager", "eu-central-1", aws_access_key_id="test", aws_secret_access_key="test"
        )


def store(secrets_manager, **value):
    return secrets_manager.create_secret(Name="domino", **value)["ARN"]


@pytest.mark.parametrize(
    "text", ["abc123", "  abc123\n", '{"token": "abc123"}', '\n{"user": "x", "token": " abc123 "}']
)
def test_the_secret_is_the_token_or_json_with_it(secrets_manager, text):
    assert read_domino_token(secrets_manager, store(secrets_manager, SecretString=text)) == "abc123"


@pytest.mark.parametrize(
    "text",
    [" ", "{}", '{"key": "abc123"}', '{"token": 7}', '{"token": "abc123"', "abc123\nX-Header: 1", "abc…123"],
)
def test_a_secret_without_a_token_is_named_without_its_value(secrets_manager, text):
    arn = store(secrets_manager, SecretString=text)
    with pytest.raises(DominoTokenUnusable) as caught:
        read_domino_token(secrets_manager, arn)
    assert arn in str(caught.value)
    assert "abc" not in str(caught.value).replace(arn, "")


def test_a_binary_secret_is_no_token(secrets_manager):
    arn = store(secrets_manager, SecretBinary=b"abc123")
    with pytest.raises(DominoTokenUnusable, match="no usable token"):
        read_domino_token(secrets_manager, arn)


def test_a_missing_secret_names_the_parameter(secrets_manager):
    with pytest.raises(DominoTokenUnusable, match=r"ResourceNotFoundException.*DmmTokenSecretArn"):
        read_domino_token(secrets_manager, "arn:aws:secretsmanager:eu-central-1:123456789012:secret:gone")
