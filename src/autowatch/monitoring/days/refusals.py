"""The mail about refused files: at most one a day, with all files that no earlier mail has named."""

import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.monitoring.days.due import LONGEST_LOOK_BACK, DayFiles, list_refused_labels
from autowatch.monitoring.drift.settings import InvalidDriftSettings, read_drift_settings
from autowatch.monitoring.settings import Clients, MonitoringSettings
from autowatch.records.claim import claim, settle
from autowatch.records.keys import REFUSALS_KEY, REJECTED_PREFIX
from autowatch.records.timestamps import from_text
from autowatch.reports.text import counted, short, subject_line, visible

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

_LOGGER = logging.getLogger(__name__)

_MOST_FILES, _MOST_IN_SUBJECT = 20, 3
_LONGEST_NAME, _LONGEST_REASON, _LONGEST_URL = 120, 300, 1200
_SHORTEST = 16
"""Hexadecimal digits of a key's digest: among a million keys, two collide with a probability of about 10⁻⁷."""


@dataclass(frozen=True)
class Refusal:
    """The content of an `.error.json`: the file's key, the error's name and reason; `key` is its own key."""

    file: str
    error: str
    reason: str
    key: str


@dataclass(frozen=True)
class _Note:
    """The content of `monitoring/refusals.json`.

    Attributes:
        mailed: the day of the last mail.
        named: for each day, the digests of the keys that mails have named.
        alerting: when an invocation claimed the note; see `records.claim`.
    """

    mailed: date | None
    named: Mapping[date, Sequence[str]]
    alerting: str | None

    def lacks(self, day: date, key: str) -> bool:
        return _digest(key) not in self.named.get(day, ())

    def with_named(self, keys: Mapping[date, Sequence[str]], today: date) -> "_Note":
        """The note after a mail about these keys, without days that are too old for a daily run."""
        oldest = today - timedelta(days=LONGEST_LOOK_BACK)
        days = sorted(day for day in {*self.named, *keys} if day >= oldest)
        named = {day: [*self.named.get(day, ()), *map(_digest, keys.get(day, ()))] for day in days}
        return _Note(today, named, None)

    def to_json(self) -> dict[str, Any]:
        """The document, without a claim."""
        return {
            "mailed": self.mailed and self.mailed.isoformat(),
            "named": {day.isoformat(): list(digests) for day, digests in self.named.items()},
        }


def mail_refusals(
    clients: Clients, settings: MonitoringSettings, now: datetime, listed: Mapping[date, DayFiles]
) -> int:
    """Sends one mail about all refused files that no mail has named yet, and returns their number.

    At most one mail is sent a day; files refused after it are in the next day's. If a mail fails, the next run retries.

    Args:
        listed: the files of the days that the run considers, oldest first.

    Raises:
        Contested: another invocation is sending the mail.
    """
    bucket, today = clients.bucket, now.date()
    note, etag = _read_note(bucket)
    if note.mailed == today or not _is_wanted(bucket, settings):
        return 0
    labels = list_refused_labels(bucket, min(listed, default=today), today)
    refused = {
        day: [*listed.get(day, DayFiles()).refused, *labels.get(day, ())] for day in {*listed, *labels}
    }
    unnamed = {day: [key for key in found if note.lacks(day, key)] for day, found in refused.items()}
    keys = {day: found for day, found in unnamed.items() if found}
    total = sum(map(len, keys.values()))
    if not total:
        return 0
    etag = claim(bucket, REFUSALS_KEY, note.to_json(), etag, note.alerting)
    try:
        newest = [key for day in sorted(keys) for key in keys[day]][-_MOST_FILES:]
        _send(clients.sns, settings, bucket, [_read(bucket, key) for key in reversed(newest)], total)
    except BaseException:
        settle(bucket, REFUSALS_KEY, note.to_json(), etag)
        raise
    settle(bucket, REFUSALS_KEY, note.with_named(keys, today).to_json(), etag)
    _LOGGER.info("mail about refused files sent", extra={"files": total})
    return total


def _is_wanted(bucket: Bucket, settings: MonitoringSettings) -> bool:
    try:
        return read_drift_settings(bucket, settings.min_rows).alert.refusals
    except InvalidDriftSettings:
        return True


def _read_note(bucket: Bucket) -> tuple[_Note, str | None]:
    """The note and its ETag. A malformed note counts as empty, so that the mail names files again."""
    try:
        content, etag = bucket.read(REFUSALS_KEY)
    except ObjectMissing:
        return _Note(None, {}, None), None
    try:
        return _note(json.loads(content)), etag
    except (KeyError, TypeError, ValueError, AttributeError):
        return _Note(None, {}, None), etag


def _note(document: dict[str, Any]) -> _Note:
    mailed, alerting = document["mailed"], document["alerting"]
    if alerting is not None:
        from_text(alerting)
    named = {date.fromisoformat(day): list(digests) for day, digests in document["named"].items()}
    return _Note(None if mailed is None else date.fromisoformat(mailed), named, alerting)


def _read(bucket: Bucket, key: str) -> Refusal:
    try:
        document = bucket.read_json(key)
        return Refusal(document["input"]["key"], document["error"], document["reason"], key)
    except (ObjectMissing, KeyError, TypeError, ValueError):
        return Refusal(key, "unreadable", "The error document is gone or damaged.", key)


def _send(
    sns: "SNSClient", settings: MonitoringSettings, bucket: Bucket, refusals: Sequence[Refusal], total: int
) -> None:
    names = [each.file.rpartition("/")[2] for each in refusals]
    what = f"[{settings.stack}] {counted(total, 'file')} refused"
    lines = [f"What:     {counted(total, 'file')} could not be processed."]
    for each in refusals:
        lines += [
            f"File:     {short(visible(each.file), _LONGEST_NAME)}",
            f"          {each.error}: {short(visible(each.reason), _LONGEST_REASON)}",
            f"          {short(visible(bucket.url(each.key)), _LONGEST_URL)}",
        ]
    if total > len(refusals):
        lines.append(
            f"And {total - len(refusals):,} more, in .error.json objects under {bucket.url(REJECTED_PREFIX)}"
        )
    lines.append(
        "Next:     Correct each file as its reason says, then upload it again. Each file is named in one mail only."
    )
    publish(sns, settings.topic_arn, subject_line(what, names, _MOST_IN_SUBJECT, total), lines)


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:_SHORTEST]
