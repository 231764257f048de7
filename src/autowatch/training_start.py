"""The start of a training run: what its execution's input asks for, and whether it may begin."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from autowatch.champion import NoChampion, read_champion
from autowatch.contract import read_contract
from autowatch.errors import AutowatchError
from autowatch.objects import ObjectMissing, ObjectVersion
from autowatch.runs import Run, Trigger, begin_run, check_news, contract_key, read_latest, run_name
from autowatch.timestamps import to_text


class InvalidInput(AutowatchError):
    """The execution was started with an input that means nothing."""


@dataclass(frozen=True)
class TrainingRequest:
    """What an execution's input asks for: data (None: whatever the parameters say), and who asks."""

    training_key: str | None
    trigger: Trigger


def read_request(document: Any) -> TrainingRequest:
    """The request that an execution's input holds.

    Raises:
        InvalidInput: it holds something else.
    """
    if not (
        isinstance(document, dict)
        and document.keys() <= {"training_key", "trigger"}
        and isinstance(document.get("training_key", ""), str)
        and document.get("trigger", "manual") in ("manual", "drift")
    ):
        raise InvalidInput(
            'Start a run with the input {}, {"training_key": "training/FILE.csv"} or '
            '{"training_key": "training/FOLDER/"}, nothing else.'
        )
    return TrainingRequest(document.get("training_key"), document.get("trigger", "manual"))


def begin_training(
    s3: Any,
    stepfunctions: Any,
    bucket: str,
    trigger: Trigger,
    training: ObjectVersion,
    *,
    execution: str,
    started: datetime,
    cooldown: timedelta,
) -> str:
    """Takes the lock for a run on `training` and returns the run's name; an execution that has it may take it again.

    Raises:
        NothingNew: drift asks for the run, but has nothing newer than the champion or the last rejected model to learn.
        RunInProgress, CoolingDown: as `begin_run` does.
    """
    run = Run(
        run=run_name(execution, started),
        execution=execution,
        status="running",
        trigger=trigger,
        training=training,
        started=to_text(started),
    )
    if trigger == "drift":
        check_news(training, *_champions_training(s3, bucket), _latest_run(s3, bucket))
    begin_run(s3, stepfunctions, bucket, run, cooldown)
    return run.run


def _champions_training(s3: Any, bucket: str) -> tuple[ObjectVersion | None, ObjectVersion | None]:
    """What the champion was trained on, and what the one before it was."""
    try:
        champion = read_champion(s3, bucket)
    except NoChampion:
        return None, None
    previous = None
    if champion.previous_run:
        with suppress(ObjectMissing):
            previous = read_contract(s3, bucket, contract_key(champion.previous_run)).training
    return read_contract(s3, bucket, champion.contract_key).training, previous


def _latest_run(s3: Any, bucket: str) -> Run | None:
    try:
        return read_latest(s3, bucket)
    except ObjectMissing:
        return None
