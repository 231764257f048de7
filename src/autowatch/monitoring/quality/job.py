"""The job for labels files: reads them, measures the days that they belong to, emits metrics, and alerts."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.aws.metrics import emit
from autowatch.errors import AutowatchError, UnreadableFile
from autowatch.evaluation.measures import MEASURES
from autowatch.monitoring.quality.alert import AlertTarget, alert_on_worse_days
from autowatch.monitoring.quality.day import MeasuredDay, measure_day
from autowatch.monitoring.quality.labels import keys_of_labels, take_labels
from autowatch.monitoring.quality.verdict import QualityRules
from autowatch.monitoring.settings import Clients
from autowatch.records.arrival import Arrival, is_rewritten
from autowatch.records.champion import NoChampion
from autowatch.reports.publish import publish_day_page, publish_history_page
from autowatch.scoring.outcome import record_refusal

_SECONDS_FOR_A_DAY = 60.0


_LOGGER = logging.getLogger(__name__)


class LabelsNotTaken(AutowatchError):
    """Several files failed with errors that a retry may resolve; the log has each error."""


class DaysNotMeasured(AutowatchError):
    """Some days could not be measured or shown. The others are done, and the next attempt retries these."""


@dataclass(frozen=True)
class QualitySettings:
    """The rules for measuring days, and the destinations of the results."""

    topic_arn: str
    metrics_namespace: str
    stack: str
    region: str
    event_bus: str
    rules: QualityRules


@dataclass(frozen=True)
class QualityDay:
    """The result of one day."""

    date: str
    verdict: str
    rows_labelled: int


@dataclass(frozen=True)
class QualityResult:
    """The result of one run: the numbers of labels files, the measured days, and the days it alerted on (`told`)."""

    taken: int
    refused: int
    days: tuple[QualityDay, ...]
    told: tuple[str, ...]


@dataclass(frozen=True)
class Job:
    """The settings and clients of one run of the job.

    Attributes:
        now: with a time zone.
        seconds_left: returns how many seconds the caller has left.
    """

    clients: Clients
    settings: QualitySettings
    now: datetime
    seconds_left: Callable[[], float]


def take_in(job: Job, arrivals: Sequence[Arrival]) -> QualityResult:
    """Reads labels files and measures the days that their labels belong to.

    A malformed file gets an error object under `rejected/labels/`. All files and all days are tried. The next attempt
    retries what failed or had no time left, and skips what is done. Files from which a person's rows were removed are
    skipped.

    Raises:
        LabelsNotTaken: several files failed. If only one failed, its own error is raised.
        DaysNotMeasured: some days could not be measured or shown.
    """
    arrivals = [each for each in arrivals if not is_rewritten(job.clients.bucket, each)]
    days: set[str] = set()
    refused = 0
    failures: list[Exception] = []
    for arrival in arrivals:
        try:
            taken = take_labels(job.clients.bucket, arrival)
        except (UnreadableFile, NoChampion) as error:
            _refuse(job, arrival, error)
            refused += 1
        except (AutowatchError, ClientError, BotoCoreError) as error:
            _LOGGER.exception("labels not taken in", extra={"key": arrival.file.key})
            failures.append(error)
        else:
            days.update(taken.days)
            emit_taken(job.settings.metrics_namespace, job.settings.stack, taken.taken, taken.rejected)
    measured, told = _measure(job, sorted(days), anew=False)
    if len(failures) == 1:
        raise failures[0]
    if failures:
        raise LabelsNotTaken(
            f"{len(failures)} of {len(arrivals)} labels files could not be processed."
        ) from failures[0]
    return QualityResult(len(arrivals) - refused, refused, measured, told)


def measure_again(job: Job, day: str) -> QualityResult:
    """Measures one day, `YYYY-MM-DD`, even if there are no new labels.

    Raises:
        DaysNotMeasured: it could not be measured.
    """
    measured, told = _measure(job, [day], anew=True)
    return QualityResult(0, 0, measured, told)


def _refuse(job: Job, arrival: Arrival, error: AutowatchError) -> None:
    settings = job.settings
    record_refusal(job.clients.bucket, arrival, error, keys_of_labels(arrival).error)
    emit(settings.metrics_namespace, {"LabelFilesRefused": 1}, {"Stack": settings.stack})


def _measure(job: Job, days: Sequence[str], *, anew: bool) -> tuple[tuple[QualityDay, ...], tuple[str, ...]]:
    """Measures the days, newest first, writes their pages and sends alerts, even if some of them fail."""
    bucket = job.clients.bucket
    measured: list[MeasuredDay] = []
    failures: list[str] = []
    for day in reversed(days):
        try:
            if job.seconds_left() < _SECONDS_FOR_A_DAY:
                raise DaysNotMeasured("there was no time left.")
            outcome = _measure_day(job, day, anew=anew)
            if outcome:
                measured.append(outcome)
                # Even without new labels: an earlier attempt may have been killed before it wrote the page.
                publish_day_page(bucket, date.fromisoformat(day))
        except (AutowatchError, ClientError, BotoCoreError) as error:
            _LOGGER.exception("a day could not be measured or shown", extra={"date": day})
            failures.append(f"{day}: {error}")
    told = alert_on_worse_days(_target(job), [each.document["date"] for each in measured])
    if measured:
        publish_history_page(bucket)
    if failures:
        raise DaysNotMeasured(
            f"{len(failures)} of {len(days)} days could not be measured or shown. {' '.join(failures[:10])}"
        )
    return tuple(_summary(each.document) for each in measured), told


def _measure_day(job: Job, day: str, *, anew: bool) -> MeasuredDay | None:
    settings = job.settings
    measured = measure_day(job.clients.bucket, day, settings.rules, job.now, anew=anew)
    if measured is None:
        return None
    if measured.is_new:
        emit_quality(settings.metrics_namespace, settings.stack, measured.document)
        verdict, rows = measured.document["verdict"], measured.document["rows_labelled"]
        _LOGGER.info("day measured", extra={"date": day, "verdict": verdict, "rows_labelled": rows})
    return measured


def _target(job: Job) -> AlertTarget:
    return AlertTarget(
        sns=job.clients.sns,
        events=job.clients.events,
        bucket=job.clients.bucket,
        topic_arn=job.settings.topic_arn,
        event_bus=job.settings.event_bus,
        stack=job.settings.stack,
        region=job.settings.region,
    )


def _summary(document: dict[str, Any]) -> QualityDay:
    return QualityDay(document["date"], document["verdict"], document["rows_labelled"])


COVERAGE = "Coverage"


QUALITY_WORSE = "QualityWorse"


def emit_taken(namespace: str, stack: str, taken: int, rejected: int) -> None:
    """Emits how many labels of a file were accepted and rejected.

    A file without any accepted label also counts as refused, since no day's page shows it.
    """
    values = {"LabelsTaken": taken, "LabelsRejected": rejected, "LabelFilesRefused": int(taken == 0)}
    emit(namespace, values, {"Stack": stack})


def emit_quality(namespace: str, stack: str, document: dict[str, Any]) -> None:
    """Emits the figures of a `quality.json`; figures that the labels do not determine are left out."""
    values: dict[str, float] = {
        COVERAGE: document["coverage"],
        QUALITY_WORSE: int(document["verdict"] == "worse"),
    }
    for name, figure in document["metrics"].items():
        if figure is not None and MEASURES[name].metric:
            values[MEASURES[name].metric] = figure["value"]
    emit(namespace, values, {"Stack": stack})
