"""What people and other systems are told about days whose predictions are worse than they may be."""

import json
from dataclasses import dataclass
from typing import Any

from autowatch.alert_text import console_link, listed, one_line
from autowatch.errors import AutowatchError
from autowatch.notification import publish
from autowatch.quality_document import quality_key

_DAYS_NAMED = 5


class QualityEventRefused(AutowatchError):
    """EventBridge did not take the event."""


@dataclass(frozen=True)
class QualityAlert:
    """What somebody must hear of.

    Attributes:
        document: the `quality.json` of the newest day that is told of.
        days: all days that are told of, in order.
        since: the first of the unbroken row of days on which the run was worse.
        champion: the run that serves, None if there is none.
        page_key: the page of the newest day.
    """

    document: dict[str, Any]
    days: tuple[str, ...]
    since: str
    champion: str | None
    stack: str
    region: str
    bucket: str
    page_key: str


def send_mail(sns: Any, topic_arn: str, alert: QualityAlert) -> None:
    """Publishes the alert to the topic."""
    publish(sns, topic_arn, subject(alert), lines(alert))


def put_event(events: Any, alert: QualityAlert) -> None:
    """Puts `QualityDropped` on the default event bus; docs/formats.md has its fields.

    Raises:
        QualityEventRefused: EventBridge took the call, but not the event.
    """
    document = alert.document
    detail = {
        "bucket": alert.bucket,
        "date": document["date"],
        "dates": list(alert.days),
        "since": alert.since,
        "run": document["run"],
        "reasons": document["reasons"],
        "rows_scored": document["rows_scored"],
        "rows_labelled": document["rows_labelled"],
        "coverage": document["coverage"],
        "auc": document["metrics"]["auc"],
        "gate_auc": document["gate"].get("auc"),
        "report_key": quality_key(document["date"]),
    }
    entry = {"Source": "autowatch", "DetailType": "QualityDropped", "Detail": json.dumps(detail)}
    answer = events.put_events(Entries=[entry])
    if answer["FailedEntryCount"]:
        code = answer["Entries"][0].get("ErrorCode", "no reason given")
        raise QualityEventRefused(
            f"EventBridge refused QualityDropped of {document['date']}: {code}. The next attempt tries again."
        )


def subject(alert: QualityAlert) -> str:
    """What happened, in one line; SNS takes 100 characters of it."""
    auc = alert.document["metrics"]["auc"]["value"]
    more = f" and {len(alert.days) - 1} more days" if len(alert.days) > 1 else ""
    return one_line(f"[{alert.stack}] Predictions got worse: AUC {auc:.3f} on {alert.document['date']}{more}")


def lines(alert: QualityAlert) -> list[str]:
    """The ten lines of the e-mail."""
    document, metrics = alert.document, alert.document["metrics"]
    run, since = document["run"], alert.since
    return [
        one_line(line)
        for line in (
            f"What:     by the labels that came, the predictions of {document['date']} are worse than they may be.",
            f"How bad:  {document['reasons'][0]}",
            f"          {document['reasons'][1] if document['reasons'][1:] else _against_gate(document)}",
            f"Others:   accuracy {_figure(metrics['accuracy'])}, F1 {_figure(metrics['f1'])}, "
            f"log loss {_figure(metrics['log_loss'])}, Brier {_figure(metrics['brier'])}",
            f"Labels:   {document['rows_labelled']:,} of {document['rows_scored']:,} scored rows have one "
            f"({document['coverage']:.1%}); if these are not a random part, the figures may be theirs alone.",
            f"Days:     {listed(alert.days[::-1], _DAYS_NAMED)}",
            f"Since:    {since}{' (first day)' if since == document['date'] else ''}, model {run}",
            f"Next:     {_next(alert)}",
            f"Report:   s3://{alert.bucket}/{alert.page_key}",
            f"Open:     {console_link(alert.region, alert.bucket, alert.page_key)}",
        )
    ]


def _against_gate(document: dict[str, Any]) -> str:
    auc = document["gate"].get("auc")
    return "The gate's figures were not kept." if auc is None else f"The gate measured AUC {auc:.4f}."


def _figure(estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return "–"
    return f"{estimate['value']:.3f} ({estimate['lower']:.3f} to {estimate['upper']:.3f})"


def _next(alert: QualityAlert) -> str:
    run = alert.document["run"]
    if alert.champion != run:
        return (
            f"Look at the days since: model {run} does not serve any more; {alert.champion or 'none'} does."
        )
    return (
        "See in the report whether the data drifted. If so, put newer labelled rows under training/ and start a run; "
        "if not, ask what these labels are and where they come from. Nothing is retrained by itself."
    )
