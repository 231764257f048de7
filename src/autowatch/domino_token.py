"""Domino's API token, from AWS Secrets Manager."""

import json
from typing import Any

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError


class DominoTokenUnusable(AutowatchError):
    """The secret does not give a token that can be sent."""


def read_domino_token(secrets_manager: Any, secret_arn: str) -> str:
    """The token in the secret: its text is the token itself, or JSON of the form `{"token": …}`.

    Raises:
        DominoTokenUnusable: the secret cannot be read, or holds no token. The message never shows its value.
    """
    try:
        secret = secrets_manager.get_secret_value(SecretId=secret_arn)
    except ClientError as error:
        raise DominoTokenUnusable(
            f"The secret {secret_arn} cannot be read ({error.response['Error']['Code']}). "
            "Check the parameter DmmTokenSecretArn."
        ) from error
    token = _token(secret.get("SecretString", ""))
    # requests would put a token that it cannot send into its own message, so that is found out here.
    if not token or not token.isascii() or not token.isprintable():
        raise DominoTokenUnusable(
            f"The secret {secret_arn} holds no usable token. Store Domino's API token there as plain text, "
            'or as JSON of the form {"token": "…"}.'
        )
    return token


def _token(text: str) -> str:
    if not text.lstrip().startswith("{"):
        return text.strip()
    try:
        token = json.loads(text).get("token")
    except ValueError:
        return ""
    return token.strip() if isinstance(token, str) else ""
