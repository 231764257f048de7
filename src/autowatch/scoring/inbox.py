"""Files under `inference/`: each is scored, refused with a reason, or postponed until a release is over.

A file that arrives while the first model is being trained is postponed too.

Large files go to Batch Transform: one execution of its state machine per arrival.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.records.arrival import (
    Arrival,
    announcement,
    check_name,
    is_named_csv,
    is_rewritten,
    output_keys,
)
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.run import read_latest
from autowatch.scoring.in_force import ReleaseUnderWay
from autowatch.scoring.outcome import find_committed, refuse, report_postponed
from autowatch.scoring.predictions import ScoringSettings, score_file

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient
    from mypy_boto3_stepfunctions import SFNClient

_LOGGER = logging.getLogger(__name__)

_POSTPONED = "postponed"
"""In an event: how often its file has been postponed."""

_MOST_WAITS = 300


@dataclass(frozen=True)
class _Waiting:
    """What a file waits for: a release, by its number. The first wait, in seconds, doubles up to the longest."""

    release: int
    first: int
    longest: int

    def seconds(self, times: int) -> int:
        return min(self.first << min(times, 10), self.longest)


class FilesNotScored(AutowatchError):
    """Several files failed for reasons that may be transient; the log has each."""


@dataclass(frozen=True)
class TransformMachine:
    """The state machine that scores large files, and re-announces files that must wait.

    Attributes:
        client: creates boto3's `stepfunctions`; called only for such files, to save the others the time.
        arn: that of the state machine.
        threshold_bytes: files larger than this go to it.
    """

    client: Callable[[], "SFNClient"]
    arn: str
    threshold_bytes: int

    def takes(self, arrival: Arrival) -> bool:
        """Whether the file is too large for the function."""
        return arrival.file.size > self.threshold_bytes and is_named_csv(arrival.file)

    def start(self, bucket: str, arrival: Arrival) -> str:
        """Starts the execution for this arrival, or finds that it exists, and returns its name."""
        name = transform_name(bucket, arrival)
        document = {
            "name": name,
            "input": asdict(arrival.file),
            "time": arrival.time.isoformat(),
        }
        self._start(name, document)
        return name

    def postpone(self, bucket: str, arrival: Arrival, waiting: _Waiting, times: int) -> None:
        """Has the file announced again after a wait; it has been postponed `times` times before."""
        event = {**announcement(arrival, bucket), _POSTPONED: times + 1}
        document = {"postponed": {"seconds": waiting.seconds(times), "event": event}}
        self._start(f"{transform_name(bucket, arrival)}-{waiting.release}-{times}", document)

    def _start(self, name: str, document: dict[str, Any]) -> None:
        stepfunctions = self.client()
        with suppress(stepfunctions.exceptions.ExecutionAlreadyExists):
            stepfunctions.start_execution(
                stateMachineArn=self.arn,
                name=name,
                input=json.dumps(document, ensure_ascii=False, allow_nan=False),
            )


def times_postponed(event: dict[str, Any]) -> int:
    """How often the file of an event has been postponed."""
    return int(event.get(_POSTPONED, 0))


def score_arrivals(
    bucket: Bucket,
    runtime: "SageMakerRuntimeClient",
    arrivals: Sequence[Arrival],
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    invocation: str,
    transforms: TransformMachine | None = None,
    postponed: int = 0,
) -> dict[str, int]:
    """Scores every file; returns how many were scored, refused, and handed over to or postponed by `transforms`.

    A file that cannot be scored as it is gets an error object under `rejected/`, a warning in the log and a metric,
    because retrying cannot help. So does a file that arrives when there is no model, unless a run is training one. A
    file from which a person's rows were removed is skipped. Any other failure is raised after all files have been
    tried.

    Args:
        invocation: the id of this invocation, which its retries share.
        transforms: scores the files that are too large for the function; without it the function scores all.
        postponed: how often the files have been postponed before.

    Raises:
        ReleaseUnderWay: a file has waited for hours, or there are no `transforms` to wait in.
        FilesNotScored: several files failed. A single failure is raised as it is.
    """
    outcomes = Counter({"scored": 0, "refused": 0} | ({"handed_over": 0} if transforms else {}))
    failures: list[Exception] = []
    for arrival in arrivals:
        try:
            if is_rewritten(bucket, arrival):
                _LOGGER.info("skipped, since rows were removed from it", extra={"key": arrival.file.key})
            elif transforms and _is_for_transform(bucket, arrival, settings, transforms):
                _hand_over(bucket, arrival, transforms)
                outcomes["handed_over"] += 1
            else:
                outcome = _score_or_refuse(bucket, runtime, arrival, settings, seconds_left, invocation)
                outcomes[outcome] += 1
        except (ReleaseUnderWay, NoChampion) as error:
            waiting = _waiting_for(bucket, error)
            if waiting and transforms and postponed < _MOST_WAITS:
                _postpone(bucket, arrival, waiting, postponed, settings, transforms)
                outcomes["postponed"] += 1
            elif isinstance(error, NoChampion):
                refusal = NoChampion(f"{error} When one is released, upload this file again.")
                refuse(bucket, arrival, refusal, settings.metrics_namespace, settings.stack)
                outcomes["refused"] += 1
            else:
                failures.append(error)
        except Exception as error:  # noqa: BLE001 (raised below; one file must not stop the others)
            _LOGGER.error("file not scored", extra={"key": arrival.file.key, "error": type(error).__name__})
            failures.append(error)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise FilesNotScored(f"{len(failures)} of {len(arrivals)} files were not scored.") from failures[0]
    return dict(outcomes)


def _is_for_transform(
    bucket: Bucket, arrival: Arrival, settings: ScoringSettings, transforms: TransformMachine
) -> bool:
    keys = output_keys(arrival, settings.predictions_prefix)
    return transforms.takes(arrival) and not find_committed(bucket, keys)


def _waiting_for(bucket: Bucket, error: ReleaseUnderWay | NoChampion) -> _Waiting | None:
    """How a file waits for what is missing: at most five hours for a release, three days for the first model.

    An endpoint has four hours to switch models (`MaxEndpointSeconds`). If no run is training, there is nothing to wait
    for.
    """
    if isinstance(error, ReleaseUnderWay):
        return _Waiting(error.release, 5, 60)
    try:
        under_way = read_latest(bucket).status in ("running", "ending")
    except ObjectMissing:
        under_way = False
    return _Waiting(0, 60, 900) if under_way else None


def _hand_over(bucket: Bucket, arrival: Arrival, transforms: TransformMachine) -> None:
    read_champion(bucket)  # Raises NoChampion if there is none.
    name = transforms.start(bucket.name, arrival)
    _LOGGER.info("file handed over to Batch Transform", extra={"key": arrival.file.key, "execution": name})


def _postpone(
    bucket: Bucket,
    arrival: Arrival,
    waiting: _Waiting,
    times: int,
    settings: ScoringSettings,
    transforms: TransformMachine,
) -> None:
    transforms.postpone(bucket.name, arrival, waiting, times)
    _LOGGER.info("file postponed until a release is over", extra={"key": arrival.file.key, "times": times})
    if times == 0:
        report_postponed(settings.metrics_namespace, settings.stack)


def _score_or_refuse(
    bucket: Bucket,
    runtime: "SageMakerRuntimeClient",
    arrival: Arrival,
    settings: ScoringSettings,
    seconds_left: Callable[[], float],
    invocation: str,
) -> Literal["scored", "refused"]:
    try:
        check_name(arrival.file)
        score_file(bucket, runtime, arrival, settings, seconds_left, invocation)
    except UnreadableFile as error:
        refuse(bucket, arrival, error, settings.metrics_namespace, settings.stack)
        return "refused"
    return "scored"


def transform_name(bucket: str, arrival: Arrival) -> str:
    """The name of the execution: the day and 16 hexadecimal digits, always the same for one arrival.

    They are derived from the bucket, the key, the version and the time of the event. So even in a bucket without
    versioning, the same content is tried again if it is uploaded again after a failure.
    """
    file = arrival.file
    text = "\n".join([bucket, file.key, file.version_id or file.etag, arrival.time.isoformat()])
    return f"{arrival.time:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
