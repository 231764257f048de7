"""How Domino is reached: the parameters that begin with Dmm, read from a function's environment.

Domino's API token, from AWS Secrets Manager.
"""

import json
import logging
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

import requests
from botocore.exceptions import ClientError

from autowatch.domino import v0 as domino_v0
from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import DominoConnection, DominoToken, DominoTokenUnusable
from autowatch.errors import AutowatchError

DominoApi = Literal["v0", "v2"]


_PARAMETERS = {
    "DMM_URL": "DmmUrl",
    "MODEL_ID": "DmmModelId",
    "DMM_DATASOURCE": "DmmDatasource",
    "DMM_TOKEN_SECRET_ARN": "DmmTokenSecretArn",
}


_NEEDED: dict[DominoApi, tuple[str, ...]] = {
    "v0": ("DMM_URL", "MODEL_ID", "DMM_TOKEN_SECRET_ARN"),
    "v2": ("DMM_URL", "DMM_DATASOURCE", "DMM_TOKEN_SECRET_ARN"),
}


_WIRES = {"v0": domino_v0.WIRE, "v2": domino_v2.WIRE}


_PATHS: dict[DominoApi, re.Pattern[str]] = {
    "v0": re.compile(r"/v0(/|$)"),
    "v2": re.compile(r"/v2(/|$)|/model-monitor(/|$)"),
}


_WORD = re.compile(r"[A-Za-z0-9-]*")


_LOGGER = logging.getLogger(__name__)


class DominoHalfConfigured(AutowatchError):
    """Some of Domino's parameters are set and some are not."""


class DominoMisconfigured(AutowatchError):
    """Domino's parameters do not fit each other."""


@dataclass(frozen=True)
class DominoSettings:
    """Where Domino is and how it is spoken to. `model_id` has a meaning for v0 alone, `datasource` for v2 alone."""

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


def domino_settings(environment: Mapping[str, str]) -> DominoSettings | None:
    """The settings; None where Domino is not configured. What is set in vain is logged as a warning.

    Raises:
        DominoHalfConfigured: some of what the wire needs is set, and some is not.
        DominoMisconfigured: the wire is none, or the URL is that of the other one.
    """
    api = _api(environment.get("DMM_API", "").strip() or "v0")
    values = {name: environment.get(name, "").strip() for name in _PARAMETERS}
    needed = _NEEDED[api]
    missing = [_PARAMETERS[name] for name in needed if not values[name]]
    if not any(values.values()):
        return None
    if missing:
        raise DominoHalfConfigured(
            f"Domino is configured in part: set {', '.join(missing)} too, or clear "
            f"{', '.join(_PARAMETERS[name] for name, value in values.items() if value)}. "
            f"DmmApi={api} needs {', '.join(_PARAMETERS[name] for name in needed)}."
        )
    for name in values.keys() - set(needed):
        if values[name]:
            _LOGGER.warning("%s is set in vain: DmmApi=%s does not use it", _PARAMETERS[name], api)
    _check_url(api, values["DMM_URL"])
    return DominoSettings(
        api=api,
        url=values["DMM_URL"],
        token_secret_arn=values["DMM_TOKEN_SECRET_ARN"],
        model_id=values["MODEL_ID"],
        datasource=values["DMM_DATASOURCE"],
        header=_word(environment, "DMM_AUTH_HEADER", "DmmTokenHeader"),
        scheme=_word(environment, "DMM_AUTH_SCHEME", "DmmTokenScheme"),
    )


def _api(text: str) -> DominoApi:
    if text in _NEEDED:
        return text
    raise DominoMisconfigured(f"DmmApi is {text!r}. Set it to v0 or v2.")


def _check_url(api: DominoApi, url: str) -> None:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise DominoMisconfigured("DmmUrl is no URL. Correct it.") from error
    # The URL is shown in logs and messages; the token has a place of its own.
    if "@" in parts.netloc:
        raise DominoMisconfigured("DmmUrl contains a user or a password. Leave them out.")
    other: DominoApi = "v0" if api == "v2" else "v2"
    if _PATHS[other].search(parts.path) and not _PATHS[api].search(parts.path):
        raise DominoMisconfigured(
            f"DmmUrl is {url}, the URL of Domino's {other} API, but DmmApi is {api}. Set DmmApi={other}, or the URL "
            f"that ends in {_WIRES[api].url_ending}."
        )


def _word(environment: Mapping[str, str], name: str, parameter: str) -> str:
    word = environment.get(name, "").strip()
    if not _WORD.fullmatch(word):
        raise DominoMisconfigured(f"{parameter} is no word of letters, digits and hyphens. Correct it.")
    return word


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
