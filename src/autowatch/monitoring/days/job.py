"""The daily job: judges the days that are due and alerts on new findings."""

import logging
from collections.abc import Callable, Container, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import takewhile

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.errors import AutowatchError
from autowatch.monitoring.days.alert import (
    DriftAlert,
    put_drift_event,
    send_mail,
    send_mail_of_days_left_out,
)
from autowatch.monitoring.days.due import (
    DayFiles,
    close_days,
    find_days_left_out,
    is_due,
    list_days,
    open_days,
)
from autowatch.monitoring.days.history import Finding, read_history
from autowatch.monitoring.days.metrics import emit_day
from autowatch.monitoring.days.refusals import mail_refusals
from autowatch.monitoring.days.report import DayReport, judge_day
from autowatch.monitoring.drift.baselines import Baselines
from autowatch.monitoring.drift.runs import RowsJudge
from autowatch.monitoring.settings import DriftClients, MonitoringSettings
from autowatch.records.claim import claim, settle
from autowatch.records.days import read_days_note
from autowatch.records.keys import DAYS_KEY, HISTORY_KEY, day_page_key, report_key
from autowatch.reports.publish import publish_history_page

_SECONDS_FOR_A_DAY = 300.0
"""With less time left, no further day is started, since an invocation that is killed during a day sends no alert.

Enough for 600,000 files, or for 150,000 if all of them must be read through the client.
"""

_LOGGER = logging.getLogger(__name__)


class NoTimeLeft(AutowatchError):
    """There was no time left for another day."""


class DaysFailed(AutowatchError):
    """Some days could not be judged or alerted on. The others are done; the next run retries the failed ones."""


@dataclass(frozen=True)
class JudgedDay:
    """The result of one day; `notified` says whether this run sent an alert about it."""

    date: str
    verdict: str
    rows: int
    files: int
    drifted_columns: tuple[str, ...]
    alarms: int
    notified: bool


def judge_due_days(
    clients: DriftClients,
    settings: MonitoringSettings,
    champion: str,
    now: datetime,
    seconds_left: Callable[[], float],
) -> tuple[JudgedDay, ...]:
    """Judges the days that are due, oldest first, up to the day of `now`, and alerts on days too old to be judged.

    Days for which there is no time left count as failed; the next run continues with them.

    Raises:
        DaysFailed: some days failed; it is raised after all days were tried.
    """
    days = open_days(clients.bucket, now.date())
    job = _Job(clients, settings, champion, now, days[-1])
    too_old = days[0] - timedelta(days=1)
    job.mail_days_left_out(too_old)
    judged = job.run(days, due_within=seconds_left)
    job.mail_refusals(days)
    publish_history_page(clients.bucket)
    if job.is_done(too_old):
        close_days(clients.bucket, list(takewhile(job.is_done, days)), now)
    job.check(len(days))
    return judged


def judge_one_day(
    clients: DriftClients, settings: MonitoringSettings, champion: str, now: datetime, day: date
) -> tuple[JudgedDay, ...]:
    """Judges one day, due or not.

    Raises:
        DaysFailed: the day could not be judged or alerted on.
    """
    job = _Job(clients, settings, champion, now, day)
    judged = job.run([day])
    publish_history_page(clients.bucket)
    job.check(1)
    return judged


class _Job:
    """One run of the job: the days that it judged and the days that failed."""

    def __init__(
        self, clients: DriftClients, settings: MonitoringSettings, champion: str, now: datetime, last: date
    ) -> None:
        self._clients, self._settings = clients, settings
        self._bucket = clients.bucket
        self._champion, self._now = champion, now
        self._baselines = Baselines(self._bucket)
        self._judge = RowsJudge(self._bucket, champion, self._baselines, settings.min_rows)
        self._history = read_history(self._bucket, last)
        self._failures: dict[date, str] = {}
        self._files: dict[date, DayFiles] = {}

    def run(
        self, days: Sequence[date], *, due_within: Callable[[], float] | None = None
    ) -> tuple[JudgedDay, ...]:
        """Judges days, alerts on their news, and records them.

        A day with news is recorded after the alert, and so are all later days, since they treat its findings as known.
        If the invocation is killed in between, the next one alerts again: an alert may come twice but is never lost. A
        failed day does not stop the others.

        Args:
            days: oldest first.
            due_within: returns the seconds left; if given, only days that are due are judged.
        """
        listed = list_days(self._bucket, self._settings.predictions_prefix, days[0], days[-1])
        self._files |= {day: listed.get(day, DayFiles()) for day in days}
        judged: list[DayReport] = []
        waiting: list[DayReport] = []
        for day in days:
            with self._noting_failure([day]):
                found = self._judge_day(day, self._files[day], due_within)
                if found is None:
                    continue
                found = found.claim()
                self._history[day] = found.summary
                judged.append(found)
                if waiting or found.news.news:
                    waiting.append(found)
                else:
                    self._record(found)
        for found in self._alert_on(waiting):
            with self._noting_failure([found.day]):
                self._record(found)
        return tuple(_outcome(found) for found in judged if found.day not in self._failures)

    def mail_days_left_out(self, newest: date) -> None:
        """Alerts once on days up to `newest` that were never judged and are now too old for a daily run."""
        with self._noting_failure([newest]):
            prefix = self._settings.predictions_prefix
            if found := find_days_left_out(self._bucket, prefix, self._now.date()):
                note, etag = read_days_note(self._bucket)
                claimed = claim(self._bucket, DAYS_KEY, note.to_json(), etag, note.alerting)
                stack, topic = self._settings.stack, self._settings.topic_arn
                send_mail_of_days_left_out(
                    self._clients.sns, topic, stack, self._bucket.url(HISTORY_KEY), found
                )
                told = replace(note, left_out=(*note.left_out, *found))
                settle(self._bucket, DAYS_KEY, told.to_json(), claimed)

    def mail_refusals(self, days: Sequence[date]) -> None:
        """Sends the daily mail about refused files of these days."""
        with self._noting_failure([self._now.date()]):
            listed = {day: self._files[day] for day in days}
            mail_refusals(self._clients, self._settings, self._now, listed)

    def is_done(self, day: date) -> bool:
        """Whether the next run has nothing to retry for this day."""
        reported = self._history.get(day)
        return day not in self._failures and not (reported and reported.failed)

    def check(self, days: int) -> None:
        """Raises DaysFailed if some of the run's `days` days failed."""
        if self._failures:
            reasons = " ".join(f"{day}: {reason}" for day, reason in sorted(self._failures.items()))
            raise DaysFailed(
                f"{len(self._failures)} of {days} days could not be judged or alerted on. {reasons}"
            )

    @contextmanager
    def _noting_failure(self, days: Sequence[date]) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Any exception: one unforeseen failure must not block the other days, now or in later runs.
            _LOGGER.exception(
                "days could not be judged or alerted on", extra={"dates": [day.isoformat() for day in days]}
            )
            known = isinstance(error, AutowatchError | BotoCoreError | ClientError)
            reason = str(error) if known else f"{type(error).__name__}, see the log."
            self._failures |= dict.fromkeys(days, reason)

    def _judge_day(
        self, day: date, files: DayFiles, due_within: Callable[[], float] | None
    ) -> DayReport | None:
        """The report of one day; None when it is not due.

        Raises:
            NoTimeLeft: it is due, but too few seconds are left.
        """
        if due_within:
            if not is_due(files, self._history.get(day), day, self._now):
                return None
            if due_within() < _SECONDS_FOR_A_DAY:
                raise NoTimeLeft("There was no time left; the next run continues here.")
        return judge_day(
            self._bucket,
            day,
            files,
            judge=self._judge,
            baselines=self._baselines,
            profile_csv=self._clients.profile_csv,
            history=self._history,
            now=self._now,
            files_of=self._files_of,
            id_column=self._settings.id_column,
        )

    def _files_of(self, day: date) -> DayFiles:
        """The files of a day; listed now if this run has not listed them yet."""
        if day not in self._files:
            self._files[day] = list_days(self._bucket, self._settings.predictions_prefix, day, day).get(
                day, DayFiles()
            )
        return self._files[day]

    def _alert_on(self, waiting: Sequence[DayReport]) -> Sequence[DayReport]:
        """Alerts on the news of the waiting days and returns the days; returns none if the alert failed."""
        if not waiting:
            return ()
        with self._noting_failure([found.day for found in waiting]):
            self._send(waiting)
            return waiting
        for found in waiting:
            with self._noting_failure([found.day]):
                found.give_back()
        return ()

    def _send(self, waiting: Sequence[DayReport]) -> None:
        """Sends one mail for all news, about the newest day with the worst of it, and one event if there is drift."""
        with_news = [found for found in waiting if found.news.news]
        news = {finding for found in with_news for finding in found.news.news}
        drifted = [found for found in waiting if _drift_in(found, news)]
        of_champion = [found for found in drifted if self._champion in _drift_in(found, news)]
        about = (of_champion or drifted or with_news)[-1]
        alert = DriftAlert(
            document=about.document,
            news=about.news.naming(news),
            champion=self._champion,
            caught_up=[found.day.isoformat() for found in with_news if found is not about],
            stack=self._settings.stack,
            region=self._settings.region,
            bucket=self._bucket.name,
            page_key=day_page_key(about.day),
            retrains=self._settings.retrain_on_drift,
        )
        send_mail(self._clients.sns, self._settings.topic_arn, alert)
        if of_champion and any(found.news.news_of_drift(self._champion) for found in with_news):
            (part,) = (part for part in about.parts if part["run"] == self._champion)
            put_drift_event(
                self._clients.events,
                self._settings.event_bus,
                self._bucket.name,
                about.day.isoformat(),
                part,
                report_key(about.day),
            )

    def _record(self, found: DayReport) -> None:
        """Writes the metrics and the document that marks the day as judged."""
        emit_day(
            found.document,
            self._settings.metrics_namespace,
            self._settings.stack,
            by_column=self._settings.column_metrics,
        )
        found.record()
        _LOGGER.info(
            "day judged",
            extra={
                "date": found.document["date"],
                "verdict": found.document["verdict"],
                "rows": found.summary.rows,
            },
        )


def _drift_in(found: DayReport, news: Container[Finding]) -> set[str | None]:
    """The runs that drifted on this day and whose drift is news."""
    drifted = {part["run"] for part in found.parts if part["verdict"] == "drift"}
    return drifted & {each.run for each in found.news.told if each.kind == "drift" and each in news}


def _outcome(found: DayReport) -> JudgedDay:
    document = found.document
    return JudgedDay(
        date=document["date"],
        verdict=document["verdict"],
        rows=document["rows"],
        files=document["files"],
        drifted_columns=tuple(document["drifted_columns"]),
        alarms=sum(len(part["alarms"]) for part in found.parts),
        notified=bool(found.news.news),
    )
