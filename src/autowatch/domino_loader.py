"""One daily run of the Domino loader: tells Domino of every new file, then reads back what Domino says."""

import logging
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from autowatch.champion import NoChampion, read_champion
from autowatch.domino import DominoConnection
from autowatch.domino_checks import read_back_checks
from autowatch.domino_models import ModelRegistry, publish_model_id, read_model_record
from autowatch.domino_registration import Register, V0Register, V2Register
from autowatch.domino_settings import DominoSettings
from autowatch.errors import AutowatchError
from autowatch.metrics import emit
from autowatch.registration import RegistrationSummary, register_new_files

ReadBack = Literal["read", "failed", "nothing to read"]

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class LoaderSettings:
    """What the loader works on, and how its metrics are called."""

    bucket: str
    region: str
    predictions_prefix: str
    model_parameter: str
    metrics_namespace: str
    stack: str


def load_new_files(
    s3: Any,
    ssm: Any,
    domino: DominoSettings,
    connection: DominoConnection,
    settings: LoaderSettings,
    now: datetime,
) -> dict[str, Any]:
    """Registers what is new and gives the counts, and whether Domino's own checks could be read back.

    Raises:
        RegistrationFailed: after all files were tried and all else was done, if some were not registered.
        NoTimeToRegister: there were files, and no time for one.
    """
    registry = ModelRegistry(s3, settings.bucket, connection, settings.stack, domino.datasource)
    registrations = register_new_files(
        s3,
        settings.bucket,
        settings.predictions_prefix,
        _register(domino, registry, settings.region),
        lambda: connection.seconds_left() >= connection.attempt_seconds,
        now,
    )
    _emit(settings, registrations.summary)
    checks: ReadBack = "nothing to read"
    if domino.api == "v2" and registrations.may_ask_on:
        checks = _read_back(s3, ssm, registry, settings.model_parameter, now)
    registrations.check()
    return {**asdict(registrations.summary), "checks": checks}


def _register(domino: DominoSettings, registry: ModelRegistry, region: str) -> Register:
    if domino.api == "v2":
        return V2Register(registry)
    return V0Register(registry.connection, domino.model_id, registry.bucket, region)


def _read_back(s3: Any, ssm: Any, registry: ModelRegistry, parameter: str, now: datetime) -> ReadBack:
    """Domino's opinion is worth having, but no reason to fail a run that has registered everything."""
    try:
        run = read_champion(s3, registry.bucket).run
    except NoChampion:
        return "nothing to read"
    try:
        record = read_model_record(s3, registry.bucket, run)
        if record is None:
            return "nothing to read"
        publish_model_id(ssm, parameter, record.model_id)
        read_back_checks(s3, registry.bucket, registry.connection, run, record.model_id, now)
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
