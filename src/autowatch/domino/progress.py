"""Chooses the days that the loader checks: those that may hold unregistered files.

Predictions are stored under the day of their event. Each run checks a day until it is 21 days old: an event may wait in
the dead-letter queue for 14 days before someone redrives it, is then retried for 6 hours, and a transform may take 5
days. Older days are checked only while they have unregistered files. Labels may arrive for any day at any time; the
loader checks the days for which labels were written since the last run.
"""

import json
import logging
import re
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.keys import DOMINO_PROGRESS_KEY, day_folder, days_from
from autowatch.records.timestamps import from_text, to_text

OPEN_DAYS = 21

_DAY = re.compile(r"date=([0-9]{4}-[0-9]{2}-[0-9]{2})/")
_MARGIN = timedelta(days=1)
"""More than the difference between S3's clock and ours plus the duration of a write."""

_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class Progress:
    """What `monitoring/domino/progress.json` holds. Without it, every day is checked.

    Attributes:
        closed_before: all days of predictions before this one are complete, except `open_days`.
        open_days: earlier days with unregistered predictions.
        labels_seen: when the loader last checked for labels.
        open_label_days: days with unregistered labels.
    """

    closed_before: str = ""
    open_days: tuple[str, ...] = ()
    labels_seen: str = ""
    open_label_days: tuple[str, ...] = ()


@dataclass(frozen=True)
class DaysLeft:
    """The days that still have unregistered files at the end of a run."""

    predictions: list[str]
    labels: list[str]


def read_progress(bucket: Bucket) -> Progress:
    """The last run's progress. An unreadable record counts as none: then every day is checked."""
    try:
        document = bucket.read_json(DOMINO_PROGRESS_KEY)
        return Progress(
            closed_before=_day(document["closed_before"]),
            open_days=tuple(map(_day, document["open_days"])),
            labels_seen=to_text(from_text(document["labels_seen"])),
            open_label_days=tuple(map(_day, document["open_label_days"])),
        )
    except ObjectMissing:
        return Progress()
    except (ValueError, KeyError, TypeError):
        _LOGGER.warning(
            "The progress record cannot be read; every day is checked", extra={"key": DOMINO_PROGRESS_KEY}
        )
        return Progress()


def write_progress(bucket: Bucket, progress: Progress, left: DaysLeft, now: datetime) -> Progress:
    """Records that all files are registered, except on the days in `left`. `now` is when the run began."""
    horizon = (now - timedelta(days=OPEN_DAYS)).date().isoformat()
    closed_before = max(progress.closed_before, horizon)
    written = Progress(
        closed_before=closed_before,
        open_days=tuple(sorted(day for day in left.predictions if day < closed_before)),
        labels_seen=to_text(now),
        open_label_days=tuple(sorted(left.labels)),
    )
    bucket.write_json(DOMINO_PROGRESS_KEY, asdict(written))
    return written


def prediction_days(bucket: Bucket, prefix: str, progress: Progress) -> list[str]:
    """The days to look at, oldest first."""
    after = days_from(prefix, progress.closed_before) if progress.closed_before else ""
    folders = bucket.folders(prefix, after)
    days = {match[1] for folder in folders if (match := _DAY.fullmatch(folder.removeprefix(prefix)))}
    return sorted(days.union(progress.open_days))


def label_days(bucket: Bucket, prefix: str, progress: Progress) -> list[str]:
    """The days to look at, oldest first."""
    since = from_text(progress.labels_seen) - _MARGIN if progress.labels_seen else None
    days = set(progress.open_label_days)
    for item in bucket.list(prefix):
        match = _DAY.match(item["Key"], len(prefix))
        if match and (since is None or item["LastModified"] >= since):
            days.add(match[1])
    return sorted(days)


def _day(text: str) -> str:
    if not _DAY.fullmatch(day_folder("", text)):
        raise ValueError(f"no day: {json.dumps(text, allow_nan=False)}")
    return text
