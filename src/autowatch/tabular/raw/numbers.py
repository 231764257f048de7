"""The numbers in a column of raw fields: all of them at once, by arithmetic on eight characters at a time."""

from dataclasses import dataclass

import numpy as np

from autowatch.tabular.cells import MISSING
from autowatch.tabular.raw.fields import Array, RawColumn
from autowatch.tabular.raw.texts import TextTable

_DIGITS = 16
"""So many characters of a number are read; of a longer one it is known between which two numbers it lies."""

_MOST_DIGITS = 24

_EXACT = 1 << 53

_MINUS, _ZERO = b"-0"
_EACH_BYTE = 0x0101010101010101
_HIGH_BITS = np.uint64(0x80 * _EACH_BYTE)
_ZEROS = np.uint64(_ZERO * _EACH_BYTE)
_DOTS = np.uint64(ord(".") * _EACH_BYTE)

# For each length from 0 to 8: zeros in the bytes of a word that lie before a text of that length.
_LEADING_ZEROS = np.array(
    [(_ZERO * _EACH_BYTE) & ((1 << (64 - 8 * length)) - 1) for length in range(9)], np.uint64
)

# By the number of characters from the dot to the end, 0 without a dot.
_UNITS = np.array([10.0 ** max(behind - 1, 0) for behind in range(_DIGITS + 1)])

_TENS = np.array([10**8, 10**7], np.uint64)

_MISSING = TextTable(sorted(MISSING))


@dataclass(frozen=True)
class RawNumbers:
    """The numbers of a column; NaN where a field is missing, or odd.

    Attributes:
        least, most: for each row bounds of its number, equal where it is known exactly.
        missing: how many fields are missing.
        odd: the rows whose fields are neither missing nor read here, though they may be numbers.
    """

    least: Array
    most: Array
    missing: int
    odd: Array


def read_numbers(column: RawColumn) -> RawNumbers:
    """Reads the decimal numbers without an exponent and with up to 24 characters, as Python's `float` does.

    The digits make up a whole number below 2**53, and the power of ten by which it is divided is at most 10**15: both
    are doubles, so that their quotient is the double next to the decimal number, which is what `float` returns
    (Clinger, "How to read floating point numbers accurately", 1990).
    """
    negative = column.bytes.take(column.starts) == _MINUS
    lengths = column.ends - column.starts
    lengths -= negative
    ends, longest = column.ends, int(lengths.max(initial=0))
    if longest > _DIGITS:
        cut = np.maximum(lengths - _DIGITS, 0)
        ends, lengths, cut_wrong = ends - cut, lengths - cut, _wrong_behind(column, cut)
    digits, behind, wrong = _read_decimals(column, ends, lengths, longest)
    has_dot = behind > 0
    wrong |= lengths <= has_dot
    units = _UNITS.take(behind)
    least = most = digits / units
    if longest > 8:
        wrong |= digits >= _EXACT
    if longest > _DIGITS:
        is_cut = cut > 0
        wrong |= cut_wrong | (is_cut & ~has_dot)
        most = (digits + is_cut) / units
    return _classify(column, negative, least, most, wrong)


def _classify(column: RawColumn, negative: Array, least: Array, most: Array, wrong: Array) -> RawNumbers:
    if negative.any():
        if least is most:
            least = most = np.where(negative, -least, least)
        else:
            least, most = np.where(negative, -most, least), np.where(negative, -least, most)
    odd = np.flatnonzero(wrong)
    if not len(odd):
        return RawNumbers(least, most, 0, odd)
    least[odd] = most[odd] = np.nan
    missing, others = _MISSING.count(column.at(odd))
    return RawNumbers(least, most, int(missing.sum()), odd[others])


def _read_decimals(
    column: RawColumn, ends: Array, lengths: Array, longest: int
) -> tuple[Array, Array, Array]:
    """The digits as one number, how many characters there are from the dot on, and what is not such a number."""
    if longest <= 8:
        (word,) = column.last_words(ends, lengths, 1)
        return _read_word(word, lengths)
    last, first = column.last_words(ends, lengths, 2)
    digits, behind, wrong = _read_word(last, lengths)
    more, before, more_wrong = _read_word(first, lengths - 8)
    both = (behind > 0) & (before > 0)
    wrong |= more_wrong | both
    # The dot takes one of the last eight places, so that those before it count a tenth.
    digits += more * _TENS.take(behind > 0)
    return digits, np.where(before > 0, before + 8, behind), wrong


def _read_word(word: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """As `_read_decimals`, for up to eight characters."""
    word |= _LEADING_ZEROS.take(lengths, mode="clip")
    # The lowest byte that equals a dot is found without fault (Warren, "Hacker's Delight", 6-1).
    other = word ^ _DOTS
    dot = other - np.uint64(_EACH_BYTE)
    dot &= ~other
    dot &= _HIGH_BITS
    dot &= np.uint64(0) - dot
    dot >>= np.uint64(7)
    word ^= _ZEROS
    word ^= dot * np.uint64(ord(".") ^ _ZERO)
    wrong = _beyond_nine(word)
    # The multiplication brings the byte with the distance of the dot from the end to the top.
    behind = dot * np.uint64(0x0807060504030201)
    behind >>= np.uint64(56)
    # The bytes before the dot close up to those behind it.
    before = np.maximum(dot, np.uint64(1))
    before -= np.uint64(1)
    before &= word
    word += before * np.uint64(255)
    return _eight_digits(word), behind.view(np.intp), wrong


def _beyond_nine(word: Array) -> Array:
    """Whether any of eight bytes is more than 9."""
    beyond = word + np.uint64(0x76 * _EACH_BYTE)
    beyond |= word
    beyond &= _HIGH_BITS
    return beyond != 0


def _eight_digits(word: Array) -> Array:
    """The number that eight bytes from 0 to 9 make up, the first one lowest: pairs, fours, then all."""
    pairs = word * np.uint64(10)
    word >>= np.uint64(8)
    pairs += word
    low = np.uint64(0x000000FF000000FF)
    total = pairs & low
    total *= np.uint64(100 + (1_000_000 << 32))
    pairs >>= np.uint64(16)
    pairs &= low
    pairs *= np.uint64(1 + (10_000 << 32))
    total += pairs
    total >>= np.uint64(32)
    return total


def _wrong_behind(column: RawColumn, lengths: Array) -> Array:
    """Whether anything but digits is among the last characters of the fields, so many as `lengths` says."""
    (word,) = column.last_words(column.ends, lengths, 1)
    word |= _LEADING_ZEROS.take(lengths, mode="clip")
    word ^= _ZEROS
    return _beyond_nine(word) | (lengths > _MOST_DIGITS - _DIGITS)
