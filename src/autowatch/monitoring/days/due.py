"""Which days the daily job looks at, and which of them it judges.

What scoring has left of each day: the keys of manifests and of refusals.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta

from autowatch.aws.objects import Bucket, ObjectChanged
from autowatch.monitoring.days.alarms import told_from
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
"""Days. Older ones are named in a mail and judged on demand, by their dates."""


# A file counts for the day of its event. That is tried again for 6 hours, and a transform job may take 5 days.
_SETTLES_AFTER = timedelta(days=6)


def open_days(bucket: Bucket, today: date) -> list[date]:
    """The days that may have something new, oldest first: those after the last one that is known to be complete."""
    first = _first_day(today)
    complete = read_days_note(bucket)[0].complete_until
    # A day that cannot be settled yet was noted by a wrong clock; trusting it would hide files that come late.
    if complete is not None and complete + _SETTLES_AFTER < today:
        first = max(first, complete + timedelta(days=1))
    return [first + timedelta(days=number) for number in range((today - first).days + 1)]


def close_days(bucket: Bucket, days: list[date], now: datetime) -> None:
    """Notes that these days, all judged and without a gap, need no look any more once they are settled.

    Where another invocation has written the note meanwhile the next one looks at the days once more.
    """
    settled = [day for day in days if now >= _end_of(day) + _SETTLES_AFTER]
    note, etag = read_days_note(bucket)
    if settled and note.complete_until != settled[-1] and not is_claimed(note.alerting):
        with suppress(ObjectChanged):
            bucket.replace_json(DAYS_KEY, replace(note, complete_until=settled[-1]).to_json(), etag)


def find_days_left_out(bucket: Bucket, predictions_prefix: str, today: date) -> list[DaysLeftOut]:
    """The days with predictions that lie further back than the job looks, and that it never judged wholly.

    Days of which people were told already are not among them. Each range is one that can be judged at once.
    """
    note, _ = read_days_note(bucket)
    start, end = note.next_day, _first_day(today)
    if start is not None and start >= end:
        return []
    folders = bucket.folders(predictions_prefix, days_from(predictions_prefix, start or ""))
    found = [_day(folder.removeprefix(days_from(predictions_prefix)).rstrip("/")) for folder in folders]
    days = [day for day in found if day and day < end and not any(day in told for told in note.left_out)]
    # Without a note a report must do: to list all that was ever scored might take longer than a function has.
    days = [day for day in days if not _is_covered(bucket, predictions_prefix, day, wholly=start is not None)]
    return list(_ranges(days))


def _first_day(today: date) -> date:
    """The oldest day that the job looks at."""
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
    """The ETags of one day's manifests and `.error.json` objects by their keys, each in the order of these."""

    manifests: dict[str, str] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """Changes with the objects: when one comes, goes, or is replaced by another."""
        text = json.dumps([self.manifests, self.refused], sort_keys=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()


def is_due(files: DayFiles, reported: ReportedDay | None, day: date, now: datetime) -> bool:
    """Whether a day is to be judged: its report does not cover its files, or was made too early or not wholly.

    Today is due even if nothing was scored.
    """
    if reported is None:
        return bool(files.manifests or files.refused) or day == now.date()
    told_too_early = from_text(reported.generated) < told_from(day) <= now
    return files.digest != reported.inputs or told_too_early or reported.failed


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + timedelta(days=1)


def list_days(bucket: Bucket, predictions_prefix: str, first: date, last: date) -> dict[date, DayFiles]:
    """What there is of the days from `first` to `last`; those that are not in it have nothing.

    One listing for all days: most of them are small.
    """
    found: dict[date, DayFiles] = {}
    for day, key, etag in _keys(bucket, predictions_prefix, MANIFEST_ENDING, first, last):
        found.setdefault(day, DayFiles()).manifests[key] = etag
    for day, key, etag in _keys(bucket, REJECTED_PREFIX, REFUSAL_ENDING, first, last):
        found.setdefault(day, DayFiles()).refused[key] = etag
    return found


def list_refused_labels(bucket: Bucket, first: date, last: date) -> dict[date, list[str]]:
    """The keys of the `.error.json` objects of labels files, by the day of the file."""
    found: dict[date, list[str]] = {}
    for day, key, _ in _keys(bucket, f"{REJECTED_PREFIX}{LABELS_PREFIX}", REFUSAL_ENDING, first, last):
        found.setdefault(day, []).append(key)
    return found


def _keys(
    bucket: Bucket, prefix: str, ending: str, first: date, last: date
) -> Iterator[tuple[date, str, str]]:
    """The keys `<prefix>date=<day>/…<ending>` with their days and ETags, in their order, which is that of the days."""
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
