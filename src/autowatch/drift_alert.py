"""What people and other systems are told about a day whose data drifted or raised alarms."""

import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from autowatch.drift import DriftReport
from autowatch.errors import AutowatchError
from autowatch.movement import percent, what_moved
from autowatch.notification import publish

_COLUMNS_NAMED = 10


class EventRefused(AutowatchError):
    """EventBridge did not take the event."""


@dataclass(frozen=True)
class DriftAlert:
    """A judgement that somebody must hear of, and where it belongs."""

    report: DriftReport
    date: str
    files: int
    since: str
    stack: str
    region: str
    bucket: str
    page_key: str
    report_key: str


def send_mail(sns: Any, topic_arn: str, alert: DriftAlert) -> None:
    """Publishes the alert to the topic."""
    publish(sns, topic_arn, subject(alert), lines(alert))


def put_event(events: Any, alert: DriftAlert) -> None:
    """Puts `DriftDetected` on the default event bus; docs/formats.md has its fields.

    Raises:
        EventRefused: EventBridge took the call, but not the event.
    """
    detail = {
        "bucket": alert.bucket,
        "date": alert.date,
        "run": alert.report.run,
        "rows": alert.report.rows,
        "drifted_columns": [column.name for column in alert.report.drifted],
        "report_key": alert.report_key,
    }
    entry = {"Source": "autowatch", "DetailType": "DriftDetected", "Detail": json.dumps(detail)}
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise EventRefused(
            f"EventBridge refused DriftDetected of {alert.date}: {code}. The next run tries again."
        )


def subject(alert: DriftAlert) -> str:
    """What happened, in one line; SNS takes 100 characters of it."""
    if alert.report.drifted:
        names = [column.name for column in alert.report.drifted]
        what = "Drift"
    else:
        names = sorted({alarm.column or alarm.kind for alarm in alert.report.alarms})
        what = "Data alarms"
    return _one_line(f"[{alert.stack}] {what} on {alert.date}: {_listed(names, 3)}")


def lines(alert: DriftAlert) -> list[str]:
    """The ten lines of the e-mail."""
    report = alert.report
    names = [column.name for column in report.drifted]
    moved = [f"{column.name} {what_moved(column.bins)}" for column in report.drifted[:3]]
    alarms = [f"{alarm.column} ({alarm.kind})" for alarm in report.alarms]
    return [
        _one_line(line)
        for line in (
            f"What:     {_what(alert)}",
            f"How bad:  {_how_bad(report)}",
            f"Columns:  {_listed(names, _COLUMNS_NAMED) if names else 'none drifted'}",
            f"Moved:    {moved[0] if moved else 'nothing beyond its threshold'}",
            f"          {' | '.join(moved[1:]) if moved[1:] else 'no other column moved further'}",
            f"Alarms:   {_listed(alarms, 5) if alarms else 'none'}",
            f"Since:    {alert.since}{' (first day)' if alert.since == alert.date else ''}, model {report.run}",
            f"Next:     {_next(report)}",
            f"Report:   s3://{alert.bucket}/{alert.page_key}",
            f"Open:     {_console_link(alert)}",
        )
    ]


def _what(alert: DriftAlert) -> str:
    report = alert.report
    files = (
        f"{report.rows:,} rows in {alert.files:,} {'file' if alert.files == 1 else 'files'} of {alert.date}"
    )
    if report.drifted:
        return f"{len(report.drifted)} of {len(report.columns)} columns drifted in {files}."
    return f"{len(report.alarms)} data alarms in {files}; the verdict is {report.verdict}."


def _how_bad(report: DriftReport) -> str:
    if not report.drifted:
        return (report.alarms[0].column or report.alarms[0].kind) + ": " + report.alarms[0].message
    worst = report.drifted[0]
    share = percent(len(report.drifted) / len(report.columns))
    return f"worst is {worst.name} at {worst.size:.1f} times its threshold; {share} of the columns drifted."


def _next(report: DriftReport) -> str:
    if report.drifted:
        return (
            "Look at the report. Where retraining on drift is switched on, a run starts by itself after the "
            "cool-down; otherwise upload newer labelled rows under training/ and start one."
        )
    return "Look at the report and ask where the data come from: an alarm often means a changed or broken source."


def _console_link(alert: DriftAlert) -> str:
    return (
        f"https://{alert.region}.console.aws.amazon.com/s3/object/{quote(alert.bucket)}"
        f"?region={alert.region}&prefix={quote(alert.page_key, safe='')}"
    )


def _listed(names: list[str], most: int) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def _one_line(text: str) -> str:
    """The text without line breaks and other controls, which a column's name may hold."""
    return "".join(character if character.isprintable() else " " for character in text)
