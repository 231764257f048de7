"""An endpoint and a bucket with almost no cost, as a separate process for benchmarks/scoring.py.

    python -m benchmarks.scoring_stub FOLDER [CERTIFICATE]

Prints its port. With a certificate, a PEM file that also has its key, it speaks HTTPS. An endpoint named `stub-40-10`
answers after 40 ms plus 10 µs per row; the answers are prebuilt. The bucket keeps objects under `models/` and discards
all others. `inference/<name>-<rows>.csv` is the header of FOLDER/<name>.csv followed by its rows, repeated as needed
and generated on request. `GET /_usage` returns the CPU seconds used and the requests answered.
"""

import asyncio
import csv
import io
import json
import mmap
import re
import ssl
import sys
import time
from functools import cache
from itertools import accumulate
from pathlib import Path
from random import Random
from urllib.parse import unquote, urlsplit

ANSWER_ROWS = 50_000
PIECE = 1 << 18
LAST_CHUNK = b"\r\n0\r\n\r\n"
"""The end of a body in HTTP's chunks, in which botocore sends uploads over HTTPS."""


class Answers:
    """The four inference outputs for any number of rows, cut out of one prebuilt text."""

    def __init__(self) -> None:
        random = Random(0)
        lines = [answer_line(random.betavariate(0.6, 3)) for _ in range(ANSWER_ROWS)]
        self._text = memoryview("".join(lines).encode())
        self._ends = list(accumulate(map(len, lines)))

    def __getitem__(self, rows: int) -> bytes:
        whole, rest = divmod(rows, ANSWER_ROWS)
        return b"".join([self._text] * whole + [self._text[: self._ends[rest - 1]]] * bool(rest))


def answer_line(yes: float) -> str:
    """One output line in the format of an ensembling model's container."""
    text = io.StringIO()
    label = "yes" if yes >= 0.5 else "no"
    csv.writer(text, lineterminator="\n").writerow([label, max(yes, 1 - yes), [1 - yes, yes], ["no", "yes"]])
    return text.getvalue()


class Input:
    """The bytes of a CSV file with any number of rows, which repeat the rows of one file."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._begin = self._data.find(b"\n") + 1
        self._rows = path.read_bytes().count(b"\n") - 1
        # A segment's end is found row by row, which takes longer than everything else that the stub does for a file.
        self.parts = cache(self._parts)

    def _parts(self, rows: int) -> list[tuple[int, int]]:
        """The segments that make up the file."""
        whole, rest = divmod(rows, self._rows)
        end = self._begin
        for _ in range(rest):
            end = self._data.find(b"\n", end) + 1
        repeated = [(self._begin, len(self._data))] * whole
        return [(0, self._begin), *repeated, *([(self._begin, end)] if rest else [])]

    def read(self, start: int, end: int) -> bytes:
        """The bytes from `start` to `end`."""
        return self._data[start:end]


class Stub:
    """The state shared by all connections."""

    def __init__(self, folder: Path) -> None:
        self.answers = Answers()
        self.inputs = {path.stem: Input(path) for path in folder.glob("*.csv")}
        self.kept: dict[str, bytes] = {}
        self.requests = 0


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection; requests are handled in order, and bodies are counted but not kept."""

    def __init__(self, stub: Stub) -> None:
        self._stub = stub
        self._head = self._tail = b""
        self._missing = 0
        self._is_chunked = False
        self._can_write = asyncio.Event()
        self._can_write.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def pause_writing(self) -> None:
        self._can_write.clear()

    def connection_lost(self, _: Exception | None) -> None:
        self._can_write.set()

    def resume_writing(self) -> None:
        self._can_write.set()

    def data_received(self, data: bytes) -> None:
        if not self._missing:
            head, found, data = (self._head + data).partition(b"\r\n\r\n")
            if not found:
                self._head = head
                return
            self._begin(head.decode("latin-1"))
        if self._is_chunked:
            self._tail = (self._tail + data[-len(LAST_CHUNK) :])[-len(LAST_CHUNK) :]
            self._missing = self._tail != LAST_CHUNK
        else:
            self._missing -= len(data)
        self._lines += data.count(b"\n")
        if self._keep is not None:
            self._keep.append(data)
        if not self._missing:
            self._head = self._tail = b""
            self._answer()

    def _begin(self, head: str) -> None:
        self._method, target, _ = head.split(" ", 2)
        self._url = urlsplit(target)
        self._path = unquote(self._url.path)
        length = re.search(r"(?i)\r\ncontent-length: *(\d+)", head)
        self._missing = int(length[1]) if length else 0
        self._is_chunked = re.search(r"(?i)\r\ntransfer-encoding: *chunked", head) is not None
        self._lines = 0
        self._keep: list[bytes] | None = [] if "/models/" in self._path else None
        if re.search(r"(?i)\r\nexpect: *100-continue", head):
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def _answer(self) -> None:
        if self._path == "/_usage":
            self._send(json.dumps({"cpu": time.process_time(), "requests": self._stub.requests}).encode())
        elif self._path.startswith("/endpoints/"):
            self._stub.requests += 1
            latency, row_cost = map(int, self._path.split("/")[2].split("-")[1:])
            seconds = latency / 1e3 + row_cost / 1e6 * self._lines
            answer = self._stub.answers[self._lines]
            if seconds:
                asyncio.get_running_loop().call_later(seconds, self._send, answer)
            else:
                self._send(answer)
        else:
            self._answer_as_bucket()

    def _answer_as_bucket(self) -> None:
        key = self._path.partition("/")[2].partition("/")[2]
        if self._method == "PUT":
            if self._keep is not None:
                self._stub.kept[key] = b"".join(self._keep)
            self._send(b"")
        elif self._method == "POST":
            self._send(b"<R><UploadId>u</UploadId></R>")
        elif self._method == "DELETE":
            self._send(b"", "204 No Content")
        elif not key:
            self._send(b"<ListMultipartUploadsResult/>")
        elif key in self._stub.kept:
            self._send(self._stub.kept[key])
        elif named := re.fullmatch(r"inference/(.*)-(\d+)\.csv", key):
            stream = self._stream(self._stub.inputs[named[1]], int(named[2]))
            self._task = asyncio.get_running_loop().create_task(stream)
        elif self._method == "HEAD" and ".manifest" not in key and not key.startswith("rejected/"):
            self._send(b"")
        else:
            missing = b"" if self._method == "HEAD" else b"<Error><Code>NoSuchKey</Code></Error>"
            self._send(missing, "404 Not Found")

    def _send(self, body: bytes, status: str = "200 OK") -> None:
        self._send_head(len(body), status)
        self._transport.write(body)

    def _send_head(self, length: int, status: str = "200 OK") -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {length}", 'ETag: "e"', "x-amz-version-id: v"]
        self._transport.write("\r\n".join([*lines, "", ""]).encode())

    async def _stream(self, source: Input, rows: int) -> None:
        parts = source.parts(rows)
        self._send_head(sum(end - start for start, end in parts))
        if self._method == "HEAD":
            return
        for start, end in parts:
            for position in range(start, end, PIECE):
                await self._can_write.wait()
                if self._transport.is_closing():
                    return
                self._transport.write(source.read(position, min(position + PIECE, end)))


async def serve(folder: Path, certificate: Path | None = None) -> None:
    """Serves until the process ends."""
    stub = Stub(folder)
    secure = None
    if certificate:
        secure = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        secure.load_cert_chain(certificate)
    server = await asyncio.get_running_loop().create_server(
        lambda: Connection(stub), "127.0.0.1", 0, ssl=secure
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(*map(Path, sys.argv[1:])))
