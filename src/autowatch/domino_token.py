"""Domino's API token, from AWS Secrets Manager."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError


class DominoTokenUnusable(AutowatchError):
    """The secret does not give a token that can be sent."""


class DominoToken:
    """The token, read when it is first needed and kept, also from one invocation to the next.

    Args:
        read: gives the token as it is in its secret.
    """

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read
        self._value: str | None = None

    def __repr__(self) -> str:
        return "DominoToken(…)"

    def value(self) -> str:
        """The token."""
        return self._value or self.read_again()

    def read_again(self) -> str:
        """The token as it is in its secret at this moment, for one that was refused may have been rotated."""
        self._value = self._read()
        return self._value


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
