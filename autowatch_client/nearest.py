"""The nearest right names to one that was mistyped."""

from collections.abc import Iterable
from difflib import get_close_matches

_NAMES_LISTED = 8


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, upper and lower case aside; None when none is near."""
    by_folded: dict[str, str] = {}
    for each in known:
        by_folded.setdefault(each.casefold(), each)
    found = get_close_matches(name.casefold(), by_folded, n=1, cutoff=0.6)
    return by_folded[found[0]] if found else None


def suggestion(name: str, known: Iterable[str], kind: str) -> str:
    """A sentence that helps on: the nearest known name, or some of those that there are.

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
