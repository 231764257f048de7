"""The values of an open column in the training rows: a set of hashes, of bounded size.

This module needs little, because scoring imports it.
"""

import hashlib
import zlib
from collections.abc import Iterable
from functools import cached_property
from zlib import crc32

import msgspec

_PLACE_BITS = 20
PLACES = 1 << _PLACE_BITS
"""The number of bits in a set: 131,072 bytes before compression."""

HASH_BITS = 32
PLACE_SHIFT = HASH_BITS - _PLACE_BITS

# Two rounds of multiplication after a CRC, which alone is linear: columns whose values differ in one letter would
# collide in thousands or not at all.
MIXING = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
"""The finaliser of MurmurHash3 (A. Appleby, public domain): shift and multiplier of each round, on 32 bits."""
LAST_SHIFT = 16


def value_hash(text: str) -> int:
    """A 32-bit hash of a text, the same in every process: a CRC-32, mixed."""
    mixed = crc32(text.encode("utf-8", "surrogatepass"))
    for shift, factor in MIXING:
        mixed = ((mixed ^ mixed >> shift) * factor) & 0xFFFFFFFF
    return mixed ^ mixed >> LAST_SHIFT


class SeenValues(msgspec.Struct, frozen=True, dict=True):
    """A set of values as a Bloom filter of one hash and 2**20 bits.

    With n values in the set, another value counts as seen with probability 1 - exp(-n / 2**20): 0.2 % at 2,500 values,
    5 % at 50,000, 38 % at 500,000. A value in the set is always found.

    Attributes:
        compressed: the bits, compressed by zlib; documents hold them in base 64: 8 kB at 2,500 values, at most 175 kB.

    Raises:
        ValueError: these are not `PLACES` bits.
    """

    compressed: bytes

    def __post_init__(self) -> None:
        try:
            size = len(self.bits)
        except zlib.error as error:
            raise ValueError("the set of seen values is damaged") from error
        if size != PLACES // 8:
            raise ValueError(f"a set of seen values has {PLACES // 8} bytes, not {size}")

    @classmethod
    def of(cls, hashes: Iterable[int]) -> "SeenValues":
        """The set of the values that have these hashes."""
        bits = bytearray(PLACES // 8)
        add_to_set(bits, hashes)
        return cls.of_bits(bits)

    @classmethod
    def of_bits(cls, bits: bytes | bytearray) -> "SeenValues":
        """The set with these bits."""
        return cls(zlib.compress(bits))

    @cached_property
    def bits(self) -> bytes:
        """The `PLACES` bits, lowest of each byte first."""
        return zlib.decompress(self.compressed)

    @property
    def digest(self) -> str:
        """Identifies the set: a SHA-256 of the bits, since the compressed bytes depend on zlib's version."""
        return hashlib.sha256(self.bits).hexdigest()

    def holds(self, value: int) -> bool:
        """Whether a value with this hash is in the set; false positives are possible."""
        place = value >> PLACE_SHIFT
        return bool(self.bits[place >> 3] >> (place & 7) & 1)


def add_to_set(bits: bytearray, hashes: Iterable[int]) -> None:
    """Adds values to a set of `PLACES` bits that is under construction."""
    for each in hashes:
        place = each >> PLACE_SHIFT
        bits[place >> 3] |= 1 << (place & 7)
