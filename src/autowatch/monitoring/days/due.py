"""Which days the daily job considers and which are due, from the manifests and refusals that scoring wrote."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.monitoring.days.alarms import volume_settled_from
from autowatch.monitoring.days.history import ReportedDay, read_report
from autowatch.monitoring.requests import LONGEST_RANGE
from autowatch.records.claim import is_claimed
from autowatch.records.days import DaysLeftOut, read_days_note
from autowatch.records.keys import (
    DAYS_KEY,
    LABELS_PREFIX,
    MANIFEST_ENDING,
    REFUSAL_ENDING,
    REJECTED_PREFIX,
    days_from,
)
from autowatch.records.timestamps import from_text

LONGEST_LOOK_BACK = 30
"""Days. Older days are named in a mail and judged only on demand."""


# A file counts for the day of its event. The event is retried for 6 hours, and a transform job may take 5 days.
_SETTLES_AFTER = timedelta(days=6)


def open_days(bucket: Bucket, today: date) -> list[date]:
    """The days that may have new files, oldest first: all days after the last complete one."""
    first = _first_day(today)
    complete = read_days_note(bucket)[0].complete_until
    # If the noted day cannot be settled yet, a wrong clock wrote it; trusting it would hide files that come late.
    if complete is not None and complete + _SETTLES_AFTER < today:
        first = max(first, complete + timedelta(days=1))
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def close_days(bucket: Bucket, days: list[date], now: datetime) -> None:
    """Marks those of these days that are settled as complete; the days are consecutive and all judged.

    If another invocation has written the note in the meantime, the next one checks the days again.
    """
    settled = [day for day in days if now >= _end_of(day) + _SETTLES_AFTER]
    note, etag = read_days_note(bucket)
    if settled and note.complete_until != settled[-1] and not is_claimed(note.alerting):
        with suppress(ObjectChanged):
            bucket.replace_json(DAYS_KEY, replace(note, complete_until=settled[-1]).to_json(), etag)


def find_days_left_out(bucket: Bucket, predictions_prefix: str, today: date) -> list[DaysLeftOut]:
    """The days with predictions that are too old for the daily job and that it never judged completely.

    Days that were already announced are left out. Each range is short enough to be judged at once.
    """
    note, _ = read_days_note(bucket)
    start, end = note.next_day, _first_day(today)
    if start is not None and start >= end:
        return []
    folders = bucket.folders(predictions_prefix, days_from(predictions_prefix, start or ""))
    found = [_day(folder.removeprefix(days_from(predictions_prefix)).rstrip("/")) for folder in folders]
    days = [day for day in found if day and day < end and not any(day in told for told in note.left_out)]
    # Without a note, a report is enough: listing everything ever scored might exceed the function's time limit.
    days = [day for day in days if not _is_covered(bucket, predictions_prefix, day, wholly=start is not None)]
    return list(_ranges(days))


def _first_day(today: date) -> date:
    """The oldest day that the job considers."""
    return today - timedelta(days=LONGEST_LOOK_BACK)


def _is_covered(bucket: Bucket, predictions_prefix: str, day: date, *, wholly: bool) -> bool:
    report, _ = read_report(bucket, day)
    if report is None or not wholly:
        return report is not None
    files = list_days(bucket, predictions_prefix, day, day).get(day, DayFiles())
    return bool(report["inputs"] == files.digest)


def _ranges(days: Sequence[date]) -> Iterator[DaysLeftOut]:
    while days:
        together = [day for day in days if (day - days[0]).days < LONGEST_RANGE]
        yield DaysLeftOut(together[0], together[-1], len(together))
        days = days[len(together) :]


@dataclass(frozen=True)
class DayFiles:
    """The ETags of one day's manifests and `.error.json` objects by key, in key order."""

    manifests: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """A digest that changes when an object is added, removed or replaced."""
        text = json.dumps([self.manifests, self.refused], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def is_due(files: DayFiles, reported: ReportedDay | None, day: date, now: datetime) -> bool:
    """Whether a day must be judged: its report is missing, outdated, written too early, or incomplete.

    Today is due even if nothing was scored.
    """
    if reported is None:
        return bool(files.manifests or files.refused) or day == now.date()
    judged_too_early = from_text(reported.generated) < volume_settled_from(day) <= now
    return files.digest != reported.inputs or judged_too_early or reported.failed


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def list_days(bucket: Bucket, predictions_prefix: str, first: date, last: date) -> dict[date, DayFiles]:
    """The files of the days from `first` to `last`; days without files are left out.

    One listing covers all days, since most days are small.
    """
    found: dict[date, DayFiles] = {}
    for day, key, etag in _keys(bucket, predictions_prefix, MANIFEST_ENDING, first, last):
        found.setdefault(day, DayFiles()).manifests[key] = etag
    for day, key, etag in _keys(bucket, REJECTED_PREFIX, REFUSAL_ENDING, first, last):
        found.setdefault(day, DayFiles()).refused[key] = etag
    return found


def list_refused_labels(bucket: Bucket, first: date, last: date) -> dict[date, list[str]]:
    """The keys of the `.error.json` objects of labels files, by day."""
    found: dict[date, list[str]] = {}
    for day, key, _ in _keys(bucket, f"{REJECTED_PREFIX}{LABELS_PREFIX}", REFUSAL_ENDING, first, last):
        found.setdefault(day, []).append(key)
    return found


def _keys(
    bucket: Bucket, prefix: str, ending: str, first: date, last: date
) -> Iterator[tuple[date, str, str]]:
    """Day, key and ETag of each `<prefix>date=<day>/…<ending>`, in key order, which is the order of the days."""
    stem = days_from(prefix)
    end = f"{stem}{last.isoformat()}/\U0010ffff"
    for item in bucket.list(stem, f"{stem}{first.isoformat()}"):
        key = item["Key"]
        if key > end:
            return
        day, slash, _ = key.removeprefix(stem).partition("/")
        if slash and key.endswith(ending) and (known := _day(day)):
            yield known, key, item["ETag"]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
