"""The daily job: judges every day that has scored rows nobody has judged yet, and tells people where it must."""

import logging
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from autowatch.champion import NoChampion, read_champion
from autowatch.drift import DriftReport, DriftRules, judge
from autowatch.drift_alert import DriftAlert, put_event, send_mail
from autowatch.errors import AutowatchError
from autowatch.metrics import emit
from autowatch.objects import ObjectMissing, read_json, write_json
from autowatch.profile import Baseline
from autowatch.report import Day, drift_page
from autowatch.scored_rows import ScoredRows, manifest_keys, read_scored_rows
from autowatch.timestamps import to_text

_LOGGER = logging.getLogger(__name__)


class DaysFailed(AutowatchError):
    """Some days could not be judged; the others were. The next run tries them again."""


@dataclass(frozen=True)
class Clients:
    """The services that the job talks to."""

    s3: Any
    sns: Any
    events: Any


@dataclass(frozen=True)
class MonitoringSettings:
    """How days are judged and where the results go; `days` is how far back missed days are caught up."""

    bucket: str
    predictions_prefix: str
    topic_arn: str
    metrics_namespace: str
    stack: str
    region: str
    rules: DriftRules = field(default_factory=DriftRules)
    days: int = 7


@dataclass(frozen=True)
class JudgedDay:
    """What came out for one day."""

    date: str
    verdict: str
    rows: int
    files: int
    drifted_columns: tuple[str, ...]
    alarms: int
    notified: bool


@dataclass(frozen=True)
class MonitoringResult:
    """What one run of the job did; `reason` says why it judged nothing."""

    run: str | None
    days: tuple[JudgedDay, ...]
    reason: str | None = None


def report_key(day: date) -> str:
    """Where the judgement of a day lies."""
    return f"reports/date={day.isoformat()}/drift.json"


def page_key(day: date) -> str:
    """Where the page of a day's judgement lies."""
    return f"reports/date={day.isoformat()}/drift.html"


def watch(
    clients: Clients, settings: MonitoringSettings, now: datetime, only: date | None = None
) -> MonitoringResult:
    """Judges the days that are due, oldest first, or just the day `only`.

    A day is due when it has predictions that its report does not cover; today also when it has neither. A
    day's reading must not be spoilt by a later one's failure, nor the other way round: all are tried.

    Raises:
        DaysFailed: after every day was tried, some of them in vain.
    """
    emit(settings.metrics_namespace, {"DriftRuns": 1}, {"Stack": settings.stack})
    try:
        champion = read_champion(clients.s3, settings.bucket)
    except NoChampion as error:
        _LOGGER.info("there is no champion to judge against")
        return MonitoringResult(None, (), str(error))
    job = _Job(
        clients=clients,
        settings=settings,
        baseline=Baseline.from_json(read_json(clients.s3, settings.bucket, champion.baseline_key)),
        now=now,
        only=only,
    )
    today = now.date()
    days = [only] if only else [today - timedelta(days=back) for back in reversed(range(settings.days))]
    judged, failures = [], []
    for day in days:
        try:
            judged.append(_watch_day(job, day))
        except (AutowatchError, ClientError) as error:
            _LOGGER.exception("a day could not be judged", extra={"date": day.isoformat()})
            failures.append(f"{day}: {error}")
    if failures:
        raise DaysFailed(f"{len(failures)} of {len(days)} days could not be judged. " + " ".join(failures))
    done = tuple(outcome for outcome in judged if outcome is not None)
    return MonitoringResult(champion.run, done, None if done else "The reports cover every file already.")


@dataclass(frozen=True)
class _Job:
    """What is the same for every day of one run of the job."""

    clients: Clients
    settings: MonitoringSettings
    baseline: Baseline
    now: datetime
    only: date | None


def _watch_day(job: _Job, day: date) -> JudgedDay | None:
    """Judges one day; None when it is not due."""
    s3, bucket = job.clients.s3, job.settings.bucket
    earlier = _read_report(s3, bucket, day)
    keys = list(manifest_keys(s3, bucket, f"{job.settings.predictions_prefix}date={day.isoformat()}/"))
    if day != job.only and not _is_due(earlier, len(keys), day == job.now.date()):
        return None
    scored = read_scored_rows(s3, bucket, keys, job.baseline)
    if day != job.only and not scored.files and earlier and earlier["run"] != job.baseline.run:
        # The rows were judged by the baseline of the model that scored them; its successor has nothing to
        # add.
        return None
    report = judge(job.baseline, scored.profile, job.settings.rules)
    return _publish(job, day, report, scored, earlier)


def _is_due(earlier: dict[str, Any] | None, files: int, is_today: bool) -> bool:
    if earlier is None:
        return files > 0 or is_today
    return files != earlier["files"] + earlier["other_runs"]["files"]


def _publish(
    job: _Job, day: date, report: DriftReport, scored: ScoredRows, earlier: dict[str, Any] | None
) -> JudgedDay:
    """Writes the page, tells whoever must know, and writes the report.

    The report comes last: whoever dies before it has the next run do all of it again, so that a message
    may come twice but is never lost.
    """
    settings, s3 = job.settings, job.clients.s3
    document = _document(job, day, report, scored)
    since = _since(s3, settings, day) if report.verdict == "drift" else day
    page = drift_page(report, _page_facts(job, day, scored, since))
    s3.put_object(
        Bucket=settings.bucket, Key=page_key(day), Body=page.encode(), ContentType="text/html; charset=utf-8"
    )
    worth_telling = report.verdict == "drift" or bool(report.alarms)
    notified = worth_telling and not _says_the_same(earlier, document)
    if notified:
        _notify(job, day, report, scored, since)
    write_json(s3, settings.bucket, report_key(day), document)
    _emit(settings, report)
    _LOGGER.info(
        "day judged",
        extra={"date": day.isoformat(), "verdict": report.verdict, "rows": report.rows, "notified": notified},
    )
    return JudgedDay(
        date=day.isoformat(),
        verdict=report.verdict,
        rows=report.rows,
        files=scored.files,
        drifted_columns=tuple(column.name for column in report.drifted),
        alarms=len(report.alarms),
        notified=notified,
    )


def _notify(job: _Job, day: date, report: DriftReport, scored: ScoredRows, since: date) -> None:
    settings = job.settings
    alert = DriftAlert(
        report=report,
        date=day.isoformat(),
        files=scored.files,
        since=since.isoformat(),
        stack=settings.stack,
        region=settings.region,
        bucket=settings.bucket,
        page_key=page_key(day),
        report_key=report_key(day),
    )
    send_mail(job.clients.sns, settings.topic_arn, alert)
    if report.verdict == "drift":
        put_event(job.clients.events, alert)


def _says_the_same(earlier: dict[str, Any] | None, document: dict[str, Any]) -> bool:
    """Whether an earlier judgement saw the same files and came to the same verdict."""
    compared = ("run", "verdict", "files", "rows", "other_runs", "drifted_columns", "alarms")
    return earlier is not None and all(earlier[name] == document[name] for name in compared)


def _since(s3: Any, settings: MonitoringSettings, day: date) -> date:
    """The first of the days up to `day` that were all reported as drift; days without a verdict do not count."""
    first = day
    for back in range(1, settings.days):
        earlier = _read_report(s3, settings.bucket, day - timedelta(days=back))
        if earlier and earlier["verdict"] == "no drift":
            break
        if earlier and earlier["verdict"] == "drift":
            first = day - timedelta(days=back)
    return first


def _document(job: _Job, day: date, report: DriftReport, scored: ScoredRows) -> dict[str, Any]:
    """The content of `drift.json`; docs/formats.md has its fields."""
    return {
        "date": day.isoformat(),
        "generated": to_text(job.now),
        "run": report.run,
        "verdict": report.verdict,
        "rows": report.rows,
        "files": scored.files,
        "reference_rows": report.reference_rows,
        "other_runs": {"files": scored.other_files, "rows": scored.other_rows},
        "drifted_columns": [column.name for column in report.drifted],
        "alarms": [alarm.to_json() for alarm in report.alarms],
        "columns": [column.to_json() for column in report.columns],
    }


def _page_facts(job: _Job, day: date, scored: ScoredRows, since: date) -> Day:
    return Day(
        date=day.isoformat(),
        generated=to_text(job.now),
        model=job.baseline.run,
        files=scored.files,
        other_files=scored.other_files,
        other_rows=scored.other_rows,
        since=since.isoformat(),
    )


def _emit(settings: MonitoringSettings, report: DriftReport) -> None:
    emit(
        settings.metrics_namespace,
        {
            "RowsJudged": report.rows,
            "DriftDetected": int(report.verdict == "drift"),
            "DriftedColumns": len(report.drifted),
            "DataAlarms": len(report.alarms),
        },
        {"Stack": settings.stack},
    )


def _read_report(s3: Any, bucket: str, day: date) -> dict[str, Any] | None:
    try:
        report: dict[str, Any] = read_json(s3, bucket, report_key(day))
    except ObjectMissing:
        return None
    return report
