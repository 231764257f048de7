"""What has arrived under `inference/`: each file is scored, or refused with its reason."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

from autowatch.arrival import Arrival
from autowatch.champion import NoChampion
from autowatch.errors import AutowatchError
from autowatch.predictions import ScoringSettings, score_file
from autowatch.refusal import refuse
from autowatch.table import UnreadableFile

_LOGGER = logging.getLogger(__name__)


class FilesNotScored(AutowatchError):
    """More than one of the files failed for reasons that may pass; the log has each."""


def score_arrivals(
    s3: Any,
    runtime: Any,
    arrivals: Sequence[Arrival],
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
) -> dict[str, int]:
    """Scores every file; gives how many were scored and how many refused.

    A file that cannot be scored as it is gets an error object under `rejected/`, a warning in the log and a metric:
    trying again cannot help. Any other failure is raised when all files have been tried.

    Raises:
        FilesNotScored: more than one file failed. One alone is raised as it is.
    """
    outcomes = {"scored": 0, "refused": 0}
    failures: list[Exception] = []
    for arrival in arrivals:
        try:
            outcomes[_score_or_refuse(s3, runtime, arrival, settings, seconds_left)] += 1
        except Exception as error:  # noqa: BLE001 (raised below; one file must not stop the others)
            _LOGGER.error("file not scored", extra={"key": arrival.file.key, "error": type(error).__name__})
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise FilesNotScored(f"{len(failures)} of {len(arrivals)} files were not scored.") from failures[0]
    return outcomes


def _score_or_refuse(
    s3: Any, runtime: Any, arrival: Arrival, settings: ScoringSettings, seconds_left: Callable[[], float]
) -> Literal["scored", "refused"]:
    try:
        score_file(s3, runtime, arrival, settings, seconds_left)
    except (UnreadableFile, NoChampion) as error:
        refuse(s3, settings.bucket, arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "scored"
