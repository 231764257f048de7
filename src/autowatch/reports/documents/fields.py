"""Reads fields of JSON documents that another version may have written: a malformed field counts as missing."""

import math
from collections.abc import Mapping
from typing import Any

_LARGEST = 1e15
"""No valid count or measure is that large; a larger number is an error of the writer."""


def text(document: Mapping[str, Any], name: str) -> str | None:
    """The field's text."""
    value = document.get(name)
    return value if isinstance(value, str) else None


def number(document: Mapping[str, Any], name: str) -> float | None:
    """The field's finite number."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST:
        return None
    return None if math.isnan(value) else float(value)


def whole(document: Mapping[str, Any], name: str) -> int | None:
    """The field's whole number."""
    value = number(document, name)
    return None if value is None else int(value)


def mapping(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The field's object; empty if missing."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def items(document: Mapping[str, Any], name: str) -> list[Any]:
    """The field's list; empty if missing."""
    value = document.get(name)
    return value if isinstance(value, list) else []


def mappings(document: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """The objects of the field's list."""
    return [item for item in items(document, name) if isinstance(item, dict)]


def texts(document: Mapping[str, Any], name: str) -> list[str]:
    """The texts of the field's list."""
    return [item for item in items(document, name) if isinstance(item, str)]
