"""State Prepare: checks the training file, splits it, writes the contract and the baseline."""

import os
from datetime import timedelta
from typing import Any, cast

from autowatch.champion import NoChampion, read_champion
from autowatch.contract import read_contract
from autowatch.errors import AutowatchError
from autowatch.holdout import HoldoutBy
from autowatch.objects import ObjectMissing, ObjectVersion
from autowatch.runs import (
    CoolingDown,
    NothingNew,
    Run,
    RunInProgress,
    begin_run,
    check_news,
    read_latest,
    run_name,
)
from autowatch.serving_check import check_serving
from autowatch.settings import whole_number
from autowatch.timestamps import from_text, to_text
from autowatch.training_data import Preparation, prepare_training_data
from autowatch.training_files import find_training_files
from train.clients import client


class InvalidInput(AutowatchError):
    """The execution was started with an input that means nothing."""


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the decision to train, or to skip and why."""
    request = _request(event["input"])
    s3, bucket, started = client("s3"), os.environ["S3_BUCKET"], from_text(event["started"])
    check_serving(
        client("sagemaker"),
        os.environ["ENDPOINT_NAME"],
        os.environ["INSTANCE_TYPE"],
        os.environ["AUTOPILOT_MODE"],
    )
    key = request.get("training_key") or os.environ["TRAINING_KEY"]
    training = find_training_files(s3, bucket, key or None)
    run = Run(
        run=run_name(event["execution"], started),
        execution=event["execution"],
        status="running",
        trigger=request.get("trigger", "manual"),
        training=training.identity,
        started=to_text(started),
    )
    if run.trigger == "drift":
        try:
            _begin(s3, bucket, run)
        except (CoolingDown, NothingNew, RunInProgress) as refusal:
            return {"decision": "skip", "reason": str(refusal)}
    else:
        _begin(s3, bucket, run)
    contract = prepare_training_data(s3, bucket, run.run, training, _preparation())
    return {
        "decision": "train",
        "run": run.run,
        "rows": contract.rows,
    }


def _request(document: Any) -> dict[str, Any]:
    if not (
        isinstance(document, dict)
        and document.keys() <= {"training_key", "trigger"}
        and isinstance(document.get("training_key", ""), str)
        and document.get("trigger", "manual") in ("manual", "drift")
    ):
        raise InvalidInput(
            'Start a run with the input {} or {"training_key": "training/FILE.csv"}, nothing else.'
        )
    return document


def _begin(s3: Any, bucket: str, run: Run) -> None:
    if run.trigger == "drift":
        check_news(run.training, _champions_training(s3, bucket), _latest_run(s3, bucket))
    cooldown = timedelta(hours=float(os.environ["RETRAIN_COOLDOWN_HOURS"]))
    begin_run(s3, client("stepfunctions"), bucket, run, cooldown)


def _champions_training(s3: Any, bucket: str) -> ObjectVersion | None:
    try:
        return read_contract(s3, bucket, read_champion(s3, bucket).contract_key).training
    except NoChampion:
        return None


def _latest_run(s3: Any, bucket: str) -> Run | None:
    try:
        return read_latest(s3, bucket)
    except ObjectMissing:
        return None


def _preparation() -> Preparation:
    return Preparation(
        target=os.environ["TARGET_COLUMN"],
        positive_label=os.environ["POSITIVE_LABEL"],
        dropped_columns=tuple(name.strip() for name in os.environ["DROP_COLUMNS"].split(",") if name.strip()),
        holdout_percent=whole_number(os.environ, "HOLDOUT_PERCENT"),
        holdout_by=cast(HoldoutBy, os.environ["HOLDOUT_BY"]),
    )
