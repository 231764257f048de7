"""The start of a training run: reads the execution's input, and takes the lock if the run may begin."""

from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing, ObjectVersion
from autowatch.errors import AutowatchError
from autowatch.records.audit import ASKED_FIELDS, NOBODY, Asked, is_asked, read_asked, record_start
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.contract import read_contract
from autowatch.records.keys import LATEST_KEY, contract_key
from autowatch.records.run import Run, Trigger, read_latest, run_name
from autowatch.records.timestamps import from_text, to_text

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

_LONGEST_CLEAN_UP = timedelta(hours=2)


class InvalidInput(AutowatchError):
    """The execution's input is not a valid request."""


@dataclass(frozen=True)
class TrainingRequest:
    """The request in an execution's input.

    Attributes:
        training_key: the data to train on; None follows the parameters.
        trigger: what starts the run.
        new_labels: whether labels that the champion does not know are intended.
        asked: who asks and why.
    """

    training_key: str | None
    trigger: Trigger
    new_labels: bool = False
    asked: Asked = NOBODY


def read_request(document: Any) -> TrainingRequest:
    """The request in an execution's input.

    Raises:
        InvalidInput: the input has another form.
    """
    if not (
        isinstance(document, dict)
        and document.keys() <= {"training_key", "trigger", "new_labels"} | ASKED_FIELDS
        and is_asked(document)
        and isinstance(document.get("training_key", ""), str)
        and document.get("trigger", "manual") in ("manual", "drift")
        and document.get("new_labels", False) in (False, document.get("trigger", "manual") == "manual")
    ):
        raise InvalidInput(
            'Start a run with the input {}, {"training_key": "training/FILE.csv"} or '
            '{"training_key": "training/FOLDER/"}. Optional fields: "new_labels": true, only by hand, if labels other '
            'than the champion\'s are intended; "by" and "reason", texts that say who starts the run and why.'
        )
    return TrainingRequest(
        document.get("training_key"),
        document.get("trigger", "manual"),
        document.get("new_labels", False),
        read_asked(document),
    )


def begin_training(
    bucket: Bucket,
    stepfunctions: "SFNClient",
    trigger: Trigger,
    training: ObjectVersion,
    *,
    execution: str,
    started: datetime,
    cooldown: timedelta,
    asked: Asked = NOBODY,
    audit_lock_days: int = 0,
) -> str:
    """Takes the lock for a run on `training` and returns the run's name; idempotent for the same execution.

    Raises:
        NothingNew: drift asks for the run, but there are no newer data than those of the champion or the last run.
        RunInProgress, StillEnding, CoolingDown: see `begin_run`.
    """
    run = Run(
        run=run_name(execution, started),
        execution=execution,
        status="running",
        trigger=trigger,
        training=training,
        started=to_text(started),
        started_by=asked.by or None,
        start_reason=asked.reason or None,
    )
    if trigger == "drift":
        check_news(training, *_champions_training(bucket), _latest_run(bucket))
    begin_run(bucket, stepfunctions, run, cooldown)
    record_start(bucket, run, audit_lock_days)
    return run.run


def _champions_training(bucket: Bucket) -> tuple[ObjectVersion | None, ObjectVersion | None]:
    """The training data of the champion and of its predecessor."""
    try:
        champion = read_champion(bucket)
    except NoChampion:
        return None, None
    previous = None
    if champion.previous_run:
        with suppress(ObjectMissing):
            previous = read_contract(bucket, contract_key(champion.previous_run)).training
    return read_contract(bucket, champion.contract_key).training, previous


def _latest_run(bucket: Bucket) -> Run | None:
    try:
        return read_latest(bucket)
    except ObjectMissing:
        return None


class RunInProgress(AutowatchError):
    """Another training run has not ended yet."""


class StillEnding(AutowatchError):
    """The last run was stopped or killed, and is still being cleaned up, which takes a few minutes."""


class CoolingDown(AutowatchError):
    """Drift asked for a run too soon after its last one."""


class NothingNew(AutowatchError):
    """Drift asked for a run, but the newest training data have been trained on already."""


def begin_run(bucket: Bucket, stepfunctions: "SFNClient", run: Run, cooldown: timedelta) -> None:
    """Takes the lock by writing `run` as the latest run; idempotent for the same run.

    Raises:
        RunInProgress: another run holds the lock, or took it at the same moment.
        StillEnding: the last run was ended from outside, and is still being cleaned up.
        CoolingDown: drift asked for this run within `cooldown` of its last one.
    """
    try:
        latest, etag = bucket.read_as_with_etag(LATEST_KEY, Run)
    except ObjectMissing:
        etag, last_drift_start = None, None
    else:
        if latest.run == run.run:
            return
        if latest.status in ("running", "ending"):
            _check_ended(stepfunctions, latest, from_text(run.started))
        last_drift_start = latest.last_drift_start
    if run.trigger == "drift":
        _check_cooldown(last_drift_start, from_text(run.started), cooldown)
        last_drift_start = run.started
    document = replace(run, last_drift_start=last_drift_start)
    try:
        if etag is None:
            bucket.write_json_if_absent(LATEST_KEY, document)
        else:
            bucket.replace_json(LATEST_KEY, document, etag)
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
    """Checks that drift does not train again on data that have been tried.

    Args:
        training: the file to train on.
        champions: the file of the champion; None if there is no champion.
        previous: the file of the champion's predecessor; None if there was none. After a rollback from the predecessor
            to an earlier model, drift must not release it again.
        latest: the newest run; None if there has been none.

    Raises:
        NothingNew: the champion or its predecessor was trained on the file, or the newest run failed or was rejected on
            it.
    """
    if champions and _is_same(training, champions):
        what = "is the file that the champion was trained on"
    elif previous and _is_same(training, previous):
        what = "is the file that the model before the champion was trained on"
    elif latest and latest.status in _IN_VAIN and _is_same(training, latest.training):
        what = f"was trained on by run {latest.run}, {_IN_VAIN[latest.status]}"
    else:
        return
    raise NothingNew(f"{training.key} {what}. Upload newer labelled rows under training/ to retrain.")


_IN_VAIN = {
    "rejected": "whose model was rejected",
    "failed": "which failed. Fix the cause and start a run by hand: drift does not repeat it at full cost",
}
"""The outcomes that drift does not repeat on the same rows, by the run's status."""


def _is_same(one: ObjectVersion, other: ObjectVersion) -> bool:
    return (one.key, one.etag) == (other.key, other.etag)


def _check_ended(stepfunctions: "SFNClient", latest: Run, now: datetime) -> None:
    """Lets a run begin if the last run's execution ended long ago, since then nothing will release the lock."""
    try:
        answer = stepfunctions.describe_execution(executionArn=latest.execution)
    except stepfunctions.exceptions.ExecutionDoesNotExist:
        return
    if answer["status"] == "RUNNING":
        raise RunInProgress(
            f"Run {latest.run}, started {latest.started}, has not ended yet. Start again after that."
        )
    if now - answer["stopDate"] < _LONGEST_CLEAN_UP:
        raise StillEnding(
            f"Run {latest.run} was ended from outside, and is still being cleaned up. Start again in a few "
            "minutes."
        )


def _check_cooldown(last_drift_start: str | None, now: datetime, cooldown: timedelta) -> None:
    if last_drift_start is None:
        return
    until = from_text(last_drift_start) + cooldown
    if now < until:
        raise CoolingDown(
            f"Drift last started a run at {last_drift_start}; the next one may start from {to_text(until)}. "
            "Runs started by hand need not wait."
        )
