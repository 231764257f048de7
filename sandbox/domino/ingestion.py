"""What Domino does after it was told of a file: fetch it, compare it with the training data, send e-mail."""

import queue
import re
import tempfile
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote, urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.domino.judgement import (
    Drift,
    Reference,
    TableUnusable,
    Test,
    ValueType,
    guess_columns,
    judge,
    make_reference,
    read_table,
)
from sandbox.mailbox import Mailbox

Kind = Literal["training", "predictions", "ground truths"]
Status = Literal["created", "ingesting", "done", "failed"]

_SENDER = "Domino Model Monitor <model-monitor@domino.sandbox.invalid>"
_LOCATION = re.compile(r"(?P<bucket>.+)\.s3[.-](?P<region>[a-z0-9-]+)\.amazonaws\.com")


@dataclass
class Dataset:
    """One registered file and how far Domino is with it."""

    kind: Kind
    location: str
    status: Status = "created"
    error: str | None = None
    rows: int | None = None
    drifts: list[Drift] = field(default_factory=list)


@dataclass
class Model:
    """One monitored model. `columns` is None where they are to be guessed from the training file."""

    id: str
    name: str
    columns: dict[str, ValueType] | None
    target: str
    training: Dataset
    datasets: list[Dataset] = field(default_factory=list)
    reference: Reference | None = None


@dataclass
class AdminSettings:
    """What an administrator sets in Domino's pages. The default threshold is assumed."""

    alert_address: str | None = None
    test: Test = "psi"
    threshold: float = 0.2


class Ingestion:
    """A worker that ingests datasets one after the other, in the order of their registration."""

    def __init__(self, folder: Path, endpoint_url: str, mailbox: Mailbox, settings: AdminSettings) -> None:
        self._folder, self._endpoint_url, self._mailbox, self._settings = (
            folder,
            endpoint_url,
            mailbox,
            settings,
        )
        folder.mkdir(parents=True, exist_ok=True)
        self._queue: queue.Queue[tuple[Model, Dataset] | None] = queue.Queue()
        self._idle = threading.Condition()
        self._unfinished = 0
        self._worker = threading.Thread(target=self._work, name="domino-ingestion", daemon=True)
        self._worker.start()

    def add(self, model: Model, dataset: Dataset) -> None:
        """Ingests `dataset` soon."""
        with self._idle:
            self._unfinished += 1
        self._queue.put((model, dataset))

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Whether everything was ingested within the time."""
        with self._idle:
            return self._idle.wait_for(lambda: self._unfinished == 0, timeout_seconds)

    def close(self) -> None:
        """Ends the worker after what is in the queue."""
        self._queue.put(None)
        self._worker.join(30)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            model, dataset = item
            dataset.status = "ingesting"
            try:
                self._ingest(model, dataset)
                dataset.status = "done"
            except Exception as error:  # noqa: BLE001 (one bad file must not end the worker)
                dataset.error = f"{type(error).__name__}: {error}"
                dataset.status = "failed"
            finally:
                with self._idle:
                    self._unfinished -= 1
                    self._idle.notify_all()

    def _ingest(self, model: Model, dataset: Dataset) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            file = Path(folder) / "dataset.csv"
            _fetch(self._endpoint_url, dataset.location, file)
            if dataset.kind == "training":
                model.columns = model.columns or guess_columns(file, without=model.target)
                table = read_table(file, model.columns)
                model.reference = make_reference(table)
                dataset.rows = table.rows
            elif dataset.kind == "predictions":
                if model.reference is None or model.columns is None:
                    raise TableUnusable("The model's training data could not be ingested.")
                table = read_table(file, model.columns)
                dataset.rows = table.rows
                dataset.drifts = judge(model.reference, table, self._settings.test, self._settings.threshold)
                self._alert(model, dataset)
            else:
                dataset.rows = read_table(file, {}).rows

    def _alert(self, model: Model, dataset: Dataset) -> None:
        """Real Domino checks once a day, at noon UTC, over the day before; this one checks each file as it comes."""
        drifted = [drift for drift in dataset.drifts if drift.drifted]
        if not drifted or not self._settings.alert_address:
            return
        lines = [
            f"{drift.column}: {drift.divergence:.3f} (threshold {self._settings.threshold:g})"
            for drift in drifted
        ]
        self._mailbox.deliver(
            _SENDER,
            self._settings.alert_address,
            f"Data drift in model {model.name}: {len(drifted)} column(s)",
            f"Model: {model.name} ({model.id})\nDataset: {dataset.location}\nRows: {dataset.rows}\n"
            f"Test: {self._settings.test}\n\n" + "\n".join(lines) + "\n",
        )


def parse_location(location: str) -> tuple[str, str, str]:
    """Bucket, region and key of `https://<bucket>.s3.<region>.amazonaws.com/<percent-encoded key>`.

    Raises:
        ValueError: the location has another form.
    """
    parts = urlsplit(location)
    host = _LOCATION.fullmatch(parts.netloc)
    if parts.scheme != "https" or host is None or len(parts.path) < 2 or parts.query or parts.fragment:
        raise ValueError("dataLocation must be https://<bucket>.s3.<region>.amazonaws.com/<key>")
    return host["bucket"], host["region"], unquote(parts.path[1:])


def _fetch(endpoint_url: str, location: str, target: Path) -> None:
    """Domino reads the bucket with credentials of its own."""
    bucket, region, key = parse_location(location)
    s3: Any = boto3.client(
        "s3",
        region_name=region,
        endpoint_url=endpoint_url,
        aws_access_key_id="domino",
        aws_secret_access_key="domino",  # noqa: S106 (the sandbox does not check it)
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            retries={"mode": "standard", "total_max_attempts": 3},
            s3={"addressing_style": "path"},
        ),
    )
    try:
        s3.download_file(bucket, key, str(target))
    except (ClientError, BotoCoreError) as error:
        raise TableUnusable(f"s3://{bucket}/{key} cannot be read: {error}") from error
    finally:
        s3.close()
