"""A connection over which the objects of a bucket are asked for, one after the other."""

import asyncio

from autowatch.aws.bulk.route import BucketRoute
from autowatch.errors import AutowatchError

_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class NotAnswered(AutowatchError):
    """A request was not answered with the whole object."""


class _ServerClosed(NotAnswered):
    """The server closed the connection instead of an answer."""


class BucketConnection:
    """Opened when it is needed, and anew after whatever has gone wrong."""

    def __init__(self, route: BucketRoute) -> None:
        self._route = route
        self._streams: _Streams | None = None

    async def get(self, key: str) -> bytes:
        """The content of an object.

        Nothing is tried twice, but for a connection that the server has closed while it rested.

        Raises:
            NotAnswered: the answer is another than 200 with a length and as many bytes, or did not come in time.
        """
        try:
            return await self._get(self._route.request(key))
        except (OSError, EOFError, ValueError, asyncio.LimitOverrunError) as error:
            self.close()
            raise NotAnswered(
                f"{type(error).__name__} instead of an object. Ask the client for it."
            ) from error
        except NotAnswered:
            self.close()
            raise

    def close(self) -> None:
        """Closes the connection if it is open; what is under way is lost."""
        if self._streams is not None:
            self._streams[1].transport.abort()
        self._streams = None

    async def _get(self, request: bytes) -> bytes:
        if self._streams is not None:
            try:
                return await self._ask(self._streams, request)
            except _ServerClosed:
                self.close()
        return await self._ask(await self._open(), request)

    async def _open(self) -> _Streams:
        host, port = self._route.address
        async with asyncio.timeout(self._route.connect_timeout):
            self._streams = await asyncio.open_connection(host, port, ssl=self._route.tls)
        return self._streams

    async def _ask(self, streams: _Streams, request: bytes) -> bytes:
        reader, writer = streams
        async with asyncio.timeout(self._route.read_timeout):
            writer.write(request)
            fields = _fields(await _read_head(reader))
            content = await reader.readexactly(_length(fields))
        if fields.get(b"connection", b"").lower() == b"close":
            self.close()
        return content


async def _read_head(reader: asyncio.StreamReader) -> bytes:
    try:
        return await reader.readuntil(b"\r\n\r\n")
    except (ConnectionError, asyncio.IncompleteReadError) as error:
        if isinstance(error, asyncio.IncompleteReadError) and error.partial:
            raise
        raise _ServerClosed("The server closed the connection. Open another one.") from error


def _fields(head: bytes) -> dict[bytes, bytes]:
    """The header's fields, of a whole object's answer only."""
    status, *lines = head[:-4].split(b"\r\n")
    if not status.startswith(b"HTTP/1.1 200 "):
        raise NotAnswered(f"The answer is {status[:40]!r}. Ask the client for it.")
    parts = (line.partition(b":") for line in lines)
    return {name.lower(): value.strip() for name, _, value in parts}


def _length(fields: dict[bytes, bytes]) -> int:
    length = fields.get(b"content-length", b"")
    if not length.isdigit() or fields.keys() & {b"transfer-encoding", b"content-encoding"}:
        raise NotAnswered("The answer does not tell the object's length. Ask the client for it.")
    return int(length)
