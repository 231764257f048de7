"""Sends requests to Domino Model Monitor, with time limits, retries and named failures.

The requests themselves are in one module for each of Domino's APIs: `autowatch.domino.v0` and `autowatch.domino.v2`.
"""

import contextlib
import json
import math
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from random import SystemRandom
from threading import Timer
from typing import Any, Literal

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import HTTPError
from urllib3.response import HTTPResponse

from autowatch.errors import AutowatchError

Outcome = Literal["registered", "already registered"]


_READ_AT_MOST_BYTES = 4096


_SHOW_AT_MOST_CHARACTERS = 300


_LONGEST_RETRY_AFTER_SECONDS = 10.0


_RANDOM = SystemRandom()


class DominoError(AutowatchError):
    """Domino did not fulfil a request."""


class DominoRefused(DominoError):
    """Domino refused the request; a retry cannot help."""


class DominoCredentialsRefused(DominoRefused):
    """Domino rejects the token."""


class DominoAnswerUnusable(DominoError):
    """The answer is not one of Domino's, so it is unknown whether the request took effect."""


class DominoUnavailable(DominoError):
    """Domino could not be reached, or failed, at every attempt."""


class DominoTimeUp(DominoError):
    """The caller has too little time left for a request; nothing was sent."""


@dataclass(frozen=True)
class Wire:
    """One generation of Domino's API.

    Attributes:
        header: the default header for the token.
        url_ending: the end of `DMM_URL`, for messages.
        if_not_found: what to check when Domino answers 404.
    """

    header: str
    url_ending: str
    if_not_found: str


class DominoToken:
    """The token, read on first use and cached, also across invocations.

    Args:
        read: returns the token that the secret holds.
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
        """Reads the token from the secret again, since a rejected token may have been rotated."""
        self._value = self._read()
        return self._value


@dataclass(frozen=True)
class DominoConnection:
    """Where Domino is and how to call it. `url` is `DMM_URL`; `repr` does not show the token.

    The waits between attempts double from `first_wait_seconds`; each is shortened at random (full jitter), so that
    loaders that failed together do not retry together. No attempt begins if `seconds_left` returns less than
    `attempt_seconds`.
    """

    session: requests.Session
    url: str
    token: DominoToken
    wire: Wire
    header: str = ""
    scheme: str = ""
    connect_timeout_seconds: float = 5.0
    reply_timeout_seconds: float = 10.0
    attempts: int = 4
    first_wait_seconds: float = 1.0
    sleep: Callable[[float], None] = time.sleep
    seconds_left: Callable[[], float] = lambda: math.inf

    @property
    def attempt_seconds(self) -> float:
        """The longest duration of one attempt: to connect, to the first byte of the reply, to the last byte read."""
        return self.connect_timeout_seconds + 2 * self.reply_timeout_seconds


@dataclass(frozen=True)
class Reply:
    """Domino's reply: the status, and the body or the part of it that was read."""

    status: int
    text: str
    is_complete: bool = True
    retry_after_seconds: float = 0.0


def send(
    connection: DominoConnection,
    method: str,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    settles: Callable[[Reply], bool] = lambda reply: reply.status == 409,
    attempts: int | None = None,
    read_at_most_bytes: int = _READ_AT_MOST_BYTES,
) -> Reply:
    """Sends one request to `DMM_URL` + `path` and returns the reply: a 2xx, or one that `settles` accepts.

    Retries 429, 5xx and network failures; everything else is final. A rejected token is read from its secret again
    once, since it may have been rotated. Redirects are not followed: a PUT would become the GET of a login page, whose
    200 would look like success, and the token would be sent to another host.

    Args:
        connection: how to reach Domino.
        method: the HTTP method.
        path: the part of the URL after `DMM_URL`.
        body: sent as JSON.
        settles: whether the API's module can interpret a reply with an error status.
        attempts: the most attempts; by default the connection's.
        read_at_most_bytes: the most bytes of the reply's body to read.

    Raises:
        DominoCredentialsRefused: 401 or 403.
        DominoRefused: any other error that is not retried.
        DominoUnavailable: no final answer after all attempts.
        DominoTimeUp: there is not enough time for the first attempt.
    """
    url = f"{connection.url.rstrip('/')}/{path}"
    attempts = attempts or connection.attempts
    trouble = ""
    for attempt in range(attempts):
        if connection.seconds_left() < connection.attempt_seconds:
            break
        pause = 0.0
        try:
            reply = _exchange_with_token(connection, method, url, body, read_at_most_bytes)
        except (requests.ConnectionError, requests.Timeout, HTTPError) as error:
            trouble = f"{type(error).__name__}: {_cut(str(error))}"
        except (requests.RequestException, UnicodeError) as error:
            # Not a network failure, so the URL is wrong: no scheme, no host, or an impossible port.
            raise DominoRefused(
                f"{method} {url} cannot be sent ({type(error).__name__}). Check the parameter DmmUrl."
            ) from error
        else:
            if not _is_page(reply) and reply.status not in (401, 403) and settles(reply):
                return reply
            if reply.status != 429 and reply.status < 500:
                return _accepted(connection.wire, reply, f"{method} {url}")
            trouble = _describe(reply)
            pause = min(reply.retry_after_seconds, _LONGEST_RETRY_AFTER_SECONDS)
        if attempt + 1 < attempts:
            longest = connection.first_wait_seconds * 2**attempt
            connection.sleep(max(pause, _RANDOM.uniform(0, longest)))
    if not trouble:
        raise DominoTimeUp(f"{method} {url} was not sent: too little time is left.")
    raise DominoUnavailable(
        f"{method} {url} failed at every attempt, {attempts} at most; the last answer was: {trouble} "
        "The next run tries again. If this persists, check the parameter DmmUrl and whether Domino is up."
    )


def read_document(reply: Reply) -> Any:
    """The JSON document in the reply's body.

    Raises:
        DominoAnswerUnusable: the body is not JSON, or was not read to its end.
    """
    if not reply.is_complete:
        raise DominoAnswerUnusable(
            f"Domino's answer was not complete after {len(reply.text):,} characters, or did not come in time. "
            "The next run tries again."
        )
    try:
        return json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        raise DominoAnswerUnusable(
            f"Domino answered {_describe(reply)} That is not JSON: check the parameter DmmUrl."
        ) from error


def unusable(reply: Reply) -> DominoAnswerUnusable:
    """The error for a success status whose body is not that of a success."""
    return DominoAnswerUnusable(
        f"Domino answered {_describe(reply)} That is not a confirmation, so the request counts as failed; "
        "the next run tries again. If this persists, check the parameter DmmUrl."
    )


def refused(reply: Reply, remedy: str) -> DominoRefused:
    """The error for a reply that means a refusal in this API."""
    return DominoRefused(f"Domino answered {_describe(reply)} {remedy}")


def _exchange_with_token(
    connection: DominoConnection, method: str, url: str, body: dict[str, Any] | None, read_at_most_bytes: int
) -> Reply:
    token = connection.token.value()
    reply = _exchange(connection, method, url, body, read_at_most_bytes, token)
    if reply.status in (401, 403) and (newer := connection.token.read_again()) != token:
        reply = _exchange(connection, method, url, body, read_at_most_bytes, newer)
    return reply


def _exchange(
    connection: DominoConnection,
    method: str,
    url: str,
    body: dict[str, Any] | None,
    read_at_most_bytes: int,
    token: str,
) -> Reply:
    header = connection.header or connection.wire.header
    credentials = f"{connection.scheme} {token}" if connection.scheme else token

    def with_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers[header] = credentials
        return request

    response = connection.session.request(
        method,
        url,
        json=body,
        headers={"Accept": "application/json"},
        # Passed as `auth`, since a netrc entry for the host would override a header.
        auth=with_token,
        timeout=(connection.connect_timeout_seconds, connection.reply_timeout_seconds),
        allow_redirects=False,
        stream=True,
    )
    with response:
        content, is_complete = _beginning(
            response, read_at_most_bytes, time.monotonic() + connection.reply_timeout_seconds
        )
        return Reply(
            response.status_code,
            # Removes the token, since a server may echo it and errors quote the beginning of the body.
            content.decode("utf-8", "replace").replace(token, "(the token)"),
            is_complete,
            _seconds(response.headers.get("Retry-After", "")),
        )


def _beginning(response: requests.Response, limit: int, until: float) -> tuple[bytes, bool]:
    """The first bytes of the body, read until `until` (monotonic seconds), and whether they are the whole body.

    The body may be huge, or arrive slowly.
    """
    pieces: list[bytes] = []
    size = 0
    while time.monotonic() < until:
        piece = response.raw.read1(limit + 1 - size, decode_content=True)
        if not piece:
            return b"".join(pieces), True
        pieces.append(piece)
        size += len(piece)
        if size > limit:
            break
    return b"".join(pieces)[:limit], False


def _seconds(retry_after: str) -> float:
    return float(retry_after) if retry_after.isascii() and retry_after.isdigit() else 0.0


def _is_page(reply: Reply) -> bool:
    return reply.text.lstrip().lower().startswith(("<!doctype html", "<html"))


def _accepted(wire: Wire, reply: Reply, request: str) -> Reply:
    if 200 <= reply.status < 300 and not _is_page(reply):
        return reply
    what = f"{request} answered {_describe(reply)}"
    if reply.status in (401, 403):
        raise DominoCredentialsRefused(
            f"{what} Domino does not accept the token: check the secret that DmmTokenSecretArn names "
            "(Domino's API token alone, without a scheme word), the token's rights to this model, and the parameters "
            "DmmTokenHeader and DmmTokenScheme."
        )
    if _is_page(reply) or reply.status < 400:
        raise DominoRefused(
            f"{what} That is not Domino's API: check the parameter DmmUrl (it ends in {wire.url_ending})."
        )
    if reply.status == 404:
        raise DominoRefused(
            f"{what} {wire.if_not_found} Check the parameter DmmUrl, too (it ends in {wire.url_ending})."
        )
    raise DominoRefused(f"{what} Check the model's configuration in Domino.")


def _describe(reply: Reply) -> str:
    return f"{reply.status}: {_cut(reply.text) or '(no text)'}."


def _cut(text: str) -> str:
    """Foreign text for a message: one printable line of limited length."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _SHOW_AT_MOST_CHARACTERS else f"{line[:_SHOW_AT_MOST_CHARACTERS]}…"


def open_session(calls_at_once: int) -> requests.Session:
    """A session that this many threads may share; between requests it keeps connections but no cookies.

    The whole head of a reply must arrive within one and a half times the read time-out. The time-out itself restarts
    with every byte, so a server that sends slowly could block the caller for ever.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=calls_at_once))
    return session


@contextlib.contextmanager
def _ended_after(connection: HTTPConnection) -> Iterator[None]:
    """Shuts the socket down after one and a half times its time-out, which ends a blocked read from it."""
    connected, seconds = connection.sock, connection.timeout
    if not isinstance(seconds, int | float):
        yield
        return
    timer = Timer(1.5 * seconds, _end, [connected])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _end(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        # Not the method of a TLS socket, which would break the TLS session while another thread reads from it.
        socket.socket.shutdown(connected, socket.SHUT_RDWR)


class _Connection(HTTPConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with _ended_after(self):
            return super().getresponse()


class _SecureConnection(HTTPSConnection):
    def getresponse(self) -> HTTPResponse:  # type: ignore[override]
        with _ended_after(self):
            return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}


class DominoTokenUnusable(AutowatchError):
    """The secret does not hold a usable token."""
