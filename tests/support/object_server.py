"""A server on loopback that holds objects, checks signatures, and misbehaves on request."""

import hashlib
import hmac
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from socketserver import StreamRequestHandler, ThreadingTCPServer
from urllib.parse import unquote, urlsplit

BUCKET = "bank"


@dataclass(frozen=True)
class Answer:
    """Bytes to send instead of the object; then the connection is closed, after a pause of so many seconds."""

    data: bytes
    pause: float = 0.0


@dataclass(frozen=True)
class Asked:
    """A request: the object's key, whether boto3 made it, by whose access key, and whether it went to a proxy."""

    key: str
    by_client: bool
    access_key: str
    by_proxy: bool


class ObjectServer(ThreadingTCPServer):
    """Attributes: objects: the contents by their keys. plan: answers by keys, given first, one for each request.
    always: an answer for each request that boto3 does not make. secrets: the secret keys by their access keys. closes:
    how connections end: by the client, `told` in each response, or `silently` after each.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 200

    def __init__(self, tls=None):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"
        self.objects, self.plan, self.always = {}, {}, None
        self.secrets, self.closes = {"test": "secret"}, None
        self.asked, self.connections = [], 0
        self._tls = tls

    def get_request(self):
        self.connections += 1
        connection, address = super().get_request()
        return (
            self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            if self._tls
            else connection,
            address,
        )

    def handle_error(self, *_):
        """Log nothing about clients that hang up."""

    @property
    def keys_by_client(self):
        return [asked.key for asked in self.asked if asked.by_client]


@contextmanager
def running_objects(tls=None):
    """An `ObjectServer`."""
    with ObjectServer(tls) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


class _Handler(StreamRequestHandler):
    timeout = 20

    def handle(self):
        while request := self._read():
            method, target, fields = request
            key = unquote(urlsplit(target).path).removeprefix(f"/{BUCKET}/")
            by_client = "boto" in fields.get("user-agent", "").lower()
            access_key = fields["authorization"].partition("Credential=")[2].partition("/")[0]
            asked = Asked(key, by_client, access_key, target.startswith("http"))
            self.server.asked.append(asked)
            planned = self.server.plan.get(key)
            if planned or (self.server.always and not by_client):
                answer = planned.pop(0) if planned else self.server.always
                self.wfile.write(answer.data)
                self.wfile.flush()
                time.sleep(answer.pause)
                return
            self.wfile.write(self._answer(method, target, fields, asked))
            if self.server.closes:
                return

    def _read(self):
        try:
            method, target, _ = self.rfile.readline().decode().split(" ")
        except ValueError:
            return None
        fields = {}
        while (line := self.rfile.readline().decode("latin-1").rstrip("\r\n")) != "":
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return method, target, fields

    def _answer(self, method, target, fields, asked):
        secret = self.server.secrets.get(asked.access_key)
        if secret is None or fields["authorization"] != signed(method, target, fields, secret):
            return answer(b"<Error><Code>SignatureDoesNotMatch</Code></Error>", "403 Forbidden")
        if asked.key not in self.server.objects:
            return answer(b"<Error><Code>NoSuchKey</Code></Error>", "404 Not Found")
        more = "Connection: close\r\n" if self.server.closes == "told" else ""
        return answer(self.server.objects[asked.key], more=more)


def answer(body, status="200 OK", more=""):
    """The bytes of a response."""
    return f'HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nETag: "e"\r\n{more}\r\n'.encode() + body


def signed(method, target, fields, secret):
    """The field Authorization as signature version 4 has it, from what has come and the secret key.

    Source: "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", Amazon S3 API
    reference.
    """
    algorithm, _, rest = fields["authorization"].partition(" ")
    given = dict(part.strip().split("=", 1) for part in rest.split(","))
    _, day, region, service, ending = given["Credential"].split("/")
    names = given["SignedHeaders"].split(";")
    url = urlsplit(target)
    lines = [method, url.path, "&".join(sorted(filter(None, url.query.split("&"))))]
    lines += [f"{name}:{fields[name]}" for name in names]
    lines += ["", ";".join(names), fields["x-amz-content-sha256"]]
    digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()
    scope = "/".join((day, region, service, ending))
    text = "\n".join((algorithm, fields["x-amz-date"], scope, digest))
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, ending, text):
        key = hmac.digest(key, part.encode(), "sha256")
    credential, signed_fields = given["Credential"], given["SignedHeaders"]
    return f"{algorithm} Credential={credential}, SignedHeaders={signed_fields}, Signature={key.hex()}"
