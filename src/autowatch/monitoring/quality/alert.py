"""Alert once per degraded day, even if several invocations find it or the notifier is killed midway."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from autowatch.aws.notifications import publish, put_event
from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.evaluation.measures import MEASURES, MEASURES_OF, say_number
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.claim import CLAIM_LASTS, Contested, claim, is_claimed, settle
from autowatch.records.keys import day_page_key, quality_key
from autowatch.reports.text import console_link, listed, one_line

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_sns import SNSClient

_POLL_SECONDS = 1.0


_DAYS_LOOKED_BACK = 30


@dataclass(frozen=True)
class AlertTarget:
    """Where alerts go, and how long a claim of a day lasts."""

    bucket: Bucket
    sns: "SNSClient"
    events: "EventBridgeClient"
    topic_arn: str
    event_bus: str
    stack: str
    region: str
    claim_lasts: timedelta = CLAIM_LASTS


def alert_on_worse_days(target: AlertTarget, days: Sequence[str]) -> tuple[str, ...]:
    """Alerts on the degraded days that have no alert yet: one e-mail and one event for all of them.

    Each day is claimed before the alert (`records/claim.py`). Other invocations wait for the claimant and take over if
    its claim expires.

    Returns:
        The days that this call has alerted on.
    """
    told: list[str] = []
    deadline = time.monotonic() + 2 * target.claim_lasts.total_seconds()
    open_days = [day for day in days if _is_open(_read(target, day))]
    while open_days:
        mine = {day: document for day in open_days if (document := _claim(target, day))}
        if mine:
            _alert_on(target, mine)
            told += mine
        open_days = [day for day in open_days if day not in mine and _is_open(_read(target, day))]
        if open_days:
            if time.monotonic() > deadline:
                break
            time.sleep(min(_POLL_SECONDS, target.claim_lasts.total_seconds()))
    return tuple(told)


def _read(target: AlertTarget, day: str) -> dict[str, Any] | None:
    try:
        document: dict[str, Any] = target.bucket.read_json(quality_key(day))
    except ObjectMissing:
        return None
    return document


def _is_open(document: dict[str, Any] | None) -> bool:
    return document is not None and document["verdict"] == "worse" and not document["alerted"]


def _claim(target: AlertTarget, day: str) -> dict[str, Any] | None:
    """Claims the day and returns its document; None if another invocation has claimed it or alerted on it."""
    document: dict[str, Any]
    document, etag = target.bucket.read_json_with_etag(quality_key(day))
    if not _is_open(document) or is_claimed(document["alerting"], target.claim_lasts):
        return None
    try:
        claim(target.bucket, quality_key(day), document, etag)
    except Contested:
        return None
    return document


def _alert_on(target: AlertTarget, documents: Mapping[str, dict[str, Any]]) -> None:
    """Alerts on days, using the claimed documents even if more labels arrive in the meantime."""
    alerted = False
    try:
        alert = _alert(target, documents)
        send_mail(target.sns, target.topic_arn, alert)
        put_quality_event(target.events, target.event_bus, alert)
        alerted = True
    finally:
        for day, document in documents.items():
            _settle(target, day, document["run"], alerted)


def _settle(target: AlertTarget, day: str, run: str, alerted: bool) -> None:
    """Writes whether the alert on this run's day was sent, into the newest version of the document."""
    while True:
        document, etag = target.bucket.read_json_with_etag(quality_key(day))
        if document["run"] != run:
            # Labels of a newer run arrived; the invocation that measured them alerts on that run.
            return
        try:
            settle(target.bucket, quality_key(day), document | {"alerted": alerted}, etag)
        except Contested:
            continue
        return


@dataclass(frozen=True)
class QualityAlert:
    """The content of an alert.

    Attributes:
        document: the `quality.json` of the newest day in the alert.
        days: all days in the alert, in order.
        since: the first day of the unbroken series on which the run was worse.
        champion: the run in force; None if there is none.
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


def _alert(target: AlertTarget, documents: Mapping[str, dict[str, Any]]) -> QualityAlert:
    newest = max(documents)
    document = documents[newest]
    try:
        champion = read_champion(target.bucket).run
    except NoChampion:
        champion = None
    return QualityAlert(
        document=document,
        days=tuple(sorted(documents)),
        since=_since(target, newest, document["run"]),
        champion=champion,
        stack=target.stack,
        region=target.region,
        bucket=target.bucket.name,
        page_key=day_page_key(date.fromisoformat(newest)),
    )


def _since(target: AlertTarget, day: str, run: str) -> str:
    """The first day of the unbroken series up to `day` on which this run was worse, ignoring days without a verdict."""
    first = day
    for back in range(1, _DAYS_LOOKED_BACK + 1):
        earlier = (date.fromisoformat(day) - timedelta(days=back)).isoformat()
        document = _read(target, earlier)
        if document is None or document["verdict"] == "not enough labels":
            continue
        if document["verdict"] == "good" or document["run"] != run:
            break
        first = earlier
    return first


_DAYS_NAMED = 5


def send_mail(sns: "SNSClient", topic_arn: str, alert: QualityAlert) -> None:
    """Publishes the alert to the topic."""
    publish(sns, topic_arn, subject(alert), lines(alert))


def put_quality_event(events: "EventBridgeClient", event_bus: str, alert: QualityAlert) -> None:
    """Puts `QualityDropped` on the event buses; docs/formats.md has its fields.

    Raises:
        EventRefused: EventBridge accepted the call but rejected the event.
    """
    document, judged = alert.document, _judged(alert.document)
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
        "measure": judged.measure,
        "figure": judged.figure,
        "gate_figure": judged.gate,
        "report_key": quality_key(document["date"]),
    }
    if judged.measure == "auc":
        # The fields of earlier versions, which only had the AUC.
        detail |= {"auc": judged.figure, "gate_auc": judged.gate}
    put_event(events, event_bus, "QualityDropped", detail)


def subject(alert: QualityAlert) -> str:
    """The subject line of the e-mail; SNS allows 100 characters."""
    judged = _judged(alert.document)
    more = f" and {len(alert.days) - 1} more days" if len(alert.days) > 1 else ""
    return one_line(
        f"[{alert.stack}] Predictions got worse on {alert.document['date']}{more}: {judged.words}"
    )


def lines(alert: QualityAlert) -> list[str]:
    """The ten lines of the e-mail."""
    document, run, since = alert.document, alert.document["run"], alert.since
    return [
        one_line(line)
        for line in (
            f"What:     according to the labels, the predictions of {document['date']} are worse than allowed.",
            f"How bad:  {document['reasons'][0]}",
            f"          {document['reasons'][1] if document['reasons'][1:] else _against_gate(document)}",
            f"Others:   {_others(document)}",
            f"Labels:   {document['rows_labelled']:,} of {document['rows_scored']:,} scored rows have one "
            f"({document['coverage']:.1%}); unless these are a random sample, the figures may not hold for the others.",
            f"Days:     {listed(alert.days[::-1], _DAYS_NAMED)}",
            f"Since:    {since}{' (first day)' if since == document['date'] else ''}, model {run}",
            f"Next:     {_next(alert)}",
            f"Report:   s3://{alert.bucket}/{alert.page_key}",
            f"Open:     {console_link(alert.region, alert.bucket, alert.page_key)}",
        )
    ]


@dataclass(frozen=True)
class _Judged:
    """The basis of the verdict: a name in `MEASURES`, the figure in the document, and the gate's figure."""

    measure: str
    figure: dict[str, float]
    gate: float | None

    @property
    def words(self) -> str:
        """The measure and its value."""
        return f"{MEASURES[self.measure].words} {_value(self.measure, self.figure['value'])}"


def _judged(document: dict[str, Any]) -> _Judged:
    """Reads the basis of the verdict; documents of earlier versions only have AUCs."""
    found = document.get("judged")
    if found is None:
        return _Judged("auc", document["metrics"]["auc"], document["gate"].get("auc"))
    return _Judged(found["measure"], found["figure"], found["gate"])


def _against_gate(document: dict[str, Any]) -> str:
    judged = _judged(document)
    if judged.gate is None:
        return "The gate's figures were not kept."
    return f"The gate measured {MEASURES[judged.measure].say(judged.gate)}."


def _others(document: dict[str, Any]) -> str:
    names = MEASURES_OF[document.get("problem_type", "binary")].beside
    judged = _judged(document).measure
    return ", ".join(
        f"{MEASURES[name].words} {_figure(name, document['metrics'][name])}"
        for name in names
        if name != judged
    )


def _figure(name: str, estimate: dict[str, float] | None) -> str:
    if estimate is None:
        return "–"
    value, lower, upper = (_value(name, estimate[end]) for end in ("value", "lower", "upper"))
    return f"{value} ({lower} to {upper})"


def _value(name: str, value: float) -> str:
    return say_number(value) if MEASURES[name].in_units else f"{value:.3f}"


def _next(alert: QualityAlert) -> str:
    run = alert.document["run"]
    if alert.champion != run:
        return f"Look at the days since: model {run} is no longer in force; {alert.champion or 'none'} is."
    return (
        "See in the report whether the data drifted. If so, put newer labelled rows under training/ and start a run; "
        "if not, check what these labels are and where they come from. No training run starts automatically."
    )
