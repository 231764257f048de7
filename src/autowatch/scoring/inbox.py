"""What has arrived under `inference/`: each file is scored, or refused with its reason.

Handing a file to Batch Transform: the start of its state machine, once for each arrival.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from autowatch.aws.objects import Bucket
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.arrival import Arrival, output_keys
from autowatch.records.champion import NoChampion
from autowatch.scoring.in_force import ReleaseUnderWay
from autowatch.scoring.outcome import find_committed, refuse
from autowatch.scoring.predictions import ScoringSettings, score_file

_LOGGER = logging.getLogger(__name__)

_PATIENCE = timedelta(minutes=10)
"""With a release: a file that has waited longer goes to Batch Transform, which is told the model's name."""


class FilesNotScored(AutowatchError):
    """More than one of the files failed for reasons that may pass; the log has each."""


@dataclass(frozen=True)
class TransformMachine:
    """The state machine that scores large files.

    Attributes:
        client: makes boto3's `stepfunctions`; called for large files alone, since the others should not pay for it.
        arn: of the state machine.
        threshold_bytes: files larger than this go to it.
    """

    client: Callable[[], Any]
    arn: str
    threshold_bytes: int

    def takes(self, arrival: Arrival) -> bool:
        """Whether the file is too large for the function."""
        return arrival.file.size > self.threshold_bytes

    def start(self, bucket: str, arrival: Arrival) -> str:
        """Starts the execution for this arrival, or finds it started, and gives its name."""
        name = transform_name(bucket, arrival)
        document = {
            "name": name,
            "input": arrival.file.to_json(),
            "time": arrival.time.isoformat(),
        }
        stepfunctions = self.client()
        try:
            stepfunctions.start_execution(
                stateMachineArn=self.arn, name=name, input=json.dumps(document, ensure_ascii=False)
            )
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            return name
        return name


def score_arrivals(
    bucket: Bucket,
    runtime: Any,
    arrivals: Sequence[Arrival],
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    transforms: TransformMachine | None = None,
) -> dict[str, int]:
    """Scores every file; gives how many were scored, how many refused, and how many handed over to `transforms`.

    A file that cannot be scored as it is gets an error object under `rejected/`, a warning in the log and a metric:
    trying again cannot help. Any other failure is raised when all files have been tried.

    Args:
        transforms: takes the files that are too large to be scored here; without it all are scored here.

    Raises:
        FilesNotScored: more than one file failed. One alone is raised as it is.
    """
    outcomes = {"scored": 0, "refused": 0} | ({"handed_over": 0} if transforms else {})
    failures: list[Exception] = []
    for arrival in arrivals:
        try:
            if transforms and _is_for_transform(bucket, arrival, settings, transforms):
                _hand_over(bucket, arrival, transforms)
                outcomes["handed_over"] += 1
            else:
                outcomes[_score(bucket, runtime, arrival, settings, seconds_left, transforms)] += 1
        except Exception as error:  # noqa: BLE001 (raised below; one file must not stop the others)
            _LOGGER.error("file not scored", extra={"key": arrival.file.key, "error": type(error).__name__})
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise FilesNotScored(f"{len(failures)} of {len(arrivals)} files were not scored.") from failures[0]
    return outcomes


def _is_for_transform(
    bucket: Bucket, arrival: Arrival, settings: ScoringSettings, transforms: TransformMachine
) -> bool:
    keys = output_keys(arrival, settings.predictions_prefix)
    return transforms.takes(arrival) and not find_committed(bucket, keys)


def _hand_over(bucket: Bucket, arrival: Arrival, transforms: TransformMachine) -> None:
    name = transforms.start(bucket.name, arrival)
    _LOGGER.info("file handed over to Batch Transform", extra={"key": arrival.file.key, "execution": name})


def _score(
    bucket: Bucket,
    runtime: Any,
    arrival: Arrival,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    transforms: TransformMachine | None,
) -> Literal["scored", "refused", "handed_over"]:
    try:
        return _score_or_refuse(bucket, runtime, arrival, settings, seconds_left)
    except ReleaseUnderWay:
        if transforms is None or datetime.now(UTC) - arrival.time < _PATIENCE:
            raise
    _hand_over(bucket, arrival, transforms)
    return "handed_over"


def _score_or_refuse(
    bucket: Bucket,
    runtime: Any,
    arrival: Arrival,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
) -> Literal["scored", "refused"]:
    try:
        score_file(bucket, runtime, arrival, settings, seconds_left)
    except (UnreadableFile, NoChampion) as error:
        refuse(bucket, arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "scored"


def transform_name(bucket: str, arrival: Arrival) -> str:
    """The name of the execution: the day and 16 hexadecimal digits, the same whenever this arrival is announced.

    They come from the bucket, the key, the version and the time of the event; so the same content uploaded once
    more after a failure is tried once more, in a bucket without versions too.
    """
    file = arrival.file
    text = "\n".join([bucket, file.key, file.version_id or file.etag, arrival.time.isoformat()])
    return f"{arrival.time:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
