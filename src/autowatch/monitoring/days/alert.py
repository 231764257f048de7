"""The alert about a day with drift or alarms, and the event `DriftDetected`, which other systems and retraining use."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from autowatch.aws.notifications import publish, put_event
from autowatch.monitoring.days.news import News
from autowatch.monitoring.drift.document import counts_nothing, deciding_alarms
from autowatch.records.days import DaysLeftOut
from autowatch.reports.text import (
    ALARM_REMEDIES,
    console_link,
    listed,
    model_use,
    one_line,
    percent,
    short,
    subject_line,
    visible,
)

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

_COLUMNS_NAMED = 10


_LONGEST_NAME = 60


_LONGEST_MESSAGE = 300


# Ten lines with names from the data stay far below the 256 kB limit of SNS.
_LONGEST_LINE = 500


@dataclass(frozen=True)
class DriftAlert:
    """A day's findings that need an alert, and their context.

    Attributes:
        document: the day's `drift.json`.
        news: the findings in it that need an alert.
        champion: the run in force.
        caught_up: the dates of other days with news in the same alert.
        retrains: whether drift starts a training run.
    """

    document: Mapping[str, Any]
    news: News
    champion: str
    caught_up: Sequence[str]
    stack: str
    region: str
    bucket: str
    page_key: str
    retrains: bool = True

    @property
    def date(self) -> str:
        """The day that the alert is about."""
        return str(self.document["date"])

    @property
    def part(self) -> Mapping[str, Any]:
        """The part of the document that the alert is about: runs with drift first, then the champion's."""
        parts = [self.document, *self.document["other_runs"]]
        drifted = {finding.run for finding in self.news.news if finding.kind == "drift"}
        concerned = drifted or {finding.run for finding in self.news.news}
        return min(parts, key=lambda part: (part["run"] not in concerned, part["run"] != self.champion))

    @property
    def subject_matter(self) -> Literal["drift", "alarms", "end"]:
        """The worst kind of news: drift, then alarms, then the end of either."""
        kinds = {finding.kind for finding in self.news.news}
        return "drift" if "drift" in kinds else "alarms" if kinds - {"ended"} else "end"

    @property
    def is_reminder(self) -> bool:
        """Whether earlier alerts have already named all of this drift."""
        return all(finding in self.news.reminders for finding in self.news.news if finding.kind == "drift")

    @property
    def ended(self) -> list[str]:
        """The columns whose drift or alarm ended, with the kind of alarm."""
        return sorted(
            f"{finding.column}{'' if finding.message == 'drift' else f' ({finding.message})'}"
            for finding in self.news.news
            if finding.kind == "ended"
        )


def send_mail(sns: "SNSClient", topic_arn: str, alert: DriftAlert) -> None:
    """Publishes the alert to the topic."""
    publish(sns, topic_arn, subject(alert), lines(alert))


def send_mail_of_days_left_out(
    sns: "SNSClient", topic_arn: str, stack: str, page: str, left_out: Sequence[DaysLeftOut]
) -> None:
    """Names days that the daily job never judged, and the commands for them; `page` is the history page's URL."""
    ranges = [f"{each.count} from {each.first} to {each.last}" for each in left_out]
    subject = subject_line(f"[{stack}] Days never judged", ranges, 2)
    lines = [
        f"What:     no daily run judged these days with predictions in time: {listed(ranges, 5)}.",
        "          They are too old for a daily run, so no later run will judge them.",
        "How bad:  nothing is lost, but these rows were never checked for drift.",
        "Next:     to judge all rows of a range at once:",
        *(f"          {each.command}" for each in left_out),
        "          autowatch judge --date YYYY-MM-DD judges one day, with its page.",
        f"Page:     {page}",
    ]
    publish(sns, topic_arn, subject, lines)


def subject(alert: DriftAlert) -> str:
    """The subject line of the e-mail."""
    if alert.subject_matter == "drift":
        names, what = alert.part["drifted_columns"], "Drift continues" if alert.is_reminder else "Drift"
    elif alert.subject_matter == "alarms":
        names, what = (
            sorted({each.column or each.kind for each in alert.news.news if each.kind != "ended"}),
            "Data alarms",
        )
    else:
        names, what = alert.ended, "Drift or alarms ended"
    return subject_line(f"[{alert.stack}] {what} on {alert.date}", names, 3)


def lines(alert: DriftAlert) -> list[str]:
    """The ten lines of the e-mail."""
    finding = {"drift": _lines_of_drift, "alarms": _lines_of_alarms, "end": _lines_of_end}[
        alert.subject_matter
    ](alert)
    written = [
        *finding,
        f"Since:    {_since(alert)}",
        f"Next:     {_next(alert)}",
        f"Report:   s3://{alert.bucket}/{alert.page_key}",
        f"Open:     {console_link(alert.region, alert.bucket, alert.page_key)}",
    ]
    return [_one_line(line) for line in written]


def _lines_of_drift(alert: DriftAlert) -> list[str]:
    part = alert.part
    names = part["drifted_columns"]
    columns = {column["name"]: column for column in part["columns"]}
    worst = columns[names[0]]
    times = worst["js"] / worst["js_threshold"]
    counting = sum(bool(column["importance"]) for column in part["columns"])
    moved = [f"{_short(name)} {columns[name]['moved']}" for name in names[:3]]
    alarms = [
        f"{f'{_short(column)} ({kind})' if column else kind}: {short(message, _LONGEST_MESSAGE)}"
        for column, kind, message in _alarms(alert)
    ]
    return [
        f"What:     {len(names)} of {counting} columns drifted in {_rows(part)} of {alert.date}{_whose(alert)}.",
        f"How bad:  worst is {_short(worst['name'])} at {times:.1f} times its threshold; {_weight(part)}.",
        f"Columns:  {_listed(names, _COLUMNS_NAMED)}",
        f"Moved:    {moved[0]}",
        f"          {' | '.join(moved[1:]) if moved[1:] else 'no other column drifted'}",
        f"Alarms:   {listed(alarms, 5, ' | ') if alarms else 'none'}",
    ]


def _weight(part: Mapping[str, Any]) -> str:
    """How much the drifted columns matter: by their use in the model if known, otherwise by their importance."""
    uses = {column["name"]: column.get("use") for column in part["columns"]}
    moved = model_use({name: uses[name] for name in part["drifted_columns"]})
    if moved:
        return f"what drifted is {moved}"
    return f"columns with {percent(part['drift_share'])} of the importance drifted"


def _lines_of_end(alert: DriftAlert) -> list[str]:
    reference = "those of this weekday before" if alert.part.get("compared_with") else "the training data"
    return [
        f"What:     the rows of {alert.date} look like {reference} again{_whose(alert)}.",
        f"Ended:    {_listed(alert.ended, _COLUMNS_NAMED)}",
        f"Rows:     {_rows(alert.part)}",
    ]


def _lines_of_alarms(alert: DriftAlert) -> list[str]:
    part, alarms = alert.part, _alarms(alert)
    told = [f"{_short(column or kind)}: {message}" for column, kind, message in alarms]
    more = len(told) - 3
    count = "1 data alarm" if len(alarms) == 1 else f"{len(alarms)} data alarms"
    return [
        f"What:     {count} on {_rows(part)} of {alert.date}{_whose(alert)}.",
        f"How bad:  {told[0]}",
        f"          {told[1] if len(told) > 1 else 'no other alarm'}",
        f"          {told[2] if len(told) > 2 else 'nothing further'}",
        f"More:     {f'{more} more in the report' if more > 0 else 'none'}",
        f"Drift:    {_verdict(part)}.",
    ]


def _verdict(part: Mapping[str, Any]) -> str:
    if counts_nothing(part):
        return "there is no verdict, since monitoring/settings.yaml lets no column count"
    return f"the verdict is {part['verdict']}"


def _alarms(alert: DriftAlert) -> list[tuple[str | None, str, str]]:
    """Column, kind and message of the alarms of the run and of the day, news first."""
    news = {(finding.column, finding.kind) for finding in alert.news.news}
    alarms = deciding_alarms(alert.part)
    if alert.part is not alert.document:
        alarms += [alarm for alarm in alert.document["alarms"] if alarm["column"] is None]
    found = [(alarm["column"], alarm["kind"], alarm["message"]) for alarm in alarms]
    return sorted(found, key=lambda alarm: (alarm[0], alarm[1]) not in news)


def _rows(part: Mapping[str, Any]) -> str:
    return f"{part['rows']:,} rows in {part['files']:,} {'file' if part['files'] == 1 else 'files'}"


def _whose(alert: DriftAlert) -> str:
    run = alert.part["run"]
    return "" if run == alert.champion else f", scored by run {run}, which is not the model in force"


def _since(alert: DriftAlert) -> str:
    since = alert.part["since"] or alert.date
    first = " (first day)" if since == alert.date else ""
    caught_up = f"; news of other days, too: {_listed(alert.caught_up, 7)}" if alert.caught_up else ""
    return f"{since}{first}, model {alert.part['run']}{caught_up}"


def _next(alert: DriftAlert) -> str:
    if alert.subject_matter == "end":
        return "Nothing. You are alerted if it starts again."
    if alert.subject_matter == "drift" and alert.part["run"] == alert.champion:
        if alert.retrains:
            return (
                "Look at the report. A training run starts automatically on the newest file under training/, "
                "unless drift started one within RetrainCooldownHours."
            )
        return (
            "Look at the report. No training run starts automatically, since RetrainOnDrift is off: upload newer "
            "labelled rows under training/, then run autowatch train."
        )
    if alert.subject_matter == "drift":
        return "Look at the report. This model has been replaced since, so no training run starts."
    for finding in alert.news.news:
        if finding.kind in ALARM_REMEDIES:
            return ALARM_REMEDIES[finding.kind]
    return (
        "Look at the report and check the source of the data: an alarm often means that it changed or broke."
    )


def _listed(names: Sequence[str], most: int) -> str:
    return listed([_short(name) for name in names], most)


def _short(name: str) -> str:
    return short(name, _LONGEST_NAME)


def _one_line(text: str) -> str:
    """The text without line breaks and control characters, which column names may hold, cut to `_LONGEST_LINE`."""
    return short(one_line(visible(text)), _LONGEST_LINE)


# EventBridge limits entries to 256 kB; the report is complete.
_MOST = 100


_LONGEST_NAME_IN_EVENT = 100


def put_drift_event(
    events: "EventBridgeClient",
    event_bus: str,
    bucket: str,
    date: str,
    part: Mapping[str, Any],
    report_key: str,
) -> None:
    """Puts `DriftDetected` on the event buses; docs/drift-detected.schema.json has its fields.

    Args:
        part: the drifted run's part of `drift.json`.

    Raises:
        EventRefused: EventBridge accepted the call but rejected the event.
    """
    detail = {
        "bucket": bucket,
        "date": date,
        "run": part["run"],
        "rows": part["rows"],
        "drifted_columns": [name[:_LONGEST_NAME_IN_EVENT] for name in part["drifted_columns"][:_MOST]],
        "drift_share": part["drift_share"],
        "since": part["since"],
        "alarms": [
            {"column": alarm["column"] and alarm["column"][:_LONGEST_NAME_IN_EVENT], "kind": alarm["kind"]}
            for alarm in deciding_alarms(part)[:_MOST]
        ],
        "report_key": report_key,
    }
    put_event(events, event_bus, "DriftDetected", detail)
