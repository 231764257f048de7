"""What a cell says: its type, and whether it is missing."""

import math
from typing import Literal

FeatureType = Literal["numeric", "categorical"]


MISSING_NUMBERS = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL"})


MISSING_CATEGORIES = frozenset({""})


def missing_values(feature_type: FeatureType) -> frozenset[str]:
    """The texts that stand for a missing value in a column of this type."""
    return MISSING_NUMBERS if feature_type == "numeric" else MISSING_CATEGORIES


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
