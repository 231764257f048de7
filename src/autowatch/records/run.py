"""Training runs: their names, their records, the lock that allows one at a time, and their facts for messages."""

import hashlib
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.errors import AutowatchError
from autowatch.records.keys import LATEST_KEY, run_key
from autowatch.records.timestamps import to_text

RUN_NAME = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9a-f]{4}")

Trigger = Literal["manual", "drift", "promote"]


Status = Literal["running", "ending", "released", "rejected", "failed"]
"""A run is `ending` while it is cleaned up from outside, after its execution has ended."""


class RunEnded(AutowatchError):
    """The run was ended from outside. Nothing more may be created for it."""


@dataclass(frozen=True)
class Run:
    """What `models/latest.json` and `models/<run>/run.json` hold.

    `last_drift_start` is when drift last started a run; each record passes it on, for the cool-down. `promotes` is the
    earlier run whose model this run releases instead of training one.
    """

    run: str
    execution: str
    status: Status
    trigger: Trigger
    training: ObjectVersion
    started: str
    finished: str | None = None
    reason: str | None = None
    last_drift_start: str | None = None
    promotes: str | None = None
    started_by: str | None = None
    start_reason: str | None = None

    @property
    def model_run(self) -> str:
        """The run whose model this run releases: itself, or the earlier run."""
        return self.promotes or self.run


def run_name(execution: str, started: datetime) -> str:
    """The name of an execution's run: its start and four hexadecimal digits of the ARN's SHA-256, 20 characters.

    One execution always has the same name, so a retried state finds what it created before.
    """
    digest = hashlib.sha256(execution.encode()).hexdigest()[:4]
    return f"{started:%Y%m%d-%H%M%S}-{digest}"


def read_latest(bucket: Bucket) -> Run:
    """The newest run.

    Raises:
        ObjectMissing: there has been no run.
    """
    return bucket.read_as(LATEST_KEY, Run)


def check_running(bucket: Bucket, run: str) -> None:
    """Checks that `run` goes on, right before something is created for it or for the earlier run that it promotes.

    Stopping an execution does not stop the function that its state has invoked.

    Raises:
        RunEnded: it has ended."""
    latest = read_latest(bucket)
    if run not in (latest.run, latest.promotes) or latest.status != "running":
        raise RunEnded(f"Run {run} has been ended. Nothing more is created for it.")


def begin_ending(bucket: Bucket, run: Run) -> Run:
    """Records that `run` is being cleaned up, so that no state creates anything more for it.

    Raises:
        ObjectChanged: the record has changed since it was read.
    """
    ending = replace(run, status="ending")
    latest, etag = bucket.read_as_with_etag(LATEST_KEY, Run)
    if latest.run == run.run:
        bucket.replace_json(LATEST_KEY, ending, etag)
    return ending


def end_run(bucket: Bucket, run: Run, status: Status, reason: str, now: datetime) -> Run:
    """Records how `run` ended, and releases the lock if the run still holds it. Idempotent."""
    ended = replace(run, status=status, reason=reason, finished=to_text(now))
    bucket.write_json(run_key(run.run), ended)
    latest, etag = bucket.read_as_with_etag(LATEST_KEY, Run)
    if latest.run == run.run:
        bucket.replace_json(LATEST_KEY, ended, etag)
    return ended


def run_facts(run: Run) -> list[str]:
    """One line each: the run's input, when and why it ran, and its execution."""
    return [
        f"Training file: {run.training.key} ({run.training.size:,} bytes)",
        *([f"Model: that of run {run.promotes}, released again"] if run.promotes else []),
        f"Started: {run.started} ({run.trigger}{f', {run.started_by}' if run.started_by else ''})",
        *([f"Why: {run.start_reason}"] if run.start_reason else []),
        f"Ended: {run.finished}",
        f"Execution: {run.execution}",
    ]
