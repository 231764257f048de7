"""Training runs: their names, the record of how each went, and the lock that keeps two apart."""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from autowatch.errors import AutowatchError
from autowatch.objects import (
    ObjectChanged,
    ObjectMissing,
    ObjectVersion,
    read_json,
    read_json_with_etag,
    replace_json,
    write_json,
    write_json_if_absent,
)
from autowatch.timestamps import from_text, to_text

LATEST_KEY = "models/latest.json"

Trigger = Literal["manual", "drift", "promote"]
Status = Literal["running", "released", "rejected", "failed"]


class RunInProgress(AutowatchError):
    """Another training run has not ended yet."""


class CoolingDown(AutowatchError):
    """Drift asked for a run too soon after the one before."""


class NothingNew(AutowatchError):
    """Drift asked for a run, but the newest training file is the one that the champion was trained on."""


@dataclass(frozen=True)
class Run:
    """What `models/latest.json` and `models/<run>/run.json` hold.

    `last_drift_start` is when drift last started a run, carried from record to record for the cool-down. `promotes` is
    the earlier run whose model this one releases, instead of training one.
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

    @property
    def model_run(self) -> str:
        """The run whose model this one puts in force: its own, or the earlier one's."""
        return self.promotes or self.run

    def to_json(self) -> dict[str, Any]:
        """The document for `latest.json` and `run.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Run":
        """The inverse of `to_json`."""
        fields = {name: document[name] for name in cls.__dataclass_fields__ if name in document}
        return cls(**{**fields, "training": ObjectVersion.from_json(document["training"])})


def run_name(execution: str, started: datetime) -> str:
    """The name of the run that an execution makes: its start and four digits of its ARN's SHA-256, 20 characters.

    The same execution always gets the same name, so a state that is tried again finds what it made before.
    """
    digest = hashlib.sha256(execution.encode()).hexdigest()[:4]
    return f"{started:%Y%m%d-%H%M%S}-{digest}"


def contract_key(run: str) -> str:
    """Where the run's contract lies."""
    return f"models/{run}/contract.json"


def baseline_key(run: str) -> str:
    """Where the run's baseline lies."""
    return f"models/{run}/baseline.json"


def train_key(run: str) -> str:
    """Where the rows to train on lie."""
    return f"models/{run}/train.csv"


def holdout_key(run: str) -> str:
    """Where the rows kept for the gate lie."""
    return f"models/{run}/holdout.csv"


def run_key(run: str) -> str:
    """Where the record of how the run went lies."""
    return f"models/{run}/run.json"


def begin_run(s3: Any, stepfunctions: Any, bucket: str, run: Run, cooldown: timedelta) -> None:
    """Takes the lock for `run` by writing it as the latest one. The run that holds it already may take it again.

    Raises:
        RunInProgress: another run holds it, or took it at the same moment.
        CoolingDown: drift asked for this run within `cooldown` of the last one it asked for.
    """
    try:
        document, etag = read_json_with_etag(s3, bucket, LATEST_KEY)
    except ObjectMissing:
        etag, last_drift_start = None, None
    else:
        latest = Run.from_json(document)
        if latest.run == run.run:
            return
        if latest.status == "running" and _is_running(stepfunctions, latest.execution):
            raise RunInProgress(
                f"Run {latest.run}, started {latest.started}, has not ended yet. Start again when it has."
            )
        last_drift_start = latest.last_drift_start
    if run.trigger == "drift":
        _check_cooldown(last_drift_start, from_text(run.started), cooldown)
        last_drift_start = run.started
    document = replace(run, last_drift_start=last_drift_start).to_json()
    try:
        if etag is None:
            write_json_if_absent(s3, bucket, LATEST_KEY, document)
        else:
            replace_json(s3, bucket, LATEST_KEY, document, etag)
    except ObjectChanged as error:
        raise RunInProgress(
            "Another run started at the same moment. Start again when it has ended."
        ) from error


def check_news(
    training: ObjectVersion,
    champions: ObjectVersion | None,
    previous: ObjectVersion | None,
    latest: Run | None,
) -> None:
    """Checks that the training file may lead to a better model than the champion, as far as is known.

    Args:
        training: the file to train on.
        champions: the file that the champion was trained on; None if there is no champion.
        previous: the file that the champion before it was trained on; None if there was none. Where somebody went back
            from that one to an earlier model, drift must not bring it in again.
        latest: the newest run; None if there has been none.

    Raises:
        NothingNew: the champion or the one before it has seen the file, or the newest run's model of it was rejected.
    """
    if champions and _is_same(training, champions):
        what = "is the file that the champion was trained on"
    elif previous and _is_same(training, previous):
        what = "is the file that the model before the champion was trained on"
    elif latest and latest.status == "rejected" and _is_same(training, latest.training):
        what = f"was trained on by run {latest.run}, whose model was rejected"
    else:
        return
    raise NothingNew(f"{training.key} {what}. Upload newer labelled rows under training/ to retrain.")


def read_latest(s3: Any, bucket: str) -> Run:
    """The newest run.

    Raises:
        ObjectMissing: there has been none.
    """
    return Run.from_json(read_json(s3, bucket, LATEST_KEY))


def end_run(s3: Any, bucket: str, run: Run, status: Status, reason: str, now: datetime) -> Run:
    """Records how `run` ended and lets go of the lock, if the run still holds it. May be done twice."""
    ended = replace(run, status=status, reason=reason, finished=to_text(now))
    write_json(s3, bucket, run_key(run.run), ended.to_json())
    document, etag = read_json_with_etag(s3, bucket, LATEST_KEY)
    if document["run"] == run.run:
        replace_json(s3, bucket, LATEST_KEY, ended.to_json(), etag)
    return ended


def _is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    return (one.key, one.etag) == (other.key, other.etag)


def _is_running(stepfunctions: Any, execution: str) -> bool:
    """Whether the execution behind a lock still runs: one that was killed could not let go of its lock."""
    try:
        answer = stepfunctions.describe_execution(executionArn=execution)
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return False
    return bool(answer["status"] == "RUNNING")


def _check_cooldown(last_drift_start: str | None, now: datetime, cooldown: timedelta) -> None:
    if last_drift_start is None:
        return
    until = from_text(last_drift_start) + cooldown
    if now < until:
        raise CoolingDown(
            f"Drift last started a run at {last_drift_start}; the next one may start from {to_text(until)}. "
            "A run started by hand need not wait."
        )
