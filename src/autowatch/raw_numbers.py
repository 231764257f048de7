"""The numbers in a column of raw fields: all of them at once, by arithmetic on eight characters at a time."""

from dataclasses import dataclass

import numpy as np

from autowatch.contract import missing_values
from autowatch.raw_fields import Array, RawColumn

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

# By the number of characters from the dot to the end, 0 without a dot: what parts the digits before it from those
# behind it, 9 times the unit of the digits before it, and the unit itself.
_BEHIND = range(_DIGITS + 1)
_PARTS = np.array([10**behind if behind else 1 << 63 for behind in _BEHIND], np.uint64)
_NINES = np.array([9 * 10 ** (behind - 1) if behind else 0 for behind in _BEHIND], np.uint64)
_UNITS = np.array([10.0 ** max(behind - 1, 0) for behind in _BEHIND])

_MISSING = np.array(
    [int.from_bytes(text.encode().rjust(8, b"\0"), "little") for text in missing_values("numeric") if text],
    np.uint64,
)


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
    negative = column.bytes[column.starts] == _MINUS
    lengths = column.ends - column.starts - negative
    ends, longest = column.ends, int(lengths.max(initial=0))
    if longest > _DIGITS:
        cut = np.maximum(lengths - _DIGITS, 0)
        ends, lengths, cut_wrong = ends - cut, lengths - cut, _wrong_behind(column, cut)
    digits, behind, wrong = _read_decimals(column, ends, lengths, longest)
    wrong |= lengths - (behind > 0) < 1
    wrong |= digits >= _EXACT
    units = _UNITS[behind]
    least = most = digits / units
    if longest > _DIGITS:
        wrong |= cut_wrong | ((cut > 0) & (behind == 0))
        most = (digits + (cut > 0)) / units
    return _classify(column, negative, least, most, wrong)


def _classify(column: RawColumn, negative: Array, least: Array, most: Array, wrong: Array) -> RawNumbers:
    if negative.any():
        sign = np.where(negative, -1.0, 1.0)
        least, most = least * sign, most * sign
        least, most = np.minimum(least, most), np.maximum(least, most)
    odd = np.flatnonzero(wrong)
    if len(odd):
        least[odd] = most[odd] = np.nan
    is_missing = _are_missing(column, odd)
    return RawNumbers(least, most, int(np.count_nonzero(is_missing)), odd[~is_missing])


def _are_missing(column: RawColumn, rows: Array) -> Array:
    ends = column.ends[rows]
    lengths = ends - column.starts[rows]
    return (lengths == 0) | ((lengths <= 8) & np.isin(column.word(ends, lengths), _MISSING))


def _read_decimals(
    column: RawColumn, ends: Array, lengths: Array, longest: int
) -> tuple[Array, Array, Array]:
    """The digits as one number, how many characters there are from the dot on, and what is not such a number."""
    digits, behind, wrong = _read_word(column.word(ends, lengths), lengths)
    if longest > 8:
        more, before, more_wrong = _read_word(column.word(ends, lengths, 1), lengths - 8)
        wrong |= more_wrong | ((behind > 0) & (before > 0))
        digits = digits + more * np.uint64(10**8)
        behind = np.where(before > 0, before + 8, behind)
    # The dot was read as a zero, so that the digits before it count ten times too much.
    return digits - digits // _PARTS[behind] * _NINES[behind], behind, wrong


def _read_word(word: Array, lengths: Array) -> tuple[Array, Array, Array]:
    """As `_read_decimals`, for up to eight characters, but with a zero among the digits where the dot is."""
    word = word | _LEADING_ZEROS.take(lengths, mode="clip")
    # The lowest byte that equals a dot is found without fault (Warren, "Hacker's Delight", 6-1).
    other = word ^ _DOTS
    dot = (other - np.uint64(_EACH_BYTE)) & ~other & _HIGH_BITS
    dot &= np.uint64(0) - dot
    dot >>= np.uint64(7)
    word = word ^ _ZEROS ^ (dot * np.uint64(ord(".") ^ _ZERO))
    wrong = ((word + np.uint64(0x76 * _EACH_BYTE)) | word) & _HIGH_BITS != 0
    # The multiplication brings the byte with the distance of the dot from the end to the top.
    behind = ((dot * np.uint64(0x0807060504030201)) >> np.uint64(56)).astype(np.intp)
    return _eight_digits(word), behind, wrong


def _eight_digits(word: Array) -> Array:
    """The number that eight bytes from 0 to 9 make up, the first one lowest: pairs, fours, then all."""
    pairs = word * np.uint64(10) + (word >> np.uint64(8))
    low = np.uint64(0x000000FF000000FF)
    first = (pairs & low) * np.uint64(100 + (1_000_000 << 32))
    second = ((pairs >> np.uint64(16)) & low) * np.uint64(1 + (10_000 << 32))
    total: Array = (first + second) >> np.uint64(32)
    return total


def _wrong_behind(column: RawColumn, lengths: Array) -> Array:
    """Whether anything but digits is among the last characters of the fields, so many as `lengths` says."""
    _, behind, wrong = _read_word(column.word(column.ends, lengths), lengths)
    return wrong | (behind > 0) | (lengths > _MOST_DIGITS - _DIGITS)
