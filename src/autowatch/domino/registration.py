"""Registers every new file with Domino once, and keeps a receipt for each.

Also: how one file is registered, with either API.
"""

import logging
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Lock
from typing import Protocol

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing
from autowatch.domino import v0 as domino_v0
from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import (
    DominoConnection,
    DominoCredentialsRefused,
    DominoError,
    DominoRefused,
    DominoTimeUp,
    DominoTokenUnusable,
    DominoUnavailable,
    Outcome,
)
from autowatch.domino.files import Dataset, FilesByDay, NewFiles, list_new_files, read_datasets
from autowatch.domino.models import (
    ModelRecord,
    ModelRegistry,
    RunUnusable,
    TrainingDataGone,
    ensure_model,
    first_variables,
    note_configured,
    read_run_contract,
)
from autowatch.domino.progress import DaysLeft, label_days, prediction_days, read_progress, write_progress
from autowatch.domino.v2 import VariablesConfigured, dataset_details
from autowatch.errors import AutowatchError
from autowatch.records.keys import LABEL_FRAGMENTS_PREFIX, receipt_key
from autowatch.records.timestamps import to_text

CALLS_AT_ONCE = 8
"""Files registered at the same time. At 0.3 s a call 10,000 files take some 470 of a function's 900 s."""


_DAYS_LISTED_AT_ONCE = 8


_FILES_NAMED_IN_MESSAGE = 5


_SILENT_AFTER = 8
"""Consecutive files without an answer: as many as are registered at once. Each has taken some 3.5 s of attempts."""


_LOGGER = logging.getLogger(__name__)


class RegistrationFailed(AutowatchError):
    """Some files could not be registered; the next run retries them."""


class NoTimeToRegister(AutowatchError):
    """The run had too little time for even one file, so no later run would make progress."""


@dataclass(frozen=True)
class RegistrationSummary:
    """The counts of one run; `waiting` includes the `failed` files.

    `already_registered` files were known to Domino, and `days_not_reached` were not checked for lack of time.
    """

    registered: int
    already_registered: int
    failed: int
    waiting: int
    days_not_reached: int


@dataclass
class Registrations:
    """The outcomes of one run's files, in order."""

    outcomes: list[Outcome] = field(default_factory=list)
    failures: list[tuple[str, Exception]] = field(default_factory=list)
    waiting: int = 0
    days_not_reached: int = 0
    unanswered: int = 0
    """The number of consecutive files without an answer from Domino."""
    ended: AutowatchError | None = None
    """An error that every other file would meet, so no further file is tried."""

    @property
    def summary(self) -> RegistrationSummary:
        """The counts."""
        return RegistrationSummary(
            registered=self.outcomes.count("registered"),
            already_registered=self.outcomes.count("already registered"),
            failed=len(self.failures),
            waiting=self.waiting,
            days_not_reached=self.days_not_reached,
        )

    @property
    def is_domino_silent(self) -> bool:
        """Whether Domino seems to be down: then one file of each further day is tried, until one gets an answer."""
        return self.unanswered >= _SILENT_AFTER

    @property
    def may_ask_on(self) -> bool:
        """Whether further requests in this run make sense."""
        return self.ended is None and not self.is_domino_silent

    def check(self) -> None:
        """Raises an error if files failed.

        Raises:
            RegistrationFailed: some files could not be registered.
            NoTimeToRegister: there were files, but none was tried.
        """
        if self.failures:
            silence = _SILENCE if self.is_domino_silent else ""
            raise RegistrationFailed(f"{_failure_message(self.failures, self.summary)}{silence}")
        if not self.outcomes and self.waiting:
            raise NoTimeToRegister(
                f"{self.waiting} file(s) wait, but there is not enough time for one. "
                "Raise the Timeout of LoadDmmFunction."
            )


@dataclass(frozen=True)
class Registration:
    """The outcome of one file, and its model in Domino."""

    model_id: str
    outcome: Outcome


class Register(Protocol):
    """Registers one file. Called from several threads at once.

    Raises:
        DominoError: a request to Domino failed.
    """

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Registers the file with Domino."""


def register_new_files(
    bucket: Bucket,
    predictions_prefix: str,
    register: Register,
    has_time: Callable[[], bool],
    now: datetime,
    calls_at_once: int = CALLS_AT_ONCE,
) -> Registrations:
    """Registers all committed predictions files and all label files that have no receipt yet.

    Goes day by day, oldest first, predictions before labels, a few files at once. A failed file does not stop the
    others, unless the credentials are rejected or Domino stops answering: see `Registrations.is_domino_silent`. When
    `has_time` returns false before a file, the rest waits for the next run. `now` is when the run began.

    A receipt is written after the registration. So a crash in between, or a second loader at the same moment, costs one
    repeated call for that file; the other order would lose files silently.
    """
    progress = read_progress(bucket)
    run = _Run(bucket, register, has_time, calls_at_once)
    predictions = FilesByDay("predictions", predictions_prefix)
    labels = FilesByDay("labels", LABEL_FRAGMENTS_PREFIX)
    left = DaysLeft(
        predictions=run.register_days(predictions, prediction_days(bucket, predictions.prefix, progress)),
        labels=run.register_days(labels, label_days(bucket, labels.prefix, progress)),
    )
    write_progress(bucket, progress, left, now)
    return run.done


@dataclass(frozen=True)
class _Run:
    """One run: its parts, and the outcomes so far."""

    bucket: Bucket
    register: Register
    has_time: Callable[[], bool]
    calls_at_once: int
    done: Registrations = field(default_factory=Registrations)

    def register_days(self, files: FilesByDay, days: list[str]) -> list[str]:
        """Registers new files of these days, and returns the days on which files still wait."""
        left: list[str] = []
        with ThreadPoolExecutor(_DAYS_LISTED_AT_ONCE) as pool:
            for start in range(0, len(days), _DAYS_LISTED_AT_ONCE):
                batch = days[start : start + _DAYS_LISTED_AT_ONCE]
                # A run without time for any file continues until it finds one, so that it can report that files wait.
                if not self._goes_on() and (self.done.outcomes or self.done.waiting):
                    self.done.days_not_reached += len(batch)
                    left.extend(batch)
                    continue
                lists = pool.map(lambda day: list_new_files(self.bucket, files, day), batch)
                left.extend(
                    day for day, new in zip(batch, lists, strict=True) if not self._register_day(files, new)
                )
        return left

    def _goes_on(self) -> bool:
        return self.done.ended is None and self.has_time()

    def _register_day(self, files: FilesByDay, new: NewFiles) -> bool:
        """Registers these files of one day, and returns whether all are registered."""
        count = len(new.keys) + len(new.gone)
        if not count or not self._goes_on():
            self.done.waiting += count
            return not count
        datasets, unusable = read_datasets(self.bucket, files, new)
        for key, error in unusable:
            self._note_failure(key, error)
        before = len(self.done.outcomes)
        for dataset, registration in self._register_all(datasets):
            self._note(dataset, registration)
        waiting = count - (len(self.done.outcomes) - before)
        self.done.waiting += waiting
        return waiting == 0

    def _register_all(self, datasets: list[Dataset]) -> Iterator[tuple[Dataset, Future[Outcome]]]:
        """Registers the files in order, a few at once, and yields each as it completes."""
        waiting, running = deque(datasets), dict[Future[Outcome], Dataset]()
        with ThreadPoolExecutor(self.calls_at_once) as pool:
            while True:
                while waiting and len(running) < self.calls_at_once and self._goes_on():
                    if self.done.is_domino_silent and len(waiting) < len(datasets):
                        break
                    dataset = waiting.popleft()
                    running[pool.submit(self._register_one, dataset)] = dataset
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future

    def _register_one(self, dataset: Dataset) -> Outcome:
        registration = self.register(dataset)
        receipt = {
            "key": dataset.key,
            "kind": dataset.kind,
            "model_id": registration.model_id,
            "outcome": registration.outcome,
            "registered": to_text(datetime.now(UTC)),
        }
        try:
            self.bucket.write_json_if_absent(receipt_key(dataset.key), receipt)
        except ObjectChanged:
            _LOGGER.info("Another loader registered the same file", extra={"key": dataset.key})
        return registration.outcome

    def _note(self, dataset: Dataset, registration: Future[Outcome]) -> None:
        try:
            outcome = registration.result()
        except DominoTimeUp as error:
            self.done.ended = error
        except (DominoCredentialsRefused, DominoTokenUnusable) as error:
            self.done.ended = error
            self._note_failure(dataset.key, error)
        except DominoUnavailable as error:
            self.done.unanswered += 1
            self._note_failure(dataset.key, error)
        except (AutowatchError, ClientError, BotoCoreError) as error:
            if isinstance(error, DominoError):
                self.done.unanswered = 0
            self._note_failure(dataset.key, error)
        else:
            self.done.unanswered = 0
            self.done.outcomes.append(outcome)
            _LOGGER.info("File %s", outcome, extra={"key": dataset.key})

    def _note_failure(self, key: str, error: Exception) -> None:
        self.done.failures.append((key, error))
        _LOGGER.error(
            "File not registered", extra={"key": key, "error": type(error).__name__, "reason": str(error)}
        )


_SILENCE = (
    f" Domino gave no answer to {_SILENT_AFTER} files in a row; then only one file of each day was tried, and the "
    "others wait."
)


def _failure_message(failures: list[tuple[str, Exception]], summary: RegistrationSummary) -> str:
    named = ", ".join(key for key, _ in failures[:_FILES_NAMED_IN_MESSAGE])
    more = len(failures) - _FILES_NAMED_IN_MESSAGE
    not_reached = f" {summary.days_not_reached} day(s) were not checked." if summary.days_not_reached else ""
    return (
        f"{summary.failed} file(s) could not be registered: {named}"
        f"{f' and {more} more' if more > 0 else ''}. {summary.waiting} file(s) wait for the next run.{not_reached} "
        f"The first reason: {failures[0][1]}"
    )


@dataclass(frozen=True)
class V0Register:
    """Registers all files with the single model named by DmmModelId."""

    connection: DominoConnection
    model_id: str
    bucket: str
    region: str

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Registers the file with Domino."""
        location = domino_v0.data_location(self.bucket, self.region, dataset.key)
        outcome = domino_v0.register_dataset(self.connection, self.model_id, dataset.kind, location)
        return Registration(self.model_id, outcome)


class V2Register:
    """Registers each file with the model of its run, which is registered first if necessary.

    The first file of a kind carries the model's variables and goes alone: other files of the run wait for it.
    """

    def __init__(self, registry: ModelRegistry) -> None:
        self._registry = registry
        self._lock = Lock()
        self._locks: dict[str, Lock] = defaultdict(Lock)
        self._records: dict[str, ModelRecord] = {}
        self._refusals: dict[str, AutowatchError] = {}

    def __call__(self, dataset: Dataset, /) -> Registration:
        """Registers the file with Domino."""
        with self._lock:
            alone = self._locks[dataset.run]
        with alone:
            record = self._record(dataset.run)
            if dataset.kind not in record.configured:
                return Registration(record.model_id, self._register_first(record, dataset))
        return Registration(record.model_id, self._register(record, dataset))

    def _record(self, run: str) -> ModelRecord:
        # If the model is unavailable for one file, it is for all, and each would wait for the attempts of the one
        # before. The error is kept, so that Domino is not asked a thousand times; the next run asks again.
        if run in self._refusals:
            raise self._refusals[run]
        if run not in self._records:
            try:
                self._records[run] = ensure_model(self._registry, run)
            except (DominoRefused, DominoUnavailable, ObjectMissing, RunUnusable, TrainingDataGone) as error:
                self._refusals[run] = error
                raise
        return self._records[run]

    def _register_first(self, record: ModelRecord, dataset: Dataset) -> Outcome:
        bucket = self._registry.bucket
        variables = first_variables(read_run_contract(bucket, record.run), dataset.kind)
        try:
            outcome = self._register(record, dataset, variables)
        except VariablesConfigured:
            # An earlier loader was killed between the call and the record.
            outcome = self._register(record, dataset)
        self._records[record.run] = note_configured(bucket, record, dataset.kind)
        return outcome

    def _register(
        self, record: ModelRecord, dataset: Dataset, variables: list[dict[str, object]] | None = None
    ) -> Outcome:
        details = dataset_details(dataset.name, dataset.key, self._registry.datasource)
        return domino_v2.register_dataset(
            self._registry.connection, record.model_id, dataset.kind, details, variables or []
        )
