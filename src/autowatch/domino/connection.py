"""Sends requests to Domino Model Monitor, with time limits, retries and named failures.

One module for each of Domino's APIs has the requests (`autowatch.domino_v0`, `autowatch.domino_v2`).

The HTTP session in which Domino is called.
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
    """Domino did not carry out a request."""


class DominoRefused(DominoError):
    """Domino refused the request; a retry cannot help."""


class DominoCredentialsRefused(DominoRefused):
    """Domino accepts the token for no request."""


class DominoAnswerUnusable(DominoError):
    """The answer is not from Domino, so it is unknown whether anything was done."""


class DominoUnavailable(DominoError):
    """Domino could not be reached, or failed, at every attempt."""


class DominoTimeUp(DominoError):
    """The caller has too little time left for a request; nothing was sent."""


@dataclass(frozen=True)
class Wire:
    """What distinguishes one generation of Domino's API.

    Attributes:
        header: the header that carries the token, unless another one is set.
        url_ending: how `DMM_URL` ends, for messages.
        if_not_found: what to check when Domino answers 404.
    """

    header: str
    url_ending: str
    if_not_found: str


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


@dataclass(frozen=True)
class DominoConnection:
    """Where Domino is and how to call it. `url` is `DMM_URL`; the token is not shown by `repr`.

    The waits between attempts double from `first_wait_seconds`; each is shortened at random (full jitter),
    so that loaders that were turned away together do not come back together. No attempt begins when
    `seconds_left` gives less than `attempt_seconds`.
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
        """How long one attempt takes at worst: to connect, to the first byte of the reply, to the last one read."""
        return self.connect_timeout_seconds + 2 * self.reply_timeout_seconds


@dataclass(frozen=True)
class Reply:
    """What Domino answered: the status and the body, or as much of it as was read."""

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
    """Sends one request to `DMM_URL` + `path` and gives the reply: a 2xx, or one that `settles` the matter.

    429, 5xx and network failures are tried again; everything else is final at once. A token that is refused is read
    again from its secret once, for it may have been rotated. Redirects are not followed: a PUT would arrive as the GET
    of some login page, whose 200 would pass for success, and the token would go to another host.

    Args:
        connection: where to.
        method: the HTTP method.
        path: what follows `DMM_URL`.
        body: sent as JSON.
        settles: whether the API's module can interpret a reply, whatever its status.
        attempts: how often at most, in place of the connection's.
        read_at_most_bytes: of the reply's body.

    Raises:
        DominoCredentialsRefused: 401 or 403.
        DominoRefused: any other answer that is not a success.
        DominoUnavailable: no final answer after all attempts.
        DominoTimeUp: there is no time for the first attempt.
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
            # Not a network failure, so it comes from the URL: no scheme, no host, an impossible port.
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
        raise DominoTimeUp(f"{method} {url} was not sent: the time that is left does not suffice.")
    raise DominoUnavailable(
        f"{method} {url} failed at every attempt, {attempts} at most; the last answer was: {trouble} "
        "The next run tries again. If this stays, check the parameter DmmUrl and whether Domino is up."
    )


def read_document(reply: Reply) -> Any:
    """The JSON document that is the reply's body.

    Raises:
        DominoAnswerUnusable: it is not JSON, or longer than was read.
    """
    if not reply.is_complete:
        raise DominoAnswerUnusable(
            f"Domino's answer was not at its end after {len(reply.text):,} characters, or did not come in time. "
            "The next run asks again."
        )
    try:
        return json.loads(reply.text)
    except (ValueError, RecursionError) as error:
        raise DominoAnswerUnusable(
            f"Domino answered {_describe(reply)} That is no JSON: check the parameter DmmUrl."
        ) from error


def unusable(reply: Reply) -> DominoAnswerUnusable:
    """The error for a success whose body says something else than a success does."""
    return DominoAnswerUnusable(
        f"Domino answered {_describe(reply)} That is not how Domino confirms, so nothing is taken as done; "
        "the next run asks again. If this stays, check the parameter DmmUrl."
    )


def refused(reply: Reply, remedy: str) -> DominoRefused:
    """The error for an answer that the wire understands as a refusal."""
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
        # Given as `auth`, since a header would give way to a netrc entry for the host.
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
            # Of what a server echoes, errors quote the beginning.
            content.decode("utf-8", "replace").replace(token, "(the token)"),
            is_complete,
            _seconds(response.headers.get("Retry-After", "")),
        )


def _beginning(response: requests.Response, limit: int, until: float) -> tuple[bytes, bool]:
    """The first bytes of the body, which may be huge or trickle, read until `until` (monotonic seconds); and whether
    they are all of it."""
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
    """Foreign text for a message: one line, printable, not too long."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= _SHOW_AT_MOST_CHARACTERS else f"{line[:_SHOW_AT_MOST_CHARACTERS]}…"


def open_session(calls_at_once: int) -> requests.Session:
    """A session that so many threads may share: it keeps connections, and nothing else between two requests.

    The head of a reply must be there, as a whole, within one and a half times the read time-out. That one begins anew
    with every byte, so that a server that trickles would hold a caller for as long as it likes.
    """
    session = requests.Session()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    for scheme in ("https://", "http://"):
        session.mount(scheme, _Adapter(pool_maxsize=calls_at_once))
    return session


@contextlib.contextmanager
def _ended_after(connection: HTTPConnection) -> Iterator[None]:
    """Ends the connection's socket after its time-out and a half, so that a thread that reads from it gets its end."""
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
        # Not the method of a TLS socket, which would take the session from under the reader.
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
    """The secret does not give a token that can be sent."""
