"""The HTTP session in which Domino is called."""

import contextlib
import socket
from collections.abc import Iterator
from http.cookiejar import DefaultCookiePolicy
from threading import Timer
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import HTTPResponse


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
    """Ends the connection's socket after its time-out and a half, so that whoever reads from it finds its end."""
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
