"""The JSONPath expressions that Batch Transform takes for CSV: which of a record's fields go on, by their index.

Documented: `$`, `$[1]`, `$[0,2]`, `$[-1]`, `$[1:]`. One example of the API mixes indexes and a slice, `$[0,5:]`, which
the library that the documentation names refuses. Of a slice with an end the documentation says that the end is
included, and of that library, that it is not. The sandbox refuses both, so that no code relies on either.
"""

import re

from sandbox.sagemaker.wire.errors import ValidationException

_EXPRESSION = re.compile(r"\$(?:\[\s*(?P<items>[^\[\]]+?)\s*\])?")
_INDEX = re.compile(r"-?\d+")
_OPEN_SLICE = re.compile(r"(\d*):")


class FieldMissing(Exception):
    """A record has no field at an index that the filter asks for."""


class CsvFilter:
    """A filter of `DataProcessing`; the fields come in the order in which it names them."""

    def __init__(self, expression: str, member: str) -> None:
        """Raises ValidationException, naming the request's `member`, where the expression is not valid for CSV."""
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
        """Whether records go on as they are."""
        return self._items is None

    def apply(self, fields: list[str]) -> list[str]:
        """The chosen fields of a record.

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
