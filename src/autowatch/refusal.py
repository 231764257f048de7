"""Refusing a file whole: an error object under `rejected/`, a warning in the log and a metric."""

import logging
from datetime import UTC, datetime
from typing import Any

from autowatch.arrival import Arrival, output_keys
from autowatch.errors import AutowatchError
from autowatch.metrics import emit
from autowatch.objects import write_json
from autowatch.timestamps import to_text

_LOGGER = logging.getLogger(__name__)


def refuse(
    s3: Any, bucket: str, arrival: Arrival, error: AutowatchError, metrics_namespace: str, stack: str
) -> None:
    """Says once and for all that the input file cannot be scored as it is, and why."""
    record_refusal(s3, bucket, arrival, error, output_keys(arrival, "").error)
    emit(metrics_namespace, {"FilesRefused": 1}, {"Stack": stack})


def record_refusal(s3: Any, bucket: str, arrival: Arrival, error: AutowatchError, error_key: str) -> None:
    """Keeps under `error_key` why a file was refused, and says so in the log."""
    document = {
        "input": arrival.file.to_json(),
        "error": type(error).__name__,
        "reason": str(error),
        "time": to_text(datetime.now(UTC)),
    }
    write_json(s3, bucket, error_key, document)
    _LOGGER.warning(
        "file refused",
        extra={
            "key": arrival.file.key,
            "error": document["error"],
            "reason": document["reason"],
            "error_key": error_key,
        },
    )
