"""Talking to Domino Model Monitor: one request, with its time limits, its retries and its named failures.

What is asked for stands in one module for each of Domino's wires (`autowatch.domino_v0`).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from random import SystemRandom
from typing import Any, Literal

import requests
from urllib3.exceptions import HTTPError

from autowatch.errors import AutowatchError

Outcome = Literal["registered", "already registered"]

_READ_AT_MOST_BYTES = 4096
_SHOW_AT_MOST_CHARACTERS = 300
_LONGEST_RETRY_AFTER_SECONDS = 10.0
_RANDOM = SystemRandom()


class DominoError(AutowatchError):
    """Domino did not do what it was asked."""


class DominoRefused(DominoError):
    """Domino answered that it will not do this; asking again cannot help."""


class DominoCredentialsRefused(DominoRefused):
    """Domino does not accept the token, whatever it is asked for."""


class DominoUnavailable(DominoError):
    """Domino could not be reached, or was out of order, at every attempt."""


@dataclass(frozen=True)
class DominoConnection:
    """Where Domino is and how to call it. `url` is `DMM_URL`; the token is not shown by `repr`.

    The waits between attempts double from `first_wait_seconds`; each is shortened at random (full jitter),
    so that loaders that were turned away together do not come back together.
    """

    session: requests.Session
    url: str
    token: str = field(repr=False)
    connect_timeout_seconds: float = 5.0
    reply_timeout_seconds: float = 10.0
    attempts: int = 4
    first_wait_seconds: float = 1.0
    sleep: Callable[[float], None] = time.sleep

    @property
    def longest_call_seconds(self) -> float:
        """How long `send` takes at worst: every attempt and every wait to the full."""
        one_attempt = self.connect_timeout_seconds + 2 * self.reply_timeout_seconds
        longest_waits = [
            max(self.first_wait_seconds * 2**retry, _LONGEST_RETRY_AFTER_SECONDS)
            for retry in range(self.attempts - 1)
        ]
        return self.attempts * one_attempt + sum(longest_waits)


@dataclass(frozen=True)
class Reply:
    """What Domino answered: the status and the beginning of the body."""

    status: int
    text: str
    retry_after_seconds: float = 0.0


def send(connection: DominoConnection, method: str, path: str, body: dict[str, Any]) -> Reply:
    """Sends one request to `DMM_URL` + `path` and gives the reply: a 2xx, or 409, whose sense the wire knows.

    429, 5xx and network failures are tried again; everything else is final at once.

    Raises:
        DominoCredentialsRefused: 401 or 403.
        DominoRefused: any other answer that is no success.
        DominoUnavailable: no final answer after all attempts.
    """
    url = f"{connection.url.rstrip('/')}/{path}"
    trouble = ""
    for attempt in range(connection.attempts):
        pause = 0.0
        try:
            reply = _exchange(connection, method, url, body)
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            trouble = f"{type(error).__name__}: {_cut(str(error))}"
        except (requests.RequestException, UnicodeError) as error:
            # Not a network failure, so it comes from the URL: no scheme, no host, an impossible port.
            raise DominoRefused(
                f"{method} {url} cannot be sent ({type(error).__name__}). Check the parameter DmmUrl."
            ) from error
        else:
            if reply.status != 429 and reply.status < 500:
                return _accepted(reply, method, url)
            trouble = _describe(reply)
            pause = min(reply.retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS)
        if attempt + 1 < connection.attempts:
            longest = connection.first_wait_seconds * 2**attempt
            connection.sleep(max(pause, _RANDOM.uniform(0, longest)))
    raise DominoUnavailable(
        f"{method} {url} failed {connection.attempts} times; the last answer was: {trouble} "
        "The next run tries again. If this stays, check the parameter DmmUrl and whether Domino is up."
    )


def _exchange(connection: DominoConnection, method: str, url: str, body: dict[str, Any]) -> Reply:
    response = connection.session.request(
        method,
        url,
        json=body,
        # Given as `auth`, since a header would give way to a netrc entry for the host.
        auth=lambda request: _with_token(request, connection.token),
        timeout=(connection.connect_timeout_seconds, connection.reply_timeout_seconds),
        # A followed redirect turns the PUT into a GET of some login page, whose 200 would pass for success.
        allow_redirects=False,
        stream=True,
    )
    with response:
        return Reply(
            response.status_code,
            _beginning(response, time.monotonic() + connection.reply_timeout_seconds),
            _seconds(response.headers.get("Retry-After", "")),
        )


def _with_token(request: requests.PreparedRequest, token: str) -> requests.PreparedRequest:
    request.headers["Authorization"] = token
    return request


def _beginning(response: requests.Response, until: float) -> str:
    """The first bytes of the body, which may be huge or trickle: read until `until` (monotonic seconds)."""
    pieces: list[bytes] = []
    while sum(map(len, pieces)) < _READ_AT_MOST_BYTES and time.monotonic() < until:
        piece = response.raw.read1(_READ_AT_MOST_BYTES, decode_content=True)
        if not piece:
            break
        pieces.append(piece)
    return b"".join(pieces)[:_READ_AT_MOST_BYTES].decode("utf-8", "replace")


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _accepted(reply: Reply, method: str, url: str) -> Reply:
    is_page = reply.text.lstrip().lower().startswith(("<!doctype html", "<html"))
    if (200 <= reply.status < 300 and not is_page) or reply.status == 409:
        return reply
    what = f"{method} {url} answered {_describe(reply)}"
    if reply.status in (401, 403):
        raise DominoCredentialsRefused(
            f"{what} Domino does not accept the token: check the secret that DmmTokenSecretArn names "
            "(Domino's API token alone, without a scheme word) and the token's rights to this model."
        )
    if reply.status == 404:
        raise DominoRefused(
            f"{what} Check the parameters DmmModelId and DmmUrl (it ends in /api/v0/models/)."
        )
    if is_page or reply.status < 400:
        raise DominoRefused(
            f"{what} That is not Domino's API: check the parameter DmmUrl (it ends in /api/v0/models/)."
        )
    raise DominoRefused(f"{what} Check the model's configuration in Domino.")


def _describe(reply: Reply) -> str:
    return f"{reply.status}: {_cut(reply.text) or '(no text)'}."


def _cut(text: str) -> str:
    """Foreign text for a message: one line, printable, not too long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _SHOW_AT_MOST_CHARACTERS else f"{line[:_SHOW_AT_MOST_CHARACTERS]}…"
