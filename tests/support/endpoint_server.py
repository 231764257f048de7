"""A SageMaker endpoint on the loopback interface that answers as the ensembling container does."""

import csv
import io
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.support.stub_runtime import StubRuntime

REFUSED_TEXT = "refuse me"
"""The model refuses every batch with this text, and quotes the text, as real models do."""


@contextmanager
def running_endpoint():
    """A server; its `url` is what a `sagemaker-runtime` client is given, its `requests` are the rows it was sent."""
    server = _Server(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Server(ThreadingHTTPServer):
    def __init__(self, address, handler):
        super().__init__(address, handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.requests = []


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30
    wbufsize = -1  # Header and body leave in one piece; two would wait for each other.

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        kinds = (self.headers["Content-Type"], self.headers["Accept"])
        if self.path != "/endpoints/bank/invocations" or kinds != ("text/csv", "text/csv"):
            self._answer_error(400, "ValidationError", {"message": f"Endpoint {self.path} not found."})
        elif REFUSED_TEXT in body:
            reason = {"OriginalStatusCode": 400, "OriginalMessage": f"cannot read {REFUSED_TEXT}"}
            self._answer_error(424, "ModelError", {"message": "Received client error (400)", **reason})
        else:
            rows = list(csv.reader(io.StringIO(body, newline=""), strict=True))
            self.server.requests.append(rows)
            self._answer(200, "text/csv", StubRuntime().answer(rows).encode())

    def _answer_error(self, status, kind, document):
        self._answer(status, "application/json", json.dumps(document).encode(), {"x-amzn-errortype": kind})

    def _answer(self, status, content_type, body, headers=None):
        self.send_response(status)
        for name, value in {
            "Content-Type": content_type,
            "Content-Length": len(body),
            **(headers or {}),
        }.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Keeps the test's output free of access logs."""
