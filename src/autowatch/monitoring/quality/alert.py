"""Telling people of worse days: once for each, whoever finds them, and although whoever tells may die over it.

What people and other systems are told about days whose predictions are worse than they may be.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing
from autowatch.errors import AutowatchError
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.report_keys import day_page_key, quality_key
from autowatch.records.timestamps import from_text, to_text
from autowatch.reports.text import console_link, listed, one_line

_SECONDS_TO_TELL = 60.0
"""After so long whoever was about to tell is taken for dead: its clients have given up by then."""


_POLL_SECONDS = 1.0


_DAYS_LOOKED_BACK = 30


@dataclass(frozen=True)
class Telling:
    """Where people are told, and how long whoever is about to tell may take."""

    bucket: Bucket
    sns: Any
    events: Any
    topic_arn: str
    stack: str
    region: str
    seconds_to_tell: float = _SECONDS_TO_TELL


def tell_of_worse_days(telling: Telling, days: Sequence[str]) -> tuple[str, ...]:
    """Tells people of those of the days that are worse and not told of yet: one e-mail and one event for all of them.

    Who tells of a day first writes into its document that it is about to; others wait for it, and take over
    where it does not come back. So one that is killed at that has its retry tell, perhaps for the second time.

    Returns:
        The days that this call has told of.
    """
    told: list[str] = []
    deadline = time.monotonic() + 2 * telling.seconds_to_tell
    open_days = [day for day in days if _is_open(_read(telling, day))]
    while open_days:
        mine = {day: document for day in open_days if (document := _claim(telling, day))}
        if mine:
            _tell(telling, mine)
            told += mine
        open_days = [day for day in open_days if day not in mine and _is_open(_read(telling, day))]
        if open_days:
            if time.monotonic() > deadline:
                break
            time.sleep(min(_POLL_SECONDS, telling.seconds_to_tell))
    return tuple(told)


def _read(telling: Telling, day: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = telling.bucket.read_json(quality_key(day))
    except ObjectMissing:
        return None
    return document


def _is_open(document: dict[str, Any] | None) -> bool:
    return document is not None and document["verdict"] == "worse" and not document["alerted"]


def _claim(telling: Telling, day: str) -> dict[str, Any] | None:
    """Writes that this call is about to tell of the day, and gives its document; None if another one is, or has."""
    document, etag = telling.bucket.read_json_with_etag(quality_key(day))
    now = datetime.now(UTC)
    if not _is_open(document):
        return None
    if document["alerting"]:
        waited = now - from_text(document["alerting"])
        if waited < timedelta(seconds=telling.seconds_to_tell):
            return None
    claimed: dict[str, Any] = document | {"alerting": to_text(now)}
    try:
        telling.bucket.replace_json(quality_key(day), claimed, etag)
    except ObjectChanged:
        return None
    return claimed


def _tell(telling: Telling, documents: Mapping[str, dict[str, Any]]) -> None:
    """Tells of days by the documents that were claimed, whatever becomes of the days meanwhile."""
    alerted = False
    try:
        alert = _alert(telling, documents)
        send_mail(telling.sns, telling.topic_arn, alert)
        put_event(telling.events, alert)
        alerted = True
    finally:
        for day, document in documents.items():
            _settle(telling, day, document["run"], alerted)


def _settle(telling: Telling, day: str, run: str, alerted: bool) -> None:
    """Writes whether people were told of this run's day, over whatever more labels have made of it meanwhile."""
    while True:
        document, etag = telling.bucket.read_json_with_etag(quality_key(day))
        if document["run"] != run:
            # Labels of a newer run came, and whoever measured that tells of it.
            return
        try:
            settled = document | {"alerted": alerted, "alerting": None}
            telling.bucket.replace_json(quality_key(day), settled, etag)
        except ObjectChanged:
            continue
        return


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


def _alert(telling: Telling, documents: Mapping[str, dict[str, Any]]) -> QualityAlert:
    newest = max(documents)
    document = documents[newest]
    try:
        champion = read_champion(telling.bucket).run
    except NoChampion:
        champion = None
    return QualityAlert(
        document=document,
        days=tuple(sorted(documents)),
        since=_since(telling, newest, document["run"]),
        champion=champion,
        stack=telling.stack,
        region=telling.region,
        bucket=telling.bucket.name,
        page_key=day_page_key(date.fromisoformat(newest)),
    )


def _since(telling: Telling, day: str, run: str) -> str:
    """The first of the days up to `day` on which this run was worse throughout; days without a verdict do not count."""
    first = day
    for back in range(1, _DAYS_LOOKED_BACK + 1):
        earlier = (date.fromisoformat(day) - timedelta(days=back)).isoformat()
        document = _read(telling, earlier)
        if document is None or document["verdict"] == "not enough labels":
            continue
        if document["verdict"] == "good" or document["run"] != run:
            break
        first = earlier
    return first


_DAYS_NAMED = 5


class QualityEventRefused(AutowatchError):
    """EventBridge did not take the event."""


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
