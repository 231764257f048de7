"""Alarms about a day as a whole: its volume, its refused files and the columns that came with its rows.

The input files that were refused whole.
"""

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

DAY_IS_TOLD = timedelta(hours=18)
"""How much of a day must have passed before few rows say anything."""


_LEAST_DAYS = 3


_NAMES_SHOWN = 5


_LONGEST_NAME = 60


# What came of the files' order or of a race, and not of what is in them.
_NOT_ABOUT_CONTENT = ("NoChampion", "InputGone")


def told_from(day: date) -> datetime:
    """The moment from which the volume of a day says something."""
    return datetime.combine(day, time(), UTC) + DAY_IS_TOLD


def volume_alarms(day: date, rows: int, history: History, rules: VolumeRules, now: datetime) -> list[Alarm]:
    """Alarms when a day has far fewer or far more rows than usual: than the median of the last days with a verdict.

    Where the same weekday of the week before was as quiet or as busy there is no alarm, so that weekends without data,
    and a change that lasts for a week, raise none.
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
    if rows < rules.least * min(usual, also) and now >= told_from(day):
        how = f"fewer than {rules.least:g} times"
    elif rows > rules.most * max(usual, also):
        how = f"more than {rules.most:g} times"
    else:
        return []
    message = f"{rows:,} rows were scored, {how} the median of the last {len(compared)} days ({usual:,.0f})."
    return [Alarm(None, "volume", message)]


def settings_alarms(day: date, settings: RecordedSettings, history: History) -> list[Alarm]:
    """An alarm when the day was judged by other settings than the day of the last report before it.

    An older version's report does not say which settings held, so nothing can be said of a change then.
    """
    last = max((other for other in history if other < day), default=None)
    before = history[last].settings if last else None
    if before is None or not (changed := changes(before, settings)):
        return []
    return [Alarm(None, "settings changed", f"Changed since {last}: {'; '.join(changed)}.")]


def refusal_alarms(day: date, refused: Mapping[str, int]) -> list[Alarm]:
    """An alarm when files were refused for what is in them; `refused` says how many were, by error."""
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
    """An alarm when input files of the day have the same content. Each was scored, so the rows of each count."""
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
            f"{which} the content of another one, so the same rows count more than once: {shown}.",
        )
    ]


def repeated_key_alarms(bucket: Bucket, manifest_keys: Sequence[str], id_column: str) -> list[Alarm]:
    """An alarm when rows of the day have the same key of the user's; a row without a key has none.

    Of days with many rows the keys are not read.
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
            f"Of {rows:,} rows scored {about}{which} a key (IdColumn) that an earlier row of the day has, too.",
        )
    ]


_MOST_KEYS_READ = 2_000_000
"""A minute of reading."""


def schema_alarms(
    day: date, extra_columns: Collection[str] | None, known: Collection[str], history: History, now: datetime
) -> list[Alarm]:
    """Alarms for columns beside the model's that came or went since the last day with files.

    A model may have taken a column in, or dropped it: then it has not come or gone. Early in the day the files that
    have a column may still be to come.

    Args:
        extra_columns: those of this day's files beside their models'; None where that is not known.
        known: the columns of those models.
    """
    last = _last_day_with_files(day, history)
    if last is None or last.extra_columns is None or extra_columns is None:
        return []
    alarms = []
    if came := sorted(set(extra_columns) - last.extra_columns - last.model_columns):
        alarms.append(f"Columns that the files of {last.day} did not have: {_listed(came)}.")
    if now >= told_from(day) and (went := sorted(last.extra_columns - set(extra_columns) - set(known))):
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
    """How many files were refused for which error, by its name; an object that is damaged counts as `unreadable`.

    Raises:
        ObjectMissing: an object has gone since it was listed; call again.
    """

    def error_of(key: str) -> str:
        try:
            return str(bucket.read_json(key)["error"])
        except (KeyError, TypeError, ValueError):
            return _UNREADABLE

    with ThreadPoolExecutor(_READERS) as readers:
        return dict(sorted(Counter(readers.map(error_of, keys)).items()))
