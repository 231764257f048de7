"""The local Domino's records: models, their datasets and results. They exist as long as the sandbox."""

import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote, unquote, urlsplit

from sandbox.domino.judgement import Drift, Reference, Test
from sandbox.domino.tables import ValueType

Kind = Literal["training", "predictions", "ground truths"]
Status = Literal["created", "ingesting", "done", "failed"]
Wire = Literal["v0", "v2"]
IngestionStatus = Literal["created", "training", "prediction", "failed"]

_HOST = re.compile(
    r"(?:(?P<bucket>[a-z0-9][a-z0-9.-]+)\.)?s3(?:[.-](?P<region>[a-z]{2}(?:-[a-z]+)+-\d))?\.amazonaws\.com(?:\.cn)?"
)
_GLOBAL_REGION = "us-east-1"
"""The region of a host without one; S3 itself finds buckets of other regions."""


@dataclass(frozen=True)
class File:
    """An object in a bucket."""

    bucket: str
    region: str
    key: str

    @property
    def location(self) -> str:
        """Its URL, as v0 names files."""
        return f"https://{self.bucket}.s3.{self.region}.amazonaws.com/{quote(self.key)}"


def parse_location(location: str) -> File:
    """The file at an object's URL: with the bucket in the host or in the path, with a region or without one.

    Public code that worked gives `https://<bucket>.s3.amazonaws.com/<key>` and `https://s3.<region>.amazonaws.com/
    <bucket>/<key>`; the key is percent-encoded, or as it is where no character needs it.

    Raises:
        ValueError: the location has another form.
    """
    parts = urlsplit(location)
    host, path = _HOST.fullmatch(parts.netloc), parts.path[1:]
    bucket = host["bucket"] if host else None
    if host and not bucket:
        bucket, _, path = path.partition("/")
    if parts.scheme != "https" or host is None or not bucket or not path or parts.query or parts.fragment:
        raise ValueError(
            "dataLocation must be https://<bucket>.s3.<region>.amazonaws.com/<key>, "
            "https://s3.<region>.amazonaws.com/<bucket>/<key>, or one of them without the region"
        )
    return File(bucket, host["region"] or _GLOBAL_REGION, unquote(path))


@dataclass(frozen=True)
class Datasource:
    """A named bucket: a data source."""

    bucket: str
    region: str


@dataclass
class Dataset:
    """One registered file and its state in Domino. On v0 its name is the given location."""

    kind: Kind
    name: str
    file: File
    status: Status = "created"
    error: str | None = None
    rows: int | None = None
    drifts: list[Drift] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Its entry on the control page."""
        return {
            "kind": self.kind,
            "name": self.name,
            "location": self.file.location,
            "status": self.status,
            "error": self.error,
            "rows": self.rows,
            "drifts": [vars(drift) for drift in self.drifts],
        }


@dataclass(frozen=True)
class Check:
    """One comparison of predictions with the training data. `checked_on` is in Unix seconds."""

    checked_on: int
    drifted: tuple[str, ...]
    variables: int
    predictions: int


@dataclass
class Model:
    """One monitored model.

    `columns` are those to compare, None where they are to be guessed from the training file; `variables` all that are
    declared, by name, as v2 shows them. `predicted` and `actual` hold labels by row identifier.
    """

    id: str
    name: str
    wire: Wire
    training: Dataset
    columns: dict[str, ValueType] | None
    prediction: str | None = None
    row_identifier: str | None = None
    timestamp: str | None = None
    ground_truth: str | None = None
    model_type: str = "classification"
    version: str = ""
    variables: dict[str, dict[str, Any]] = field(default_factory=dict)
    created_at: int = field(default_factory=lambda: int(time.time()))
    status: IngestionStatus = "created"
    datasets: list[Dataset] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    reference: Reference | None = None
    predicted: dict[str, str] = field(default_factory=dict)
    actual: dict[str, str] = field(default_factory=dict)

    def quality(self) -> dict[str, Any]:
        """How many rows have both a prediction and a ground truth, and the share of them that agree."""
        labelled = self.predicted.keys() & self.actual.keys()
        right = sum(self.predicted[row] == self.actual[row] for row in labelled)
        return {
            "rows": len(labelled),
            "accuracy": right / len(labelled) if labelled else None,
            "unmatched": len(self.actual) - len(labelled),
        }

    def to_json(self) -> dict[str, Any]:
        """Its entry on the control page."""
        return {
            "id": self.id,
            "name": self.name,
            "wire": self.wire,
            "ingestion_status": self.status,
            "training": self.training.to_json(),
            "datasets": [dataset.to_json() for dataset in self.datasets],
            "checks": [vars(check) for check in self.checks],
            "quality": self.quality(),
        }


@dataclass
class AdminSettings:
    """Settings of an administrator, and assumptions about Domino that a test may change.

    Attributes:
        threshold: for the drift of each column; the default is assumed.
        duplicate_status: the response's status for a dataset that is already registered; not documented.
    """

    alert_address: str | None = None
    test: Test = "psi"
    threshold: float = 0.2
    duplicate_status: int = 409


class Models:
    """All models by id, the buckets that v2 knows by name, and the lock under which they are read and changed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.datasources: dict[str, Datasource] = {}
        self._models: dict[str, Model] = {}

    def add(self, model: Model) -> None:
        """Stores a model; replaces one with the same id."""
        with self.lock:
            self._models[model.id] = model

    def get(self, model_id: str, wire: Wire) -> Model | None:
        """The model with this id on this wire."""
        with self.lock:
            model = self._models.get(model_id)
        return model if model and model.wire == wire else None

    def all(self, wire: Wire | None = None) -> list[Model]:
        """The models, oldest first; without `wire`, those of both wires."""
        with self.lock:
            return [model for model in self._models.values() if wire in (None, model.wire)]

    def remove(self, model_id: str) -> None:
        """Deletes the model if it exists."""
        with self.lock:
            self._models.pop(model_id, None)
