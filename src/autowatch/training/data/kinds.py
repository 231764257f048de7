"""Whether a column holds dates or identifiers, which models misread as categories or amounts."""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from autowatch.tabular.cells import FeatureType

Kind = Literal["", "dates", "identifiers"]

_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|UTC|GMT|[+-]\d{2}:?\d{2}))?)?"
_MONTH = "(?P<b>[A-Za-z]{3})[A-Za-z]*"

_WRITTEN = {
    "YYYY-MM-DD": (rf"(?P<Y>\d{{4}})-(?P<m>\d{{1,2}})-(?P<d>\d{{1,2}}){_TIME}", "%Y %m %d"),
    "YYYY/MM/DD": (rf"(?P<Y>\d{{4}})[/.](?P<m>\d{{1,2}})[/.](?P<d>\d{{1,2}}){_TIME}", "%Y %m %d"),
    "DD/MM/YYYY": (rf"(?P<d>\d{{1,2}})[/.-](?P<m>\d{{1,2}})[/.-](?P<Y>\d{{4}}){_TIME}", "%Y %m %d"),
    "MM/DD/YYYY": (rf"(?P<m>\d{{1,2}})[/.-](?P<d>\d{{1,2}})[/.-](?P<Y>\d{{4}}){_TIME}", "%Y %m %d"),
    "DD Mon YYYY": (rf"(?P<d>\d{{1,2}})[ -]{_MONTH}[ -](?P<Y>\d{{4}}){_TIME}", "%Y %b %d"),
    "Mon DD, YYYY": (rf"{_MONTH} (?P<d>\d{{1,2}}),? (?P<Y>\d{{4}}){_TIME}", "%Y %b %d"),
    "YYYYMMDD": (r"(?P<Y>(?:19|20)\d{2})(?P<m>\d{2})(?P<d>\d{2})", "%Y %m %d"),
}
"""Each form's name, the pattern of its texts with groups for year, month and day, and their strptime format."""

# From 2000 to 2040; ordinary counts of seconds or milliseconds are far smaller.
_CLOCKS = {"seconds since 1970": 1, "milliseconds since 1970": 1000}
_FIRST_SECOND, _LAST_SECOND = 946_684_800, 2_208_988_800

_NEARLY_ALL = 0.95
_FEWEST_DATES = 10
_FEWEST_SECONDS = 20
_LOOKED_AT = 2_000

_HARDLY_REPEATS = 0.9
_FEWEST_IDENTIFIERS = 100
_DENSE = 20
_LONG_NUMBER = 8


def date_form(texts: Mapping[str, int]) -> str:
    """The form of a column's dates or times, such as `YYYY-MM-DD`; empty if it holds neither.

    Args:
        texts: how many rows have each text, without missing values.
    """
    some = sorted(texts, key=lambda text: (-texts[text], text))[:_LOOKED_AT]
    if len(some) < _FEWEST_DATES:
        return ""
    for name, (pattern, reading) in _WRITTEN.items():
        compiled = re.compile(pattern)
        if _share(texts, (text for text in some if _is_date(text.strip(), compiled, reading)), some):
            return name
    if len(some) >= _FEWEST_SECONDS:
        for name, a_second in _CLOCKS.items():
            bounds = (_FIRST_SECOND * a_second, _LAST_SECOND * a_second)
            if _share(texts, (text for text in some if _is_between(text, *bounds)), some):
                return name
    return ""


def are_identifiers(texts: Mapping[str, int], feature_type: FeatureType, rows: int, distinct: int) -> bool:
    """Whether nearly every row has a different value that looks like an identifier rather than an amount.

    Whole numbers are identifiers if they are all different and either nearly consecutive or of equal length, at least
    eight digits.

    Args:
        texts: how many rows have each text, without missing values; a sample is enough.
        feature_type: how the texts are read.
        rows: how many rows have a value.
        distinct: how many different values there are.
    """
    if rows < _FEWEST_IDENTIFIERS or distinct < _HARDLY_REPEATS * rows:
        return False
    if feature_type == "categorical":
        return True
    if distinct < rows or not all(text.isdecimal() and text.isascii() for text in texts):
        return False
    numbers, digits = list(map(int, texts)), set(map(len, texts))
    counts_on = max(numbers) - min(numbers) < _DENSE * rows
    return counts_on or (len(digits) == 1 and min(digits) >= _LONG_NUMBER)


def _share(texts: Mapping[str, int], fitting: Iterable[str], some: Iterable[str]) -> bool:
    """Whether the texts in `fitting` cover nearly all rows of the texts in `some`."""
    return sum(map(texts.__getitem__, fitting)) >= _NEARLY_ALL * sum(map(texts.__getitem__, some))


def _is_date(text: str, pattern: re.Pattern[str], reading: str) -> bool:
    match = pattern.fullmatch(text)
    if match is None:
        return False
    found = match.groupdict()
    month = found.get("m") or found.get("b") or ""
    try:
        # Only the day is parsed: being in the calendar is what distinguishes a date from other numbers.
        datetime.strptime(f"{found['Y']} {month} {found['d']}", reading)
    except ValueError:
        return False
    return True


def _is_between(text: str, first: int, last: int) -> bool:
    return text.isdecimal() and text.isascii() and first <= int(text) <= last
