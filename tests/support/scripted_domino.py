"""An HTTP server on loopback in Domino's place, with scripted answers."""

import json
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    trickle_seconds: float = 0.0
    hang_up: bool = False
    missing_bytes: int = 0
    """How many bytes of the body are announced and never come."""


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The body as JSON."""
        return json.loads(self.body)


class FakeDomino:
    """Answers the requests in order, the last answer again and again; or each as `respond` says."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.respond: Callable[[Request], Answer] | None = None
        self.requests: list[Request] = []
        self.lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                with fake.lock:
                    fake.requests.append(request)
                    answer = (
                        fake.respond(request)
                        if fake.respond
                        else fake.answers[min(len(fake.requests), len(fake.answers)) - 1]
                    )
                if answer.hang_up:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(answer.body) + answer.missing_bytes))
                self.end_headers()
                self.close_connection = answer.missing_bytes > 0
                try:
                    if answer.trickle_seconds:
                        for byte in answer.body:
                            self.wfile.write(bytes([byte]))
                            time.sleep(answer.trickle_seconds)
                    else:
                        self.wfile.write(answer.body)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True

            do_GET = do_PUT = do_POST = do_DELETE = handle_any

            def log_message(self, *arguments):
                """Log no requests."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/api/v0/models/"
        self.v2_url = f"http://127.0.0.1:{self.server.server_port}/model-monitor/v2/api/"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


class DominoV2:
    """What Domino's second wire keeps and answers, as `FakeDomino.respond`. Its page has two models.

    `lose` counts answers to `PUT model` that take effect and never arrive.
    """

    def __init__(self) -> None:
        self.models: list[dict[str, Any]] = []
        self.datasets: dict[str, list[tuple[str, str, str]]] = {}
        self.variables: dict[str, set[str]] = {}
        self.lose = 0
        self.refuse_models: Answer | None = None

    def __call__(self, request: Request) -> Answer:
        """Answers one request."""
        path = urlsplit(request.path)
        parts = path.path.removeprefix("/model-monitor/v2/api/").split("/")
        if (request.method, parts) == ("GET", ["models"]):
            page = int(parse_qs(path.query)["pageNumber"][0])
            return _json(200, {"modelDashboardItems": self.models[2 * page : 2 * page + 2]})
        if (request.method, parts) == ("PUT", ["model"]):
            return self._add_model(request.document)
        return self._add_dataset(parts[1], parts[3], request.document)

    def add_model(self, name: str, **members: Any) -> str:
        """A model that is there already; its id."""
        model_id = f"{len(self.models):024x}"
        self.models.append({"id": model_id, "name": name, "ingestionStatus": "created", **members})
        return model_id

    def _add_model(self, config: dict[str, Any]) -> Answer:
        if self.refuse_models:
            return self.refuse_models
        model_id = self.add_model(config["modelMetadata"]["name"], config=config)
        if self.lose:
            self.lose -= 1
            return Answer(0, hang_up=True)
        return _json(200, {"id": model_id, "ingestionStatus": "created"})

    def _add_dataset(self, model_id: str, kind: str, body: dict[str, Any]) -> Answer:
        known = self.variables.setdefault(model_id, set())
        names = {variable["name"] for variable in body.get("variables", [])}
        if names & known:
            return _json(400, f"Variable(s) with name {sorted(names)} is/are already configured")
        datasets = self.datasets.setdefault(model_id, [])
        details = body["datasetDetails"]
        if any(name == details["name"] for _, name, _ in datasets):
            return _json(409, ["Dataset already registered with the model."])
        if kind == "ground_truth" and not any(item[0] == "prediction" for item in datasets):
            return _json(400, "No prediction data registered with the model")
        if not names and not any(item[0] == kind for item in datasets):
            return _json(400, {"message": "The first dataset carries variables"})
        known |= names
        datasets.append((kind, details["name"], details["datasetConfig"]["path"]))
        return Answer(200)


def _json(status: int, document: Any) -> Answer:
    return Answer(status, json.dumps(document).encode())
