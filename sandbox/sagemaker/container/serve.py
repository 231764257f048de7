"""Serves one candidate as a SageMaker container does: `serve.py MODEL_DIRECTORY PORT_FILE`.

Answers GET /ping and POST /invocations on a loopback port of its own choice, which it writes into
PORT_FILE once the model is loaded. Runs in the model environment, started by `model_server.py`.
"""

import csv
import io
import json
import logging
import os
import sys
import threading
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from autogluon.tabular import TabularPredictor
from own_machine import OwnMachineHandler  # type: ignore[import-not-found]

OUTPUTS = ("predicted_label", "probability", "probabilities", "labels")
SECONDS_TO_READ = 60


class RequestRefused(Exception):
    """The request fails with this HTTP status and message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Model:
    """A candidate in memory, with the description of its columns."""

    def __init__(self, directory: Path, outputs: list[str]) -> None:
        description = json.loads((directory / "model.json").read_text())
        self._features: list[dict[str, str]] = description["features"]
        self._missing: list[str] = description["missing"]
        self._labels: list[str] = description["labels"]
        supported = OUTPUTS if self._labels else OUTPUTS[:1]
        if unknown := [name for name in outputs if name not in supported]:
            sys.exit(f"SAGEMAKER_INFERENCE_OUTPUT: {', '.join(unknown)} is none of {', '.join(supported)}.")
        self._outputs = outputs
        self._predictor = TabularPredictor.load(str(directory), verbosity=0)
        self._predictor.persist()
        # A model uses all cores; two concurrent requests would only slow each other down.
        self._lock = threading.Lock()

    def predict(self, body: str) -> str:
        """Predictions for the rows of a CSV without header, a line each.

        Raises:
            RequestRefused: the rows do not match the model's columns.
        """
        rows = self._typed(self._parse(body))
        if not self._labels:
            with self._lock:
                numbers = self._predictor.predict(rows)
            return "".join(f"{_decimal(number)}\n" for number in numbers)
        with self._lock:
            probabilities = self._predictor.predict_proba(rows, as_multiclass=True)
        guesses = self._predictor.predict_from_proba(probabilities)
        return self._format(guesses, probabilities.to_numpy())

    def _parse(self, body: str) -> list[list[str]]:
        try:
            rows = list(csv.reader(io.StringIO(body, newline=""), strict=True))
        except csv.Error as error:
            raise RequestRefused(400, f"The body is not a CSV: {error}.") from error
        if not rows:
            raise RequestRefused(400, "The body has no rows.")
        width = len(self._features)
        for number, row in enumerate(rows, start=1):
            if len(row) != width and not (width == 1 and not row):
                raise RequestRefused(400, f"Row {number} has {len(row)} fields; the model takes {width}.")
        return [row or [""] for row in rows]

    def _typed(self, rows: list[list[str]]) -> pd.DataFrame:
        columns: dict[str, Any] = {}
        for feature, values in zip(self._features, zip(*rows, strict=True), strict=True):
            column = pd.Series(values, dtype=object)
            column = column.mask(column.isin(self._missing))
            if feature["kind"] == "numeric":
                numbers = pd.to_numeric(column, errors="coerce")
                wrong = numbers.isna() & column.notna()
                if wrong.any():
                    line = int(np.argmax(wrong.to_numpy())) + 1
                    raise RequestRefused(
                        400, f"Row {line}: the value of column '{feature['name']}' is not a number."
                    )
                column = numbers.astype(float)
            columns[feature["name"]] = column
        return pd.DataFrame(columns)

    def _format(self, guesses: Any, probabilities: Any) -> str:
        labels = str(self._labels)
        position = {label: index for index, label in enumerate(self._labels)}
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        for guess, row in zip(guesses, probabilities, strict=True):
            fields = {
                "predicted_label": str(guess),
                "probability": _decimal(row[position[str(guess)]]),
                "probabilities": f"[{', '.join(map(_decimal, row))}]",
                "labels": labels,
            }
            writer.writerow([fields[name] for name in self._outputs])
        return lines.getvalue()


class Server(ThreadingHTTPServer):
    """The container's HTTP server with its model."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, model: Model) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.model = model


class Handler(OwnMachineHandler):
    """/ping and /invocations."""

    protocol_version = "HTTP/1.1"
    timeout = SECONDS_TO_READ
    server: Server

    def do_GET(self) -> None:
        """GET /ping: the model is loaded."""
        self._answer(200 if self.path == "/ping" else 404, "", "text/plain")

    def do_POST(self) -> None:
        """POST /invocations: predictions for the rows in the body."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            if self.path != "/invocations":
                raise RequestRefused(404, f"There is no {self.path} here.")
            self._check_types()
            self._answer(200, self.server.model.predict(_decode(body)), "text/csv; charset=utf-8")
        except RequestRefused as refusal:
            self._answer(refusal.status, str(refusal), "text/plain; charset=utf-8")
        except Exception as error:
            logging.exception("The prediction failed.")
            self._answer(500, f"The prediction failed: {type(error).__name__}.", "text/plain; charset=utf-8")

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are logged when answered; their bodies never are."""
        logging.info("%s", format % args)

    def _check_types(self) -> None:
        sent = self.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if sent != "text/csv":
            raise RequestRefused(
                415, f"Content type '{sent}' is not supported; send text/csv without a header."
            )
        accepted = [
            item.partition(";")[0].strip().lower() for item in self.headers.get("Accept", "*/*").split(",")
        ]
        if not {"text/csv", "text/*", "*/*", ""} & set(accepted):
            raise RequestRefused(
                406, f"Accept '{', '.join(accepted)}' is not supported; the answer is text/csv."
            )

    def _answer(self, status: int, text: str, content_type: str) -> None:
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def main(directory: Path, port_file: Path) -> None:
    """Loads the model, then serves until the process is ended."""
    outputs = [name.strip() for name in os.environ.get("SAGEMAKER_INFERENCE_OUTPUT", OUTPUTS[0]).split(",")]
    server = Server(Model(directory, outputs))
    fresh = port_file.with_suffix(".new")
    fresh.write_text(str(server.server_address[1]))
    os.replace(fresh, port_file)
    server.serve_forever()


def _decode(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise RequestRefused(400, "The body is not UTF-8.") from error


def _decimal(number: Any) -> str:
    return np.format_float_positional(number, unique=True, trim="0")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("autogluon.common.utils.resource_utils").setLevel(logging.CRITICAL)
    csv.field_size_limit(sys.maxsize)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
