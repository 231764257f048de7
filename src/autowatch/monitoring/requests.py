"""The requests that the drift detector accepts, read from its events."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from autowatch.errors import AutowatchError
from autowatch.records.keys import INFERENCE_PREFIX, PREDICTIONS_PREFIX, TRAINING_PREFIX
from autowatch.records.timestamps import from_text

LONGEST_RANGE = 366
"""Days."""


_RAW_PREFIXES = (INFERENCE_PREFIX, PREDICTIONS_PREFIX, TRAINING_PREFIX)
"""The prefixes with rows; the function has no permission to read elsewhere."""


_REMEDY = (
    'Send {} for the days that are due, {"date": "2026-11-23"}, {"from": "2026-11-01", "to": "2026-11-23"}, or '
    '{"raw_key": "inference/a.csv"} with or without a "run".'
)


@dataclass(frozen=True)
class DueDays:
    """All days that are due, up to today."""


@dataclass(frozen=True)
class OneDay:
    """One day, whether or not it is due."""

    day: date


@dataclass(frozen=True)
class DayRange:
    """All rows from the first to the last day, judged as if they were of one day."""

    first: date
    last: date

    @property
    def days(self) -> list[date]:
        """Each day of the range."""
        return [self.first + timedelta(days=number) for number in range((self.last - self.first).days + 1)]


@dataclass(frozen=True)
class RawFile:
    """A CSV in the bucket, judged against the baseline of `run` (None: the champion)."""

    key: str
    run: str | None


Request = DueDays | OneDay | DayRange | RawFile


def read_request(event: dict[str, Any], today: date) -> Request:
    """The request in an event; days after `today` are rejected.

    Raises:
        InvalidRequest: the event is not a known request.
    """
    keys = set(event) - {"time"}
    if any(not isinstance(event[name], str) for name in keys):
        raise InvalidRequest(f"The values of the event must be strings. {_REMEDY}")
    if not keys:
        return DueDays()
    if keys == {"date"}:
        return OneDay(requested_day(event["date"], today))
    if keys == {"from", "to"}:
        return _range(requested_day(event["from"], today), requested_day(event["to"], today))
    if keys in ({"raw_key"}, {"raw_key", "run"}):
        return _raw_file(event["raw_key"], event.get("run"))
    if keys in ({"from"}, {"to"}):
        (absent,) = {"from", "to"} - keys
        raise InvalidRequest(f"The event has no {absent!r}, and a range needs both ends. {_REMEDY}")
    if keys == {"run"}:
        raise InvalidRequest(f"The event has a 'run' but no 'raw_key', the file to judge. {_REMEDY}")
    raise InvalidRequest(
        f"The event has the keys {', '.join(sorted(keys))}, which cannot be combined. {_REMEDY}"
    )


def read_time(event: dict[str, Any], now: datetime) -> datetime:
    """The scheduled start of this run, in UTC: a retry after midnight still belongs to the previous day.

    Raises:
        InvalidRequest: the event's `time` is not a time.
    """
    if "time" not in event:
        return now
    try:
        return from_text(event["time"]).astimezone(UTC)
    except (TypeError, ValueError):
        raise InvalidRequest(
            f"{event['time']!r} is not a time. Write it as 2026-11-23T20:00:00Z, or leave it out."
        ) from None


def _range(first: date, last: date) -> DayRange:
    if first > last:
        raise InvalidRequest(f"The range ends on {last}, before it begins on {first}. Swap the two dates.")
    chosen = DayRange(first, last)
    if len(chosen.days) > LONGEST_RANGE:
        raise InvalidRequest(f"The range has {len(chosen.days)} days. Ask for at most {LONGEST_RANGE}.")
    return chosen


def _raw_file(key: str, run: str | None) -> RawFile:
    if not key.startswith(_RAW_PREFIXES):
        raise InvalidRequest(f"{key!r} is not under {', '.join(_RAW_PREFIXES)}. {_REMEDY}")
    if run == "" or "/" in (run or ""):
        raise InvalidRequest(f"{run!r} is not the name of a run. {_REMEDY}")
    return RawFile(key, run)


_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InvalidRequest(AutowatchError):
    """The event is not a request that the drift detector accepts."""


def requested_day(text: Any, today: date) -> date:
    """Parses a day that is written as in the bucket's keys, `YYYY-MM-DD`.

    Raises:
        InvalidRequest: the text is not such a day, or the day is after `today`.
    """
    # fromisoformat accepts other formats as well, which the keys do not use.
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise InvalidRequest(f"{text!r} is not a date. Write it as 2026-11-23.")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"{text} is not in the calendar. Correct the month or the day.") from None
    if day > today:
        raise InvalidRequest(
            f"{day} is in the future: today is {today} in UTC. Ask for that day or an earlier one."
        )
    return day
