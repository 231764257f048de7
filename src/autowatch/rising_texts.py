"""Numbers as texts for people: short, and told apart."""

from collections.abc import Sequence
from itertools import pairwise

_MOST_DIGITS = 17
_DIGITS_OF_A_ROUND_NUMBER = 5
_LARGEST_WRITTEN_OUT = 1e15


def rising_texts(numbers: Sequence[float], fewest_digits: int) -> list[str]:
    """Rising numbers as texts with at least so many significant digits, as short as they can be and still rise."""
    for digits in range(fewest_digits, _MOST_DIGITS):
        texts = [_number_text(number, digits) for number in numbers]
        if all(float(before) < float(after) for before, after in pairwise(texts)):
            return texts
    return [_number_text(number, _MOST_DIGITS) for number in numbers]


def _number_text(number: float, digits: int) -> str:
    """The number with so many significant digits, and with all that it has if these are few or before the point."""
    exact = f"{number:.{_DIGITS_OF_A_ROUND_NUMBER}g}"
    if float(exact) == number and "e+" not in exact:
        return exact
    rounded = f"{number:.{max(digits, _whole_digits(number))}g}"
    # What is rounded up to a power of ten has a digit more, for want of which it would have an exponent.
    return f"{float(rounded):.{max(digits, _whole_digits(float(rounded)))}g}"


def _whole_digits(number: float) -> int:
    """How many digits stand before the point; 0 of numbers that are too large to be written out."""
    return len(str(int(abs(number)))) if abs(number) < _LARGEST_WRITTEN_OUT else 0
