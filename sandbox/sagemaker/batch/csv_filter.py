"""The JSONPath expressions that Batch Transform accepts for CSV: they select a record's fields by index.

Documented: `$`, `$[1]`, `$[0,2]`, `$[-1]`, `$[1:]`. One example of the API mixes indexes and a slice, `$[0,5:]`, which
the library that the documentation names refuses. For a slice with an end, the documentation says that the end is
included, the library's that it is not. The sandbox refuses both, so that no code relies on either.
"""

import re

from sandbox.sagemaker.wire.errors import ValidationException

_EXPRESSION = re.compile(r"\$(?:\[\s*(?P<items>[^\[\]]+?)\s*\])?")
_INDEX = re.compile(r"-?\d+")
_OPEN_SLICE = re.compile(r"(\d*):")


class FieldMissing(Exception):
    """A record lacks a field that the filter selects."""


class CsvFilter:
    """A filter of `DataProcessing`; fields are returned in the filter's order."""

    def __init__(self, expression: str, member: str) -> None:
        """Raises ValidationException, naming the request's `member`, if the expression is not valid for CSV."""
        match = _EXPRESSION.fullmatch(expression)
        if match is None:
            raise _refusal(expression, member)
        items = match["items"]
        self._items = (
            None if items is None else [_item(text, expression, member) for text in items.split(",")]
        )
        if self._items and len(self._items) > 1 and any(isinstance(item, slice) for item in self._items):
            raise _refusal(expression, member)

    @property
    def takes_all(self) -> bool:
        """Whether the filter leaves records unchanged."""
        return self._items is None

    def apply(self, fields: list[str]) -> list[str]:
        """The selected fields of a record.

        Raises:
            FieldMissing: it has too few of them.
        """
        if self._items is None:
            return fields
        chosen: list[str] = []
        for item in self._items:
            if isinstance(item, slice):
                chosen += fields[item]
            elif -len(fields) <= item < len(fields):
                chosen.append(fields[item])
            else:
                raise FieldMissing(f"there is no index {item} among {len(fields)} fields")
        return chosen


def _item(text: str, expression: str, member: str) -> int | slice:
    text = text.strip()
    if _INDEX.fullmatch(text):
        return int(text)
    if match := _OPEN_SLICE.fullmatch(text):
        return slice(int(match[1] or 0), None)
    raise _refusal(expression, member)


def _refusal(expression: str, member: str) -> ValidationException:
    return ValidationException(
        f"{member} '{expression}' is not valid for text/csv in the sandbox. Use $, indexes or one open slice, such as"
        " $[0,2], $[-1] or $[1:]."
    )
