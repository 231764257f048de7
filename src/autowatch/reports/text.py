"""Formats figures and text from the data for pages and mails, and has the texts that both share."""

import math
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

_DIRECTIONS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text around them (Unicode Annex 9), which would be misread."""


_ALLOWED_CONTROLS = "\n\t"


LONGEST_SUBJECT = 99
"""Characters; SNS accepts fewer than 100."""


_NAME_LENGTHS = (60, 40, 25, 18)


def visible(text: str) -> str:
    """The text with control characters and characters that cannot be encoded shown as `⟨U+202E⟩`."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"⟨U+{ord(character):04X}⟩" if _is_hidden(character) else character for character in text)


def short(text: Any, most: int = 80) -> str:
    """The text in at most `most` characters: the beginning and the end, which distinguish long names."""
    whole = str(text)
    if len(whole) <= most:
        return whole
    end = most // 4
    return f"{whole[: most - end - 1]}…{whole[-end:]}"


def percent(share: float | None) -> str:
    """A share as a percentage, with a decimal only where it matters."""
    if share is None or not math.isfinite(share):
        return "–"
    if share in (0, 1):
        return f"{share:.0%}"
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}" if share < 0.0995 or share >= 0.99 else f"{share:.0%}"


def model_use(moved: Mapping[str, float | None]) -> str:
    """The share of the model's use that has moved, most used columns first: `43% of what the model uses: a 31%, b 12%`.

    Args:
        moved: the use of each moved column, as a share of 1; None if unknown.

    Returns:
        The text; empty if no share is known.
    """
    known = {name: share for name, share in moved.items() if share is not None}
    if not known:
        return ""
    most = sorted((name for name in known if known[name]), key=lambda name: -known[name])
    named = [f"{short(name, 60)} {percent(known[name])}" for name in most]
    whole = f"{percent(min(1.0, sum(known.values())))} of what the model uses"
    return f"{whole}: {listed(named, 3)}" if named else whole


def number(value: float | None, digits: int = 3) -> str:
    """A figure with `digits` decimals; a dash if there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


def rounded(value: float, digits: int) -> str:
    """A figure in its column's unit with `digits` significant digits and thousands separators."""
    return f"{float(f'{value:.{digits}g}'):,.15g}"


def p_text(p: float | None) -> str:
    """A p-value; `< 0.0001` for smaller ones."""
    if p is None or not math.isfinite(p):
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def count(value: int | None) -> str:
    """A whole number with thousands separators; a dash if there is none."""
    return "–" if value is None else f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 file`, `2,000 files`."""
    return f"{value:,} {noun}" if value == 1 else f"{value:,} {noun}s"


def listed(names: Sequence[str], most: int, separator: str = ", ") -> str:
    """The first `most` names, followed by the number of the others."""
    more = len(names) - most
    return separator.join(names[:most]) + (f" and {more:,} more" if more > 0 else "")


def subject_line(what: str, names: Sequence[str], most: int, count: int = 0) -> str:
    """The subject of a mail: `what`, then at most `most` names and how many more there are.

    If it is too long, names are shortened, then left out; the number of the others is never cut off.

    Args:
        count: how many there are, if more than `names` has.
    """
    plain = [one_line(visible(name)) for name in names]
    count = max(count, len(plain))
    for shown in range(min(most, len(plain)), 0, -1):
        more = f" and {count - shown:,} more" if count > shown else ""
        for longest in _NAME_LENGTHS:
            # SNS only accepts ASCII.
            listed_names = ", ".join(short(name, longest).replace("…", "..") for name in plain[:shown])
            text = f"{what}: {listed_names}{more}"
            if len(text) <= LONGEST_SUBJECT:
                return text
    return short(f"{what}: {count:,} in all", LONGEST_SUBJECT)


def _is_hidden(character: str) -> bool:
    if character in _DIRECTIONS:
        return True
    return unicodedata.category(character) in ("Cc", "Cs") and character not in _ALLOWED_CONTROLS


def one_line(text: str) -> str:
    """The text without line breaks and control characters, which names from the data may have."""
    return "".join(character if character.isprintable() else " " for character in text)


def console_link(region: str, bucket: str, key: str) -> str:
    """The URL of an object in the S3 console."""
    return (
        f"https://{region}.console.aws.amazon.com/s3/object/{quote(bucket)}"
        f"?region={region}&prefix={quote(key, safe='')}"
    )


ALARM_REMEDIES = {
    "settings": "Correct monitoring/settings.yaml as the alarm says; until then the defaults apply.",
    "settings changed": "Nothing, if the change was meant. Otherwise restore the earlier "
    "monitoring/settings.yaml and judge the day again: autowatch judge --date YYYY-MM-DD.",
    "same content": "Check whether the file was meant to arrive twice. Drift and quality count the rows of both.",
    "repeated keys": "Check whether these rows should be scored twice. Labels with the key go to the newest row.",
    "baseline": "Restore the baseline as the alarm says; the day is then judged again automatically.",
}
"""By the alarm's kind."""


_REFUSALS = {
    "EmptyFile": "empty",
    "NoHeader": "no header",
    "NoRows": "no rows",
    "DuplicateColumns": "a column twice",
    "NotUtf8": "not UTF-8",
    "MalformedCsv": "malformed CSV",
    "MissingColumns": "columns missing",
    "ReservedColumns": "reserved column names",
    "TooManyRejected": "too many rejected rows",
    "LineBreakInField": "line break in a field",
    "InputGone": "gone before it was read",
    "NoChampion": "no model in force",
}


def refusal(error: str) -> str:
    """The reason for a refusal, in words; the code itself if another version refused the file."""
    return _REFUSALS.get(error, short(error, 40))
