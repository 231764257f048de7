from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
import requests

from autowatch.domino import DominoConnection, DominoRefused
from autowatch.domino_v0 import data_location, register_predictions


@pytest.fixture
def server():
    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            self.server.paths.append(self.path)
            self.send_response(self.server.status)
            self.end_headers()
            self.wfile.write(self.server.body)

        def log_message(self, *arguments):
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.paths, server.status, server.body = [], 200, b""
    thread = Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


def register(server, model_id="model-1"):
    with requests.Session() as session:
        connection = DominoConnection(session, f"http://127.0.0.1:{server.server_port}/m/", "token")
        return register_predictions(connection, model_id, "https://b.s3.r.amazonaws.com/k")


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", "registered"),
        (201, b"{}", "registered"),
        (409, b"", "already registered"),
        (409, b"anything", "already registered"),
        (200, b'["Dataset already registered with the model."]', "already registered"),
    ],
)
def test_the_outcome_is_read_from_the_reply(server, status, body, outcome):
    server.status, server.body = status, body
    assert register(server) == outcome


def test_other_refusals_are_refusals(server):
    server.status, server.body = 400, b'["No prediction data registered with the model"]'
    with pytest.raises(DominoRefused, match="No prediction data"):
        register(server)


def test_a_model_id_cannot_leave_its_place_in_the_path(server):
    register(server, "../a b?c")
    assert server.paths == ["/m/..%2Fa%20b%3Fc/add_predictions"]


@pytest.mark.parametrize(
    ("key", "path"),
    [
        ("predictions/date=2026-11-23/a-0.csv", "predictions/date%3D2026-11-23/a-0.csv"),
        ("predictions/a b+c/ü%20.csv", "predictions/a%20b%2Bc/%C3%BC%2520.csv"),
        ("predictions/?#&\n.csv", "predictions/%3F%23%26%0A.csv"),
    ],
)
def test_keys_are_percent_encoded(key, path):
    assert data_location("bucket-1", "eu-central-1", key) == (
        f"https://bucket-1.s3.eu-central-1.amazonaws.com/{path}"
    )
