"""Alarms about a day as a whole: its volume, its refused files, repeated content or keys, and extra columns."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta
from statistics import median

from autowatch.aws.bulk import read_many
from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.monitoring.days.history import History, ReportedDay
from autowatch.monitoring.drift.judge import Alarm
from autowatch.monitoring.drift.recorded_settings import RecordedSettings, changes
from autowatch.monitoring.drift.settings import VolumeRules
from autowatch.records.keys import REJECTED_PREFIX, day_folder
from autowatch.records.manifest import Manifest
from autowatch.records.predictions import read_columns
from autowatch.reports.text import short
from autowatch.tabular.repeated import RepeatedRows

VOLUME_SETTLES_AFTER = timedelta(hours=18)
"""How much of a day must have passed before a low row count is meaningful."""


_LEAST_DAYS = 3


_NAMES_SHOWN = 5


_LONGEST_NAME = 60


# Errors caused by the order of the files or by a race, not by their content.
_NOT_ABOUT_CONTENT = ("NoChampion", "InputGone")


def volume_settled_from(day: date) -> datetime:
    """The time from which a low row count on this day is meaningful."""
    return datetime.combine(day, time(), UTC) + VOLUME_SETTLES_AFTER


def volume_alarms(day: date, rows: int, history: History, rules: VolumeRules, now: datetime) -> list[Alarm]:
    """An alarm when a day has far fewer or far more rows than usual: the median of the last days with enough rows.

    There is no alarm if the same weekday of the previous week was equally quiet or busy. Weekends without data, and
    changes that last a week, therefore raise no alarm.
    """
    judged = sorted(
        (other for other, found in history.items() if other < day and found.has_rows_enough), reverse=True
    )
    compared = [history[other].rows for other in judged[: rules.days]]
    if len(compared) < _LEAST_DAYS:
        return []
    usual = median(compared)
    week_before = history.get(day - timedelta(days=7))
    also = usual if week_before is None else week_before.rows
    if rows < rules.least * min(usual, also) and now >= volume_settled_from(day):
        how = f"fewer than {rules.least:g} times"
    elif rows > rules.most * max(usual, also):
        how = f"more than {rules.most:g} times"
    else:
        return []
    message = f"{rows:,} rows were scored, {how} the median of the last {len(compared)} days ({usual:,.0f})."
    return [Alarm(None, "volume", message)]


def settings_alarms(day: date, settings: RecordedSettings, history: History) -> list[Alarm]:
    """An alarm when the day's settings differ from those of the previous report.

    Reports of older versions do not record the settings, so no change can be detected from them.
    """
    last = max((other for other in history if other < day), default=None)
    before = history[last].settings if last else None
    if before is None or not (changed := changes(before, settings)):
        return []
    return [Alarm(None, "settings changed", f"Changed since {last}: {'; '.join(changed)}.")]


def refusal_alarms(day: date, refused: Mapping[str, int]) -> list[Alarm]:
    """An alarm when files were refused for their content; `refused` has the number of files for each error name."""
    content = {error: files for error, files in refused.items() if error not in _NOT_ABOUT_CONTENT}
    if not content:
        return []
    counts = ", ".join(f"{files:,} {error}" for error, files in content.items())
    total = sum(content.values())
    what = "1 file was" if total == 1 else f"{total:,} files were"
    return [
        Alarm(None, "refused files", f"{what} refused ({counts}): see {day_folder(REJECTED_PREFIX, day)}.")
    ]


def same_content_alarms(inputs: Collection[ObjectVersion]) -> list[Alarm]:
    """An alarm when input files of the day have the same content. Each file was scored, so its rows count again."""
    by_content: dict[tuple[str, int], list[str]] = {}
    for file in inputs:
        by_content.setdefault((file.etag, file.size), []).append(file.key)
    groups = sorted(sorted(keys) for keys in by_content.values() if len(keys) > 1)
    if not groups:
        return []
    shown = "; ".join(_listed(keys) for keys in groups[:_NAMES_SHOWN])
    files = sum(len(keys) - 1 for keys in groups)
    which = "1 file repeats" if files == 1 else f"{files} files repeat"
    return [
        Alarm(
            None,
            "same content",
            f"{which} the content of another file, so the same rows count more than once: {shown}.",
        )
    ]


def repeated_key_alarms(bucket: Bucket, manifest_keys: Sequence[str], id_column: str) -> list[Alarm]:
    """An alarm when rows of the day share a value in the user's key column; rows without a key are ignored.

    Keys are not read on days with more than `_MOST_KEYS_READ` rows.
    """
    manifests: list[Manifest] = []
    read_many(
        bucket, manifest_keys, lambda key, content: manifests.append(bucket.decode(content, Manifest, key))
    )
    with_key = [manifest for manifest in manifests if id_column in manifest.columns]
    rows = sum(manifest.rows.scored for manifest in with_key)
    if rows > _MOST_KEYS_READ:
        return []
    seen = RepeatedRows()
    for manifest in with_key:
        for (keys,) in read_columns(bucket, manifest, [id_column]):
            seen.add(map(hash, filter(None, keys)))
    if not (repeated := seen.count()):
        return []
    about = "" if seen.is_exact else "about "
    which = "1 row has" if repeated == 1 else f"{repeated:,} rows have"
    return [
        Alarm(
            None,
            "repeated keys",
            f"Of {rows:,} scored rows, {about}{which} the same key (IdColumn) as an earlier row of the day.",
        )
    ]


_MOST_KEYS_READ = 2_000_000
"""Rows; reading so many keys takes about a minute."""


def schema_alarms(
    day: date, extra_columns: Collection[str] | None, known: Collection[str], history: History, now: datetime
) -> list[Alarm]:
    """Alarms for columns outside the model that appeared or disappeared since the last day with files.

    A column that a model started or stopped using raises no alarm. Disappeared columns are only reported late in the
    day, since a later file may still have them.

    Args:
        extra_columns: columns of this day's files that their models do not use; None if unknown.
        known: the columns of those models.
    """
    last = _last_day_with_files(day, history)
    if last is None or last.extra_columns is None or extra_columns is None:
        return []
    alarms = []
    if came := sorted(set(extra_columns) - last.extra_columns - last.model_columns):
        alarms.append(f"New columns that the files of {last.day} did not have: {_listed(came)}.")
    if now >= volume_settled_from(day) and (
        went := sorted(last.extra_columns - set(extra_columns) - set(known))
    ):
        alarms.append(f"Columns that the files of {last.day} had are gone: {_listed(went)}.")
    return [Alarm(None, "schema", message) for message in alarms]


def _last_day_with_files(day: date, history: History) -> ReportedDay | None:
    days = [other for other, found in history.items() if other < day and found.files]
    return history[max(days)] if days else None


def _listed(names: list[str]) -> str:
    more = len(names) - _NAMES_SHOWN
    shown = ", ".join(short(name, _LONGEST_NAME) for name in names[:_NAMES_SHOWN])
    return shown + (f" and {more} more" if more > 0 else "")


_READERS = 16


_UNREADABLE = "unreadable"


def count_refused(bucket: Bucket, keys: Iterable[str]) -> dict[str, int]:
    """The number of refused files for each error name; damaged error objects count as `unreadable`.

    Raises:
        ObjectMissing: an object was deleted after it was listed; call again.
    """

    def error_of(key: str) -> str:
        try:
            return str(bucket.read_json(key)["error"])
        except (KeyError, TypeError, ValueError):
            return _UNREADABLE

    with ThreadPoolExecutor(_READERS) as readers:
        return dict(sorted(Counter(readers.map(error_of, keys)).items()))
