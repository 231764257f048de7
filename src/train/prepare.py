"""State Prepare: checks the training file, splits it, writes the contract and the baseline."""

import os
from datetime import timedelta
from typing import Any

from autowatch.champion import NoChampion, read_champion
from autowatch.contract import read_contract
from autowatch.errors import AutowatchError
from autowatch.objects import ObjectVersion
from autowatch.runs import CoolingDown, NothingNew, Run, RunInProgress, begin_run, check_news, run_name
from autowatch.timestamps import from_text, to_text
from autowatch.training_data import Preparation, find_training_file, prepare_training_file
from train.clients import client

_KNOWN_INPUT = {"training_key", "trigger"}


class InvalidInput(AutowatchError):
    """The execution was started with an input that means nothing."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the decision to train, or to skip and why."""
    request = _request(event["input"])
    s3, bucket, started = client("s3"), os.environ["S3_BUCKET"], from_text(event["started"])
    training = find_training_file(s3, bucket, request.get("training_key"))
    run = Run(
        run=run_name(event["execution"], started),
        execution=event["execution"],
        status="running",
        trigger=request.get("trigger", "manual"),
        training=training,
        started=to_text(started),
    )
    if run.trigger == "drift":
        try:
            _begin(s3, bucket, run)
        except (CoolingDown, NothingNew, RunInProgress) as refusal:
            return {"decision": "skip", "reason": str(refusal)}
    else:
        _begin(s3, bucket, run)
    contract = prepare_training_file(s3, bucket, run.run, training, _preparation())
    return {
        "decision": "train",
        "run": run.run,
        "rows": contract.rows,
        "poll_seconds": int(os.environ["POLL_SECONDS"]),
    }


def _request(document: dict[str, Any]) -> dict[str, Any]:
    unknown = sorted(document.keys() - _KNOWN_INPUT)
    if unknown or document.get("trigger", "manual") not in ("manual", "drift"):
        raise InvalidInput(
            'Start a run with {} or {"training_key": "training/FILE.csv"}; '
            f"this input has {', '.join(unknown) if unknown else 'an unknown trigger'}."
        )
    return document


def _begin(s3: Any, bucket: str, run: Run) -> None:
    if run.trigger == "drift":
        check_news(run.training, _champions_training(s3, bucket))
    cooldown = timedelta(hours=float(os.environ["RETRAIN_COOLDOWN_HOURS"]))
    begin_run(s3, client("stepfunctions"), bucket, run, cooldown)


def _champions_training(s3: Any, bucket: str) -> ObjectVersion | None:
    try:
        return read_contract(s3, bucket, read_champion(s3, bucket).contract_key).training
    except NoChampion:
        return None


def _preparation() -> Preparation:
    return Preparation(
        target=os.environ["TARGET_COLUMN"],
        positive_label=os.environ["POSITIVE_LABEL"],
        dropped_columns=tuple(name.strip() for name in os.environ["DROP_COLUMNS"].split(",") if name.strip()),
        holdout_percent=int(os.environ["HOLDOUT_PERCENT"]),
    )
