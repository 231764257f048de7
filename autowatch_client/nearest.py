"""Suggests the nearest known names for a mistyped one."""

from collections.abc import Iterable
from difflib import get_close_matches

_NAMES_LISTED = 8


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The most similar known name, ignoring case; None when none is similar."""
    by_folded: dict[str, str] = {}
    for each in known:
        by_folded.setdefault(each.casefold(), each)
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], kind: str) -> str:
    """A hint: the nearest known name, or some of the known names.

    Args:
        kind: what the names are, in the plural ("columns").
    """
    names = list(known)
    if found := nearest(name, names):
        return f"Did you mean {found}?"
    if not names:
        return f"There are no {kind}."
    more = f" and {len(names) - _NAMES_LISTED} more" if len(names) > _NAMES_LISTED else ""
    return f"The {kind} are {', '.join(names[:_NAMES_LISTED])}{more}."
