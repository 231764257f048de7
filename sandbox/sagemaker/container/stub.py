"""Serves a model that needs no training: `stub.py MODEL_DIRECTORY PORT_FILE`, for tests that want a quick one.

`model.json` in the artefact is `{"features": 3, "labels": ["no", "yes"], "salt": ""}`, two labels. The second label's
probability is a checksum of the row's fields and the model's salt, which reveals a lost or swapped row, and the model
that answered. STUB_SECONDS: the duration of a request. With `"fails_on": "text"` every request with that field in a row
fails with 500, like a model that cannot represent a number.

Speaks the container's contract as `serve.py` does and needs the standard library alone.
"""

import csv
import io
import json
import os
import sys
import time
import zlib
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from own_machine import OwnMachineHandler  # type: ignore[import-not-found]

SCALE = 9973


def predict(body: str, model: dict[str, Any], outputs: list[str]) -> str:
    """A line with the outputs for each row of a CSV without header.

    Raises:
        ValueError: the body is not a CSV of rows with this number of features.
        csv.Error: it is not CSV.
        ModelFailed: a row has the field that the model fails on.
    """
    features, labels, salt = model["features"], model["labels"], model.get("salt", "")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for number, row in enumerate(csv.reader(io.StringIO(body, newline=""), strict=True), start=1):
        if len(row) != features:
            raise ValueError(f"Row {number} has {len(row)} fields; the model takes {features}.")
        if model.get("fails_on") in row:
            raise ModelFailed("The prediction failed: OverflowError.")
        share = zlib.crc32((salt + "\x1f".join(row)).encode()) % SCALE / SCALE
        probabilities = [f"{1 - share:.6f}", f"{share:.6f}"]
        winner = int(share >= 0.5)
        fields = {
            "predicted_label": labels[winner],
            "probability": probabilities[winner],
            "probabilities": f"[{', '.join(probabilities)}]",
            "labels": str(labels),
        }
        writer.writerow([fields[name] for name in outputs])
    return text.getvalue()


class ModelFailed(Exception):
    """The model cannot process a row."""


class Server(ThreadingHTTPServer):
    """The container's HTTP server with its settings."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, directory: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model: dict[str, Any] = json.loads((directory / "model.json").read_text())
        self.outputs = os.environ.get("SAGEMAKER_INFERENCE_OUTPUT", "predicted_label").split(",")
        self.seconds = float(os.environ.get("STUB_SECONDS", "0"))


class Handler(OwnMachineHandler):
    """/ping and /invocations."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 60
    server: Server

    def do_GET(self) -> None:
        """GET /ping: always healthy."""
        self._answer(200, "")

    def do_POST(self) -> None:
        """POST /invocations: predictions for the rows in the body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        time.sleep(self.server.seconds)
        try:
            self._answer(200, predict(body.decode(), self.server.model, self.server.outputs))
        except (ValueError, csv.Error) as error:
            self._answer(400, str(error))
        except ModelFailed as error:
            self._answer(500, str(error))

    def log_message(self, format: str, *args: Any) -> None:
        """Log no requests."""

    def _answer(self, status: int, text: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/csv; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(directory: Path, port_file: Path) -> None:
    """Serves until the process is ended."""
    server = Server(directory)
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.server_address[1]))
    os.replace(fresh, port_file)
    server.serve_forever()


if __name__ == "__main__":
    csv.field_size_limit(sys.maxsize)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
