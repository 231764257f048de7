"""State Prepare: begins a training run and makes its bucket ready."""

import os
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

from autowatch.aws.objects import Bucket
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.timestamps import from_text
from autowatch.settings import network_from_env, whole_number
from autowatch.training.data.files import find_training_files
from autowatch.training.data.prepare import Preparation, prepare_training_data
from autowatch.training.data.split import HoldoutBy
from autowatch.training.serving.deployment import check_network, check_serving
from autowatch.training.start import CoolingDown, NothingNew, RunInProgress, begin_training, read_request
from train.clients import client, data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the decision to train, or to skip and why."""
    request, bucket = read_request(event["input"]), data_bucket()
    check_network(os.environ["INSTANCE_TYPE"], network_from_env(os.environ))
    check_serving(
        client("sagemaker"),
        os.environ["ENDPOINT_NAME"],
        os.environ["INSTANCE_TYPE"],
        os.environ["AUTOPILOT_MODE"],
    )
    training = find_training_files(bucket, request.training_key or os.environ["TRAINING_KEY"] or None)
    try:
        run = begin_training(
            bucket,
            client("stepfunctions"),
            request.trigger,
            training.identity,
            execution=event["execution"],
            started=from_text(event["started"]),
            cooldown=timedelta(hours=float(os.environ["RETRAIN_COOLDOWN_HOURS"])),
        )
    except (CoolingDown, NothingNew, RunInProgress) as refusal:
        if request.trigger != "drift":
            raise
        return {"decision": "skip", "reason": str(refusal)}
    preparation = replace(_preparation(), new_labels=request.new_labels)
    contract = prepare_training_data(bucket, run, training, preparation, _champions_contract(bucket))
    return {"decision": "train", "run": run, "rows": contract.rows}


def _champions_contract(bucket: Bucket) -> Contract | None:
    try:
        return read_contract(bucket, read_champion(bucket).contract_key)
    except NoChampion:
        return None


def _preparation() -> Preparation:
    return Preparation(
        target=os.environ["TARGET_COLUMN"],
        positive_label=os.environ["POSITIVE_LABEL"],
        dropped_columns=tuple(name.strip() for name in os.environ["DROP_COLUMNS"].split(",") if name.strip()),
        holdout_percent=whole_number(os.environ, "HOLDOUT_PERCENT"),
        holdout_by=cast(HoldoutBy, os.environ["HOLDOUT_BY"]),
    )
