"""The daily job: judges the days that are due, and tells people where it must."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import takewhile

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.errors import AutowatchError
from autowatch.monitoring.days.alert import DriftAlert, put_event, send_mail
from autowatch.monitoring.days.due import DayFiles, close_days, is_due, list_days, open_days
from autowatch.monitoring.days.history import read_history
from autowatch.monitoring.days.judgement import DayJudgement, judge_day
from autowatch.monitoring.days.metrics import emit_day
from autowatch.monitoring.days.record import check_unclaimed, claim, give_back, record
from autowatch.monitoring.drift.baselines import Baselines
from autowatch.monitoring.drift.runs import RowsJudge
from autowatch.monitoring.settings import Clients, MonitoringSettings
from autowatch.records.report_keys import day_page_key, report_key
from autowatch.reports.publish import publish_day_page, publish_history_page

_SECONDS_FOR_A_DAY = 300.0
"""With less time than this no further day is begun: whoever dies in the middle of a day tells people of none.

600,000 files take as long, or 150,000 where all of them must be read through the client.
"""

_LOGGER = logging.getLogger(__name__)


class NoTimeLeft(AutowatchError):
    """There was no time for another day."""


class DaysFailed(AutowatchError):
    """Some days could not be judged or told of; the others were. The next run tries them again."""


@dataclass(frozen=True)
class JudgedDay:
    """What came out for one day; `notified` says whether this run told people of it."""

    date: str
    verdict: str
    rows: int
    files: int
    drifted_columns: tuple[str, ...]
    alarms: int
    notified: bool


def judge_due_days(
    clients: Clients,
    settings: MonitoringSettings,
    champion: str,
    now: datetime,
    seconds_left: Callable[[], float],
) -> tuple[JudgedDay, ...]:
    """Judges the days that are due, oldest first, up to the one of `now`.

    Days that there is no time for count as failed: the next run goes on with them.

    Raises:
        DaysFailed: after every day was tried, some of them in vain.
    """
    days = open_days(clients.bucket, now.date())
    job = _Job(clients, settings, champion, now, days[-1])
    judged = job.run(days, due_within=seconds_left)
    publish_history_page(clients.bucket)
    close_days(clients.bucket, list(takewhile(job.is_done, days)), now)
    job.check(len(days))
    return judged


def judge_one_day(
    clients: Clients, settings: MonitoringSettings, champion: str, now: datetime, day: date
) -> tuple[JudgedDay, ...]:
    """Judges one day, due or not.

    Raises:
        DaysFailed: in vain.
    """
    job = _Job(clients, settings, champion, now, day)
    judged = job.run([day])
    publish_history_page(clients.bucket)
    job.check(1)
    return judged


class _Job:
    """One run of the job: the days that it has judged, and those that it could not judge."""

    def __init__(
        self, clients: Clients, settings: MonitoringSettings, champion: str, now: datetime, last: date
    ) -> None:
        self._clients, self._settings = clients, settings
        self._bucket = clients.bucket
        self._champion, self._now = champion, now
        self._baselines = Baselines(self._bucket)
        self._judge = RowsJudge(self._bucket, champion, self._baselines, settings.min_rows)
        self._history = read_history(self._bucket, last)
        self._failures: dict[date, str] = {}

    def run(
        self, days: Sequence[date], *, due_within: Callable[[], float] | None = None
    ) -> tuple[JudgedDay, ...]:
        """Judges days, oldest first, records those without news, tells of the others together, and records them.

        Documents with news come after the message: whoever dies in between has the next run do all of it again, so
        that a message may come twice but is never lost. What a message leads to comes before it. A day's reading must
        not be spoilt by a later one's failure, nor the other way round: all are tried.

        Args:
            days: in their order.
            due_within: how long the caller may still take, where only days that are due are judged.
        """
        files = list_days(self._bucket, self._settings.predictions_prefix, days[0], days[-1])
        judged: list[DayJudgement] = []
        for day in days:
            with self._noting_failure([day]):
                found = self._judge_day(day, files.get(day, DayFiles()), due_within)
                if found is None:
                    continue
                check_unclaimed(found)
                self._history[day] = found.reported
                judged.append(found)
                publish_day_page(self._bucket, day, drift=found.document)
                if not found.telling.news:
                    self._record(found)
        for found in self._tell_of([found for found in judged if found.day not in self._failures]):
            with self._noting_failure([found.day]):
                self._record(found)
        return tuple(_outcome(found) for found in judged if found.day not in self._failures)

    def is_done(self, day: date) -> bool:
        """Whether there is nothing of the day that the next run should try again."""
        reported = self._history.get(day)
        return day not in self._failures and not (reported and reported.failed)

    def check(self, days: int) -> None:
        """Raises DaysFailed if some of so many days were tried in vain."""
        if self._failures:
            reasons = " ".join(f"{day}: {reason}" for day, reason in sorted(self._failures.items()))
            raise DaysFailed(
                f"{len(self._failures)} of {days} days could not be judged or told of. {reasons}"
            )

    @contextmanager
    def _noting_failure(self, days: Sequence[date]) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            # Of whatever kind: a day that nobody foresaw must not keep all others from being judged, today or ever.
            _LOGGER.exception(
                "days could not be judged or told of", extra={"dates": [day.isoformat() for day in days]}
            )
            known = isinstance(error, AutowatchError | BotoCoreError | ClientError)
            reason = str(error) if known else f"{type(error).__name__}, see the log."
            self._failures |= dict.fromkeys(days, reason)

    def _judge_day(
        self, day: date, files: DayFiles, due_within: Callable[[], float] | None
    ) -> DayJudgement | None:
        """The judgement of one day; None when it is not due.

        Raises:
            NoTimeLeft: it is, and `due_within` is too short.
        """
        if due_within:
            if not is_due(files, self._history.get(day), day, self._now):
                return None
            if due_within() < _SECONDS_FOR_A_DAY:
                raise NoTimeLeft("There was no time left; the next run goes on here.")
        return judge_day(
            self._bucket,
            day,
            files,
            judge=self._judge,
            baselines=self._baselines,
            history=self._history,
            now=self._now,
        )

    def _tell_of(self, judged: Sequence[DayJudgement]) -> list[DayJudgement]:
        """Tells people of the days with news, and gives those that they have been told of."""
        claimed: list[DayJudgement] = []
        for found in judged:
            if found.telling.news:
                with self._noting_failure([found.day]):
                    claimed.append(claim(self._bucket, found))
        if not claimed:
            return []
        days = [found.day for found in claimed]
        with self._noting_failure(days):
            self._tell(claimed)
            return claimed
        for found in claimed:
            with self._noting_failure([found.day]):
                give_back(self._bucket, found)
        return []

    def _tell(self, judged: Sequence[DayJudgement]) -> None:
        """One message for all days with news, about the newest of the worst; one event, about the newest drift."""
        drifted = [found for found in judged if found.telling.news_of_drift(self._champion)]
        told = (drifted or [found for found in judged if _tells_of_drift(found)] or judged)[-1]
        alert = DriftAlert(
            document=told.document,
            telling=told.telling,
            champion=self._champion,
            caught_up=[found.day.isoformat() for found in judged if found is not told],
            stack=self._settings.stack,
            region=self._settings.region,
            bucket=self._bucket.name,
            page_key=day_page_key(told.day),
        )
        send_mail(self._clients.sns, self._settings.topic_arn, alert)
        if drifted:
            (part,) = (part for part in drifted[-1].parts if part["run"] == self._champion)
            put_event(
                self._clients.events,
                self._bucket.name,
                drifted[-1].day.isoformat(),
                part,
                report_key(drifted[-1].day),
            )

    def _record(self, found: DayJudgement) -> None:
        """Writes the metrics and the document, by which the day counts as judged; and the page again.

        Whoever measured the day's quality meanwhile has put a page in its place that lacks the document.
        """
        emit_day(
            found.document,
            self._settings.metrics_namespace,
            self._settings.stack,
            by_column=self._settings.column_metrics,
        )
        record(self._bucket, found)
        publish_day_page(self._bucket, found.day)
        _LOGGER.info(
            "day judged",
            extra={
                "date": found.document["date"],
                "verdict": found.document["verdict"],
                "rows": found.reported.rows,
            },
        )


def _tells_of_drift(found: DayJudgement) -> bool:
    return any(finding.kind == "drift" for finding in found.telling.news)


def _outcome(found: DayJudgement) -> JudgedDay:
    document = found.document
    return JudgedDay(
        date=document["date"],
        verdict=document["verdict"],
        rows=document["rows"],
        files=document["files"],
        drifted_columns=tuple(document["drifted_columns"]),
        alarms=sum(len(part["alarms"]) for part in found.parts),
        notified=bool(found.telling.news),
    )
