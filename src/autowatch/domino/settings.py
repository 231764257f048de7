"""Domino's settings: the parameters that begin with Dmm, and the API token from AWS Secrets Manager."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Literal
from urllib.parse import urlsplit

import requests
from aws_lambda_powertools.utilities.parameters import SecretsProvider
from aws_lambda_powertools.utilities.parameters.exceptions import GetParameterError
from botocore.exceptions import ClientError

from autowatch.aws.clients import client
from autowatch.domino import v0 as domino_v0
from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import DominoConnection, DominoToken, DominoTokenUnusable
from autowatch.errors import AutowatchError

DominoApi = Literal["v0", "v2"]


_PARAMETERS = {
    "dmm_url": "DmmUrl",
    "model_id": "DmmModelId",
    "dmm_datasource": "DmmDatasource",
    "dmm_token_secret_arn": "DmmTokenSecretArn",
}


_NEEDED: dict[DominoApi, tuple[str, ...]] = {
    "v0": ("dmm_url", "model_id", "dmm_token_secret_arn"),
    "v2": ("dmm_url", "dmm_datasource", "dmm_token_secret_arn"),
}


_WIRES = {"v0": domino_v0.WIRE, "v2": domino_v2.WIRE}


_PATHS: dict[DominoApi, re.Pattern[str]] = {
    "v0": re.compile(r"/v0(/|$)"),
    "v2": re.compile(r"/v2(/|$)|/model-monitor(/|$)"),
}


_WORD = re.compile(r"[A-Za-z0-9-]*")


_LOGGER = logging.getLogger(__name__)


class DominoHalfConfigured(AutowatchError):
    """Some of the required Domino parameters are set and some are not."""


class DominoMisconfigured(AutowatchError):
    """A Domino parameter is invalid, or contradicts another."""


@dataclass(frozen=True)
class DominoParameters:
    """The stack's parameters that begin with Dmm, unchanged; all are empty without Domino."""

    dmm_api: str = ""
    dmm_url: str = ""
    model_id: str = ""
    dmm_datasource: str = ""
    dmm_token_secret_arn: str = ""
    dmm_auth_header: str = ""
    dmm_auth_scheme: str = ""


@dataclass(frozen=True)
class DominoSettings:
    """Where Domino is and how to call it. `model_id` is used by v0 only, `datasource` by v2 only."""

    api: DominoApi
    url: str
    token_secret_arn: str
    model_id: str = ""
    datasource: str = ""
    header: str = ""
    scheme: str = ""

    def connect(
        self, session: requests.Session, token: DominoToken, seconds_left: Callable[[], float]
    ) -> DominoConnection:
        """The connection that these settings describe."""
        return DominoConnection(
            session=session,
            url=self.url,
            token=token,
            wire=_WIRES[self.api],
            header=self.header,
            scheme=self.scheme,
            seconds_left=seconds_left,
        )


def domino_settings(parameters: DominoParameters) -> DominoSettings | None:
    """The settings; None if Domino is not configured. Logs a warning for parameters without effect.

    Raises:
        DominoHalfConfigured: some of the parameters that the API needs are set, and some are not.
        DominoMisconfigured: a parameter is invalid, or the URL is that of the other API.
    """
    api = _api(parameters.dmm_api.strip() or "v0")
    values = {name: getattr(parameters, name).strip() for name in _PARAMETERS}
    needed = _NEEDED[api]
    missing = [_PARAMETERS[name] for name in needed if not values[name]]
    if not any(values.values()):
        _LOGGER.info("Domino is not configured: set the parameters that begin with Dmm")
        return None
    if missing:
        raise DominoHalfConfigured(
            f"Domino is configured only in part: also set {', '.join(missing)}, or clear "
            f"{', '.join(_PARAMETERS[name] for name, value in values.items() if value)}. "
            f"DmmApi={api} needs {', '.join(_PARAMETERS[name] for name in needed)}."
        )
    for name in values.keys() - set(needed):
        if values[name]:
            _LOGGER.warning("%s has no effect: DmmApi=%s does not use it", _PARAMETERS[name], api)
    _check_url(api, values["dmm_url"])
    return DominoSettings(
        api=api,
        url=values["dmm_url"],
        token_secret_arn=values["dmm_token_secret_arn"],
        model_id=values["model_id"],
        datasource=values["dmm_datasource"],
        header=_word(parameters.dmm_auth_header, "DmmTokenHeader"),
        scheme=_word(parameters.dmm_auth_scheme, "DmmTokenScheme"),
    )


def _api(text: str) -> DominoApi:
    if text in _NEEDED:
        return text
    raise DominoMisconfigured(f"DmmApi is {text!r}. Set it to v0 or v2.")


def _check_url(api: DominoApi, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DominoMisconfigured("DmmUrl is not a URL. Correct it.") from error
    # The URL is shown in logs and messages; the token has its own parameter.
    if "@" in parts.netloc:
        raise DominoMisconfigured("DmmUrl contains a user or a password. Remove them.")
    other: DominoApi = "v0" if api == "v2" else "v2"
    if _PATHS[other].search(parts.path) and not _PATHS[api].search(parts.path):
        raise DominoMisconfigured(
            f"DmmUrl is {url}, the URL of Domino's {other} API, but DmmApi is {api}. Set DmmApi={other}, or the URL "
            f"that ends in {_WIRES[api].url_ending}."
        )


def _word(value: str, parameter: str) -> str:
    word = value.strip()
    if not _WORD.fullmatch(word):
        raise DominoMisconfigured(f"{parameter} is not a word of letters, digits and hyphens. Correct it.")
    return word


@cache
def domino_token(secret_arn: str) -> DominoToken:
    """The token in the secret, read on first use and cached across invocations."""
    return DominoToken(
        lambda: read_domino_token(SecretsProvider(boto3_client=client("secretsmanager")), secret_arn)
    )


def read_domino_token(secrets: SecretsProvider, secret_arn: str) -> str:
    """The token that the secret currently holds, as plain text or as JSON of the form `{"token": …}`.

    Raises:
        DominoTokenUnusable: the secret cannot be read, or holds no usable token. The message never shows its value.
    """
    try:
        # `DominoToken` caches the token, and calls this again if Domino rejects it, since it may have been rotated.
        secret = secrets.get(secret_arn, force_fetch=True)
    except GetParameterError as error:
        cause = error.__cause__ or error.__context__
        code = cause.response["Error"]["Code"] if isinstance(cause, ClientError) else type(cause).__name__
        raise DominoTokenUnusable(
            f"The secret {secret_arn} cannot be read ({code}). Check the parameter DmmTokenSecretArn."
        ) from error
    token = _token(secret) if isinstance(secret, str) else ""
    # requests would quote a token that it cannot send in its error, so the check is here.
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
