"""Telling people of worse days: once for each, whoever finds them, and although whoever tells may die over it."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from autowatch.champion import NoChampion, read_champion
from autowatch.objects import ObjectChanged, ObjectMissing, read_json, read_json_with_etag, replace_json
from autowatch.quality_alert import QualityAlert, put_event, send_mail
from autowatch.quality_document import quality_key
from autowatch.report_pages import day_page_key
from autowatch.timestamps import from_text, to_text

_SECONDS_TO_TELL = 60.0
"""After so long whoever was about to tell is taken for dead: its clients have given up by then."""

_POLL_SECONDS = 1.0
_DAYS_LOOKED_BACK = 30


@dataclass(frozen=True)
class Telling:
    """Where people are told, and how long whoever is about to tell may take."""

    s3: Any
    sns: Any
    events: Any
    bucket: str
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
        document: dict[str, Any] = read_json(telling.s3, telling.bucket, quality_key(day))
    except ObjectMissing:
        return None
    return document


def _is_open(document: dict[str, Any] | None) -> bool:
    return document is not None and document["verdict"] == "worse" and not document["alerted"]


def _claim(telling: Telling, day: str) -> dict[str, Any] | None:
    """Writes that this call is about to tell of the day, and gives its document; None if another one is, or has."""
    document, etag = read_json_with_etag(telling.s3, telling.bucket, quality_key(day))
    now = datetime.now(UTC)
    if not _is_open(document):
        return None
    if document["alerting"]:
        waited = now - from_text(document["alerting"])
        if waited < timedelta(seconds=telling.seconds_to_tell):
            return None
    claimed: dict[str, Any] = document | {"alerting": to_text(now)}
    try:
        replace_json(telling.s3, telling.bucket, quality_key(day), claimed, etag)
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
        document, etag = read_json_with_etag(telling.s3, telling.bucket, quality_key(day))
        if document["run"] != run:
            # Labels of a newer run came, and whoever measured that tells of it.
            return
        try:
            settled = document | {"alerted": alerted, "alerting": None}
            replace_json(telling.s3, telling.bucket, quality_key(day), settled, etag)
        except ObjectChanged:
            continue
        return


def _alert(telling: Telling, documents: Mapping[str, dict[str, Any]]) -> QualityAlert:
    newest = max(documents)
    document = documents[newest]
    try:
        champion = read_champion(telling.s3, telling.bucket).run
    except NoChampion:
        champion = None
    return QualityAlert(
        document=document,
        days=tuple(sorted(documents)),
        since=_since(telling, newest, document["run"]),
        champion=champion,
        stack=telling.stack,
        region=telling.region,
        bucket=telling.bucket,
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
