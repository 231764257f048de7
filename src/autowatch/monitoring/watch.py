"""The drift detector: handles one request, usually for the days that are due."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from autowatch.monitoring.days.due import list_days, open_days
from autowatch.monitoring.days.job import DaysFailed, JudgedDay, judge_due_days, judge_one_day
from autowatch.monitoring.days.metrics import emit_run
from autowatch.monitoring.days.refusals import mail_refusals
from autowatch.monitoring.requests import DayRange, DueDays, OneDay, RawFile, Request
from autowatch.monitoring.settings import DriftClients, MonitoringSettings
from autowatch.monitoring.windows import JudgedWindow, judge_range, judge_raw_file
from autowatch.records.champion import NoChampion, read_champion

__all__ = ["DaysFailed", "DriftClients", "MonitoringResult", "MonitoringSettings", "watch"]


_NOTHING_DUE = (
    "All reports are up to date. Changed settings apply to days that are judged later; "
    '{"date": "2026-11-23"} judges a day again.'
)


@dataclass(frozen=True)
class MonitoringResult:
    """The result of one call; `reason` says why it judged nothing."""

    run: str | None
    days: tuple[JudgedDay, ...] = ()
    window: JudgedWindow | None = None
    reason: str | None = None


def watch(
    clients: DriftClients,
    settings: MonitoringSettings,
    request: Request,
    now: datetime,
    seconds_left: Callable[[], float],
) -> MonitoringResult:
    """Handles a request. Without a champion it judges nothing, but still sends the mail about refused files.

    A completed run over the due days emits a heartbeat. Requests on demand emit none, since they say nothing about the
    schedule.

    Args:
        now: with a time zone.
        seconds_left: returns how many seconds the caller has left.

    Raises:
        DaysFailed: some days failed; it is raised after all days were tried.
        AutowatchError: a range or a file cannot be judged; the error's name and message say why.
    """
    try:
        champion = read_champion(clients.bucket).run
    except NoChampion as error:
        if isinstance(request, DueDays):
            first, last = open_days(clients.bucket, now.date())[0], now.date()
            listed = list_days(clients.bucket, settings.predictions_prefix, first, last)
            mail_refusals(clients, settings, now, listed)
            emit_run(settings.metrics_namespace, settings.stack, 0)
        return MonitoringResult(None, reason=str(error))
    if isinstance(request, DayRange | RawFile):
        return _judge_window(clients, settings, request, champion, now)
    if isinstance(request, OneDay):
        return MonitoringResult(champion, judge_one_day(clients, settings, champion, now, request.day))
    days = judge_due_days(clients, settings, champion, now, seconds_left)
    emit_run(settings.metrics_namespace, settings.stack, len(days))
    return MonitoringResult(champion, days, reason=None if days else _NOTHING_DUE)


def _judge_window(
    clients: DriftClients,
    settings: MonitoringSettings,
    request: DayRange | RawFile,
    champion: str,
    now: datetime,
) -> MonitoringResult:
    if isinstance(request, RawFile):
        window = judge_raw_file(clients, request, champion, settings.min_rows, now)
    else:
        window = judge_range(clients, settings.predictions_prefix, request, champion, settings.min_rows, now)
    return MonitoringResult(window.run, window=window)
