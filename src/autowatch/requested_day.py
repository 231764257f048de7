"""The day that an event asks for."""

import re
from datetime import date
from typing import Any

from autowatch.errors import AutowatchError

_FORM = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class InvalidRequest(AutowatchError):
    """The event asks for nothing that there is."""


def requested_day(text: Any, today: date) -> date:
    """The day that is written as in the bucket's keys; days after `today` have nothing to show yet.

    Raises:
        InvalidRequest: it is no such day.
    """
    # fromisoformat takes other forms, too, which are not in the keys.
    if not isinstance(text, str) or not _FORM.fullmatch(text):
        raise InvalidRequest(f"{text!r} is no date. Write it as 2026-11-23.")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise InvalidRequest(f"There is no day {text}. Correct the month or the day of the month.") from None
    if day > today:
        raise InvalidRequest(f"{day} has not come yet; in UTC it is {today}. Ask for a day up to that one.")
    return day
