"""Reading back what Domino (v2) says of the model in force: its last drift checks and how far its ingestion is."""

import math
from datetime import UTC, datetime
from typing import Any

from autowatch.domino import DominoAnswerUnusable, DominoConnection
from autowatch.domino_v2 import MonitoredModel, list_models
from autowatch.objects import write_json
from autowatch.timestamps import from_text, to_text

CHECKS_KEY = "monitoring/domino/checks.json"

_LAST_CHECKS = 7
_MOST_COLUMNS = 1000
_LONGEST_NAME = 200
_MILLISECONDS_FROM = 1e11
"""A number above this counts milliseconds: seconds come to it in the year 5138."""


def read_back_checks(
    s3: Any, bucket: str, connection: DominoConnection, run: str, model_id: str, now: datetime
) -> None:
    """Writes what Domino says of the model to `monitoring/domino/checks.json`.

    Raises:
        DominoError: Domino could not be asked.
        DominoAnswerUnusable: it does not list the model, or the answer has another form.
    """
    model = next((item for item in list_models(connection, _LAST_CHECKS) if item.id == model_id), None)
    if model is None:
        raise DominoAnswerUnusable(
            f"Domino does not list the model {model_id} of run {run}. If it was deleted there, delete "
            f"monitoring/domino/models/{run}.json, and the next run makes it known again."
        )
    checks = [_check(item) for item in _drift_checks(model)]
    document = {
        "read": to_text(now),
        "run": run,
        "model_id": model_id,
        "ingestion_status": _status(model),
        "checks": sorted(checks, key=lambda check: str(check["checked"]), reverse=True)[:_LAST_CHECKS],
    }
    write_json(s3, bucket, CHECKS_KEY, document)


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
    """A variable's name: alone (assumed), or in an object (assumed)."""
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
