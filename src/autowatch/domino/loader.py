"""One daily run of the Domino loader: registers every new file, then reads Domino's checks.

The checks (v2 only) are the last drift checks and the ingestion status of the model in force.
"""

import logging
import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

from autowatch.aws.metrics import emit
from autowatch.aws.objects import Bucket
from autowatch.domino.connection import DominoAnswerUnusable, DominoConnection
from autowatch.domino.models import ModelRegistry, publish_model_id, read_model_record
from autowatch.domino.registration import (
    Register,
    RegistrationSummary,
    V0Register,
    V2Register,
    register_new_files,
)
from autowatch.domino.settings import DominoSettings
from autowatch.domino.v2 import MonitoredModel, list_models
from autowatch.errors import AutowatchError
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.keys import DOMINO_CHECKS_KEY, domino_model_key
from autowatch.records.timestamps import from_text, to_text

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

ReadBack = Literal["read", "failed", "nothing to read"]


_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoaderSettings:
    """The loader's settings."""

    region: str
    predictions_prefix: str
    model_parameter: str
    metrics_namespace: str
    stack: str


def load_new_files(
    bucket: Bucket,
    ssm: "SSMClient",
    domino: DominoSettings,
    connection: DominoConnection,
    settings: LoaderSettings,
    now: datetime,
) -> dict[str, Any]:
    """Registers new files; returns the counts, and whether Domino's own checks were read.

    Raises:
        RegistrationFailed: some files were not registered; raised after everything else is done.
        NoTimeToRegister: there were files, but not enough time for one.
    """
    registry = ModelRegistry(bucket, connection, settings.stack, domino.datasource)
    registrations = register_new_files(
        bucket,
        settings.predictions_prefix,
        _register(domino, registry, settings.region),
        lambda: connection.seconds_left() >= connection.attempt_seconds,
        now,
    )
    _emit(settings, registrations.summary)
    checks: ReadBack = "nothing to read"
    if domino.api == "v2" and registrations.may_ask_on:
        checks = _read_back(bucket, ssm, registry, settings.model_parameter, now)
    registrations.check()
    return {**asdict(registrations.summary), "checks": checks}


def _register(domino: DominoSettings, registry: ModelRegistry, region: str) -> Register:
    if domino.api == "v2":
        return V2Register(registry)
    return V0Register(registry.connection, domino.model_id, registry.bucket.name, region)


def _read_back(
    bucket: Bucket, ssm: "SSMClient", registry: ModelRegistry, parameter: str, now: datetime
) -> ReadBack:
    """Domino's checks are useful, but a failure to read them must not fail a run that has registered everything."""
    try:
        run = read_champion(bucket).run
    except NoChampion:
        return "nothing to read"
    try:
        record = read_model_record(bucket, run)
        if record is None:
            return "nothing to read"
        publish_model_id(ssm, parameter, record.model_id)
        read_back_checks(bucket, registry.connection, run, record.model_id, now)
    except AutowatchError as error:
        _LOGGER.warning(
            "Domino's checks could not be read", extra={"error": type(error).__name__, "reason": str(error)}
        )
        return "failed"
    return "read"


def _emit(settings: LoaderSettings, summary: RegistrationSummary) -> None:
    emit(
        settings.metrics_namespace,
        {
            "DominoRegistered": summary.registered + summary.already_registered,
            "DominoWaiting": summary.waiting,
            "DominoDaysNotReached": summary.days_not_reached,
        },
        {"Stack": settings.stack},
    )


_LAST_CHECKS = 7


_MOST_COLUMNS = 1000


_LONGEST_NAME = 200


_MILLISECONDS_FROM = 1e11
"""A number above this counts milliseconds: seconds reach it in the year 5138."""


def read_back_checks(
    bucket: Bucket, connection: DominoConnection, run: str, model_id: str, now: datetime
) -> None:
    """Writes Domino's checks of the model to `monitoring/domino/checks.json`.

    Raises:
        DominoError: the request failed.
        DominoAnswerUnusable: Domino does not list the model, or the answer has another form.
    """
    model = next((item for item in list_models(connection, _LAST_CHECKS) if item.id == model_id), None)
    if model is None:
        raise DominoAnswerUnusable(
            f"Domino does not list the model {model_id} of run {run}. If it was deleted there, delete "
            f"{domino_model_key(run)}, and the next run registers it again."
        )
    checks = [_check(item) for item in _drift_checks(model)]
    document = {
        "read": to_text(now),
        "run": run,
        "model_id": model_id,
        "ingestion_status": _status(model),
        "checks": sorted(checks, key=lambda check: str(check["checked"]), reverse=True)[:_LAST_CHECKS],
    }
    bucket.write_json(DOMINO_CHECKS_KEY, document)


def _status(model: MonitoredModel) -> str | None:
    status = model.document.get("ingestionStatus") or model.document.get("modelStatus")
    return status[:_LONGEST_NAME] if isinstance(status, str) else None


def _drift_checks(model: MonitoredModel) -> list[Any]:
    return _list(model.document.get("dataDriftChecks"))


def _check(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict):
        raise _no_check()
    drifted, predictions = _list(item.get("variablesDrifted")), item.get("numberOfPredictions")
    return {
        "checked": _time(item.get("checkedOn")),
        "drifted_columns": [_name(variable) for variable in drifted[:_MOST_COLUMNS]],
        "predictions": predictions if type(predictions) is int and predictions >= 0 else None,
    }


def _list(value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _no_check()
    return value


def _name(variable: Any) -> str:
    """A variable's name: plain or in an object (both forms are assumed)."""
    name = variable.get("name") if isinstance(variable, dict) else variable
    if not isinstance(name, str):
        raise _no_check()
    return name[:_LONGEST_NAME]


def _time(value: Any) -> str:
    """A time given in seconds or milliseconds since 1970 (observed), or in ISO 8601 (assumed)."""
    try:
        if isinstance(value, str):
            return to_text(from_text(value))
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return to_text(datetime.fromtimestamp(value / (1000 if value > _MILLISECONDS_FROM else 1), UTC))
    except (ValueError, OverflowError, OSError) as error:
        raise _no_check() from error
    raise _no_check()


def _no_check() -> DominoAnswerUnusable:
    return DominoAnswerUnusable("Domino lists a drift check of an unknown form. Check Domino's version.")
