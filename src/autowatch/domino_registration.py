"""How one file is registered with Domino, on either wire."""

from collections import defaultdict
from dataclasses import dataclass
from threading import Lock
from typing import Protocol

from autowatch import domino_v0, domino_v2
from autowatch.domino import DominoConnection, DominoRefused, Outcome
from autowatch.domino_config import first_variables
from autowatch.domino_dataset import Dataset
from autowatch.domino_models import (
    ModelRecord,
    ModelRegistry,
    RunUnusable,
    TrainingDataGone,
    ensure_model,
    note_configured,
    read_run_contract,
)
from autowatch.domino_v2 import VariablesConfigured, dataset_details
from autowatch.errors import AutowatchError
from autowatch.objects import ObjectMissing


@dataclass(frozen=True)
class Registration:
    """What became of one file, and the model in Domino that it belongs to."""

    model_id: str
    outcome: Outcome


class Register(Protocol):
    """Registers one file. Called from several threads at once.

    Raises:
        DominoError: Domino did not do its part.
    """

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Tells Domino of the file."""


@dataclass(frozen=True)
class V0Register:
    """Registers files with the one model that DmmModelId names."""

    connection: DominoConnection
    model_id: str
    bucket: str
    region: str

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Tells Domino of the file."""
        location = domino_v0.data_location(self.bucket, self.region, dataset.key)
        outcome = domino_v0.register_dataset(self.connection, self.model_id, dataset.kind, location)
        return Registration(self.model_id, outcome)


class V2Register:
    """Registers each file with the model of its run, which is made known first if Domino does not have it.

    The first file of a kind carries the model's variables, and goes alone: files of the same run wait for it.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._lock = Lock()
        self._locks: dict[str, Lock] = defaultdict(Lock)
        self._records: dict[str, ModelRecord] = {}
        self._refusals: dict[str, AutowatchError] = {}

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Tells Domino of the file."""
        with self._lock:
            alone = self._locks[dataset.run]
        with alone:
            record = self._record(dataset.run)
            if dataset.kind not in record.configured:
                return Registration(record.model_id, self._register_first(record, dataset))
        return Registration(record.model_id, self._register(record, dataset))

    def _record(self, run: str) -> ModelRecord:
        # A model that cannot be had for one file cannot for any other; Domino need not be asked a thousand times.
        if run in self._refusals:
            raise self._refusals[run]
        if run not in self._records:
            try:
                self._records[run] = ensure_model(self._registry, run)
            except (DominoRefused, ObjectMissing, RunUnusable, TrainingDataGone) as error:
                self._refusals[run] = error
                raise
        return self._records[run]

    def _register_first(self, record: ModelRecord, dataset: Dataset) -> Outcome:
        s3, bucket = self._registry.s3, self._registry.bucket
        variables = first_variables(read_run_contract(s3, bucket, record.run), dataset.kind)
        try:
            outcome = self._register(record, dataset, variables)
        except VariablesConfigured:
            # An earlier loader died between the call and the record.
            outcome = self._register(record, dataset)
        self._records[record.run] = note_configured(s3, bucket, record, dataset.kind)
        return outcome

    def _register(
        self, record: ModelRecord, dataset: Dataset, variables: list[dict[str, object]] | None = None
    ) -> Outcome:
        details = dataset_details(dataset.name, dataset.key, self._registry.datasource)
        return domino_v2.register_dataset(
            self._registry.connection, record.model_id, dataset.kind, details, variables or []
        )
