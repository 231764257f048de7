"""What a cell says: its type, whether it is missing, which number it writes."""

import math
from typing import Literal

FeatureType = Literal["numeric", "categorical"]


MISSING_NUMBERS = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})


MISSING_CATEGORIES = frozenset({""})


PLAIN_NUMBER = r"^-?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?$"
"""A regular expression of texts that are not missing and that any reader of decimal numbers reads as `read_number`
does, unless they are too large for a double. Nearly all numbers are like this; they may be read many at a time."""


def missing_values(feature_type: FeatureType) -> frozenset[str]:
    """The texts that stand for a missing value in a column of this type."""
    return MISSING_NUMBERS if feature_type == "numeric" else MISSING_CATEGORIES


def read_number(text: str) -> float | None:
    """What a cell of a numeric column says; None where it is missing.

    Raises:
        ValueError: it is neither missing nor a number.
    """
    return None if text in MISSING_NUMBERS else to_number(text)


def is_number_or_missing(text: str) -> bool:
    """Whether `read_number` reads the text."""
    try:
        read_number(text)
    except ValueError:
        return False
    return True


def to_number(text: str) -> float:
    """The number that `text` writes, as every part of Autowatch reads it: a finite decimal, with an optional exponent.

    Raises:
        ValueError: the text is not such a number. (`float` alone would take `1_000`, `inf`, `nan` and
            the digits of every script, too.)
    """
    number = float(text)
    if not text.isascii() or "_" in text or not math.isfinite(number):
        raise ValueError(f"not a finite decimal number: {len(text)} characters")
    return number
