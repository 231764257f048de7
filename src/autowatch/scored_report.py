"""Telling the log and the metrics that a file was scored."""

import logging

from autowatch.manifest import Manifest
from autowatch.metrics import emit

_LOGGER = logging.getLogger(__name__)


def report_scored(manifest: Manifest, metrics_namespace: str, stack: str) -> None:
    """Reports a commit; for the run that made it alone."""
    _LOGGER.info(
        "file scored",
        extra={
            "key": manifest.input.key,
            "predictions_key": manifest.predictions.key,
            "rows_scored": manifest.rows_scored,
            "rows_rejected": manifest.rows_rejected,
            "started": manifest.started,
            "finished": manifest.finished,
        },
    )
    emit(
        metrics_namespace,
        {"FilesScored": 1, "RowsScored": manifest.rows_scored, "RowsRejected": manifest.rows_rejected},
        {"Stack": stack},
    )
