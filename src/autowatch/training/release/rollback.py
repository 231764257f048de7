"""Begins a run that releases an earlier run's model again, or the champion's with other settings."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.audit import ASKED_FIELDS, NOBODY, Asked, is_asked, record_start
from autowatch.records.contract import Contract, read_contract
from autowatch.records.decision import read_decision
from autowatch.records.keys import baseline_key, contract_key
from autowatch.records.run import RUN_NAME, Run
from autowatch.records.smoke import read_smoke_test
from autowatch.training.serving.model_record import check_artefacts, read_model_record
from autowatch.training.start import begin_run

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient


class PromotionRefused(AutowatchError):
    """The run's model cannot be released again; the message says why."""


class NeverPassed(PromotionRefused):
    """The run never passed its gate."""


class ArtefactsGone(PromotionRefused):
    """An object that the model needs was deleted."""


class InvalidPromotion(AutowatchError):
    """The execution's input is not a valid request for a promotion."""


def promoted_run(document: Any) -> str:
    """The run named in an execution's input `{"promote": "<run>"}`.

    Raises:
        InvalidPromotion: the input has another form.
    """
    if not (
        isinstance(document, dict)
        and {"promote"} <= document.keys() <= {"promote"} | ASKED_FIELDS
        and is_asked(document)
        and isinstance(document["promote"], str)
        and RUN_NAME.fullmatch(document["promote"])
    ):
        raise InvalidPromotion(
            'Release an earlier model with the input {"promote": "<run>"} and optional texts "by" and "reason". A '
            "run's name is that of its folder under models/, such as 20261123-071500-d822."
        )
    return str(document["promote"])


def begin_promotion(
    bucket: Bucket,
    stepfunctions: "SFNClient",
    promotes: str,
    *,
    run: str,
    execution: str,
    started: str,
    asked: Asked = NOBODY,
    audit_lock_days: int = 0,
) -> Run:
    """Begins `run`, which releases the model of the earlier run `promotes` without training or gate.

    That may be the champion, which is then served with the stack's current parameters.

    Raises:
        NeverPassed, ArtefactsGone, ArtefactChanged: the model cannot be released again.
        RunInProgress: another run has not ended yet.
    """
    _check_gate(bucket, promotes)
    contract = _check_artefacts(bucket, promotes)
    begun = Run(
        run,
        execution,
        "running",
        "promote",
        contract.training,
        started,
        promotes=promotes,
        started_by=asked.by or None,
        start_reason=asked.reason or None,
    )
    begin_run(bucket, stepfunctions, begun, timedelta())
    record_start(bucket, begun, audit_lock_days)
    return begun


def _check_gate(bucket: Bucket, run: str) -> None:
    try:
        decision = read_decision(bucket, run)
    except ObjectMissing as error:
        raise NeverPassed(
            f"Run {run} does not exist or never reached its gate. Name a run that released a model."
        ) from error
    if not decision.passed:
        raise NeverPassed(f"Run {run} did not pass its gate: {decision.reason} Name a run that passed.")


def _check_artefacts(bucket: Bucket, run: str) -> Contract:
    try:
        read_smoke_test(bucket, run)
        bucket.read_json(baseline_key(run))
        contract = read_contract(bucket, contract_key(run))
        containers = read_model_record(bucket, run).containers
    except ObjectMissing as error:
        raise ArtefactsGone(
            f"{error} Without it run {run} cannot be released again; the parameter KeepModels says how many models are "
            "kept. Train a new model."
        ) from error
    for url in (container["ModelDataUrl"] for container in containers if "ModelDataUrl" in container):
        place, _, key = url.removeprefix("s3://").partition("/")
        if not Bucket(bucket.client, place).exists(key):
            raise ArtefactsGone(
                f"{url} no longer exists; the parameter KeepModels says how many models are kept. "
                "Train a new model, or restore the object's earlier version and start again."
            )
    check_artefacts(bucket, run)
    return contract
