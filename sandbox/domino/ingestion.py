"""Ingestion, which follows registration: downloads the file, compares it with the training data, sends e-mail."""

import queue
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from sandbox.domino.judgement import add_up, count_on, judge, make_reference
from sandbox.domino.models import AdminSettings, Check, Dataset, File, Model, Models
from sandbox.domino.tables import TableUnusable, check_timestamps, guess_columns, read_pairs, read_table
from sandbox.events.mailbox import Mailbox

_SENDER = "Domino Model Monitor <model-monitor@domino.sandbox.invalid>"


class Ingestion:
    """A worker that ingests datasets one by one, in the order of registration."""

    def __init__(
        self,
        folder: Path,
        endpoint_url: str,
        key: tuple[str, str],
        mailbox: Mailbox,
        settings: AdminSettings,
        models: Models,
    ) -> None:
        self._folder, self._endpoint_url, self._mailbox = folder, endpoint_url, mailbox
        self._key = key
        self._settings, self._models = settings, models
        folder.mkdir(parents=True, exist_ok=True)
        self._clients: dict[str, Any] = {}
        self._queue: queue.Queue[tuple[Model, Dataset] | None] = queue.Queue()
        self._idle = threading.Condition()
        self._unfinished = 0
        self._worker = threading.Thread(target=self._work, name="domino-ingestion", daemon=True)
        self._worker.start()

    def add(self, model: Model, dataset: Dataset) -> None:
        """Queues `dataset` for ingestion."""
        with self._idle:
            self._unfinished += 1
        self._queue.put((model, dataset))

    def check(self, model: Model) -> Check:
        """Compares all predictions so far with the training data.

        Raises:
            TableUnusable: no ingested data can be compared.
        """
        with self._models.lock:
            ingested = [
                each for each in model.datasets if each.kind == "predictions" and each.status == "done"
            ]
            if model.reference is None or not ingested:
                raise TableUnusable("No prediction data registered with the model")
            counts = add_up(each.counts for each in ingested)
            drifts = judge(model.reference, counts, self._settings.test, self._settings.threshold)
            check = Check(
                int(time.time()),
                tuple(drift.column for drift in drifts if drift.drifted),
                len(drifts),
                sum(each.rows or 0 for each in ingested),
            )
            model.checks.append(check)
        return check

    def wait_until_idle(self, timeout_seconds: float) -> bool:
        """Whether everything was ingested within the time."""
        with self._idle:
            return self._idle.wait_for(lambda: self._unfinished == 0, timeout_seconds)

    def close(self) -> None:
        """Ends the worker after the queued datasets."""
        self._queue.put(None)
        self._worker.join(30)
        for client in self._clients.values():
            client.close()

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
                if dataset.kind == "training":
                    model.status = "failed"
            finally:
                with self._idle:
                    self._unfinished -= 1
                    self._idle.notify_all()

    def _ingest(self, model: Model, dataset: Dataset) -> None:
        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / "dataset.csv"
            self._fetch(dataset.file, path)
            match dataset.kind:
                case "training":
                    self._ingest_training(model, dataset, path)
                case "predictions":
                    self._ingest_predictions(model, dataset, path)
                    self._alert(model, dataset)
                case "ground truths":
                    self._ingest_ground_truths(model, dataset, path)

    def _fetch(self, file: File, target: Path) -> None:
        try:
            self._buckets(file.region).download_file(file.bucket, file.key, str(target))
        except (ClientError, BotoCoreError) as error:
            raise TableUnusable(f"s3://{file.bucket}/{file.key} cannot be read: {error}") from error

    def _buckets(self, region: str) -> Any:
        """Domino reads buckets with credentials of its own."""
        if region not in self._clients:
            self._clients[region] = boto3.client(
                "s3",
                region_name=region,
                endpoint_url=self._endpoint_url,
                aws_access_key_id=self._key[0],
                aws_secret_access_key=self._key[1],
                config=Config(
                    connect_timeout=5,
                    read_timeout=30,
                    retries={"mode": "standard", "total_max_attempts": 3},
                    s3={"addressing_style": "path"},
                ),
            )
        return self._clients[region]

    def _ingest_training(self, model: Model, dataset: Dataset, path: Path) -> None:
        columns = model.columns or guess_columns(path, without=model.prediction or "")
        table = read_table(path, columns)
        reference = make_reference(table)
        with self._models.lock:
            model.columns, model.reference, dataset.rows = columns, reference, table.rows
            model.status = "training"

    def _ingest_predictions(self, model: Model, dataset: Dataset, path: Path) -> None:
        if model.reference is None or model.columns is None:
            raise TableUnusable("The model's training data could not be ingested.")
        table = read_table(path, model.columns)
        predicted: dict[str, str] = {}
        if model.row_identifier and model.prediction:
            predicted = read_pairs(path, model.row_identifier, model.prediction)
        if model.timestamp:
            check_timestamps(path, model.timestamp)
        counts = count_on(model.reference, table)
        drifts = judge(model.reference, counts, self._settings.test, self._settings.threshold)
        drifted = tuple(drift.column for drift in drifts if drift.drifted)
        with self._models.lock:
            dataset.rows, dataset.counts, dataset.drifts = table.rows, counts, drifts
            model.predicted |= predicted
            model.status = "prediction"
            # The real Domino checks once a day, at noon UTC, the previous day; this one checks each file on arrival.
            model.checks.append(Check(int(time.time()), drifted, len(drifts), table.rows))

    def _ingest_ground_truths(self, model: Model, dataset: Dataset, path: Path) -> None:
        if not model.row_identifier or not model.prediction:
            raise TableUnusable(
                "The model has no row_identifier or no prediction to join the ground truth with."
            )
        actual = read_pairs(path, model.row_identifier, model.ground_truth)
        with self._models.lock:
            dataset.rows = len(actual)
            model.actual |= actual

    def _alert(self, model: Model, dataset: Dataset) -> None:
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
            f"Model: {model.name} ({model.id})\nDataset: {dataset.file.location}\nRows: {dataset.rows}\n"
            f"Test: {self._settings.test}\n\n" + "\n".join(lines) + "\n",
        )
