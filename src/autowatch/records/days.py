"""`monitoring/days.json`: the day up to which the daily job is done, and the days that it had to skip."""

import json
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.keys import DAYS_KEY
from autowatch.records.timestamps import from_text

_MOST_RANGES = 20


@dataclass(frozen=True)
class DaysLeftOut:
    """The days from `first` to `last`, which the daily job will no longer judge; `days` are those with predictions."""

    first: date
    last: date
    days: int

    @property
    def count(self) -> str:
        """The number of days, in words."""
        return "1 day" if self.days == 1 else f"{self.days} days"

    @property
    def command(self) -> str:
        """The command that judges them by hand."""
        return f"autowatch judge --from {self.first} --to {self.last}"

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True)
class DaysNote:
    """What `monitoring/days.json` holds.

    Attributes:
        complete_until: every day up to this one is judged, except those in `left_out`; None where nothing is known.
        left_out: the ranges that were announced, newest last.
        alerting: when an invocation claimed the note to send the alert; see `records.claim`.
    """

    complete_until: date | None = None
    left_out: tuple[DaysLeftOut, ...] = ()
    alerting: str | None = None

    @property
    def next_day(self) -> date | None:
        """The first day that may still have to be judged; None where nothing is known."""
        return self.complete_until and self.complete_until + timedelta(days=1)

    def to_json(self) -> dict[str, Any]:
        """The document without a claim, limited to the newest ranges."""
        document: dict[str, Any] = {"complete_until": self.complete_until and self.complete_until.isoformat()}
        if self.left_out:
            document["left_out"] = [
                {"from": each.first.isoformat(), "to": each.last.isoformat(), "days": each.days}
                for each in self.left_out[-_MOST_RANGES:]
            ]
        return document


def read_days_note(bucket: Bucket) -> tuple[DaysNote, str | None]:
    """The note and its ETag. A damaged note counts as missing: the daily job then looks back as far as it may."""
    try:
        content, etag = bucket.read(DAYS_KEY)
    except ObjectMissing:
        return DaysNote(), None
    try:
        return _note(json.loads(content)), etag
    except (KeyError, TypeError, ValueError, AttributeError):
        return DaysNote(), etag


def _note(document: dict[str, Any]) -> DaysNote:
    until, alerting = document["complete_until"], document.get("alerting")
    if alerting is not None:
        from_text(alerting)
    ranges = [
        DaysLeftOut(date.fromisoformat(each["from"]), date.fromisoformat(each["to"]), int(each["days"]))
        for each in document.get("left_out", ())
    ]
    return DaysNote(None if until is None else date.fromisoformat(until), tuple(ranges), alerting)
