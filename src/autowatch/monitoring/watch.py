"""Monitoring: answers what the drift detector is asked for, the days that are due as a rule.

What the drift detector is given: the services that it talks to, and its parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from autowatch.monitoring.days.due import list_days, open_days
from autowatch.monitoring.days.job import DaysFailed, JudgedDay, judge_due_days, judge_one_day
from autowatch.monitoring.days.metrics import emit_run
from autowatch.monitoring.days.refusals import tell_of_refusals
from autowatch.monitoring.requests import DayRange, DueDays, OneDay, RawFile, Request
from autowatch.monitoring.settings import DriftClients, MonitoringSettings
from autowatch.monitoring.windows import JudgedWindow, judge_range, judge_raw_file
from autowatch.records.champion import NoChampion, read_champion

__all__ = ["DaysFailed", "DriftClients", "MonitoringResult", "MonitoringSettings", "watch"]


_NOTHING_DUE = (
    "The reports cover every file already. Changed settings hold for days judged from then on; "
    '{"date": "2026-11-23"} judges a day anew.'
)


@dataclass(frozen=True)
class MonitoringResult:
    """What one call did; `reason` says why it judged nothing."""

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
    """Does what is asked for. Without a champion it judges nothing, and still sends the mail about refused files.

    A run over the days that are due leaves a heartbeat when it gets through. Requests by hand leave none: they say
    nothing about the schedule.

    Args:
        now: with a time zone.
        seconds_left: tells how long the caller may still take.

    Raises:
        DaysFailed: after every day was tried, some of them in vain.
        AutowatchError: a range or a file cannot be judged; the name of the error and its message say why.
    """
    try:
        champion = read_champion(clients.bucket).run
    except NoChampion as error:
        if isinstance(request, DueDays):
            first, last = open_days(clients.bucket, now.date())[0], now.date()
            listed = list_days(clients.bucket, settings.predictions_prefix, first, last)
            tell_of_refusals(clients, settings, now, listed)
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
