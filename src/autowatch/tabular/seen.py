"""Which values the training rows of an open column held: a set of hashes, of bounded size.

Scoring imports it, so that nothing here needs much.
"""

import hashlib
import zlib
from collections.abc import Iterable
from functools import cached_property
from zlib import crc32

import msgspec

_PLACE_BITS = 20
PLACES = 1 << _PLACE_BITS
"""How many bits a set has: 131,072 bytes before it is compressed."""

HASH_BITS = 32
PLACE_SHIFT = HASH_BITS - _PLACE_BITS

# Two rounds of multiplication after a CRC. Alone it is linear: columns whose values differ in a letter would collide in
# their thousands or not at all.
MIXING = ((16, 0x85EBCA6B), (13, 0xC2B2AE35))
"""The finalizer of MurmurHash3 (A. Appleby, public domain): shift and multiplier of each round, on 32 bits."""
LAST_SHIFT = 16


def value_hash(text: str) -> int:
    """32 bits of a text, the same in every process: a CRC-32, mixed."""
    mixed = crc32(text.encode("utf-8", "surrogatepass"))
    for shift, factor in MIXING:
        mixed = ((mixed ^ mixed >> shift) * factor) & 0xFFFFFFFF
    return mixed ^ mixed >> LAST_SHIFT


class SeenValues(msgspec.Struct, frozen=True, dict=True):
    """A set of values as a Bloom filter of one hash and 2**20 bits.

    With n values in the set, another value counts as seen with probability 1 - exp(-n / 2**20): 0.2 %
    at 2,500 values, 5 % at 50,000, 38 % at 500,000. A value of the set is always found.

    Attributes:
        compressed: the bits by zlib, which a document holds in base 64: 8 kB at 2,500 values, at most 175 kB.

    Raises:
        ValueError: these are not PLACES bits.
    """

    compressed: bytes

    def __post_init__(self) -> None:
        try:
            size = len(self.bits)
        except zlib.error as error:
            raise ValueError("the set of values seen is damaged") from error
        if size != PLACES // 8:
            raise ValueError(f"a set of values seen has {PLACES // 8} bytes, not {size}")

    @classmethod
    def of(cls, hashes: Iterable[int]) -> "SeenValues":
        """The set of the values with these hashes."""
        bits = bytearray(PLACES // 8)
        add_to_set(bits, hashes)
        return cls.of_bits(bits)

    @classmethod
    def of_bits(cls, bits: bytes | bytearray) -> "SeenValues":
        """The set whose bits are these."""
        return cls(zlib.compress(bits))

    @cached_property
    def bits(self) -> bytes:
        """PLACES bits, the lowest of each byte first."""
        return zlib.decompress(self.compressed)

    @property
    def digest(self) -> str:
        """Tells two sets apart: a SHA-256 of the bits, since what zlib makes of them depends on its version."""
        return hashlib.sha256(self.bits).hexdigest()

    def holds(self, value: int) -> bool:
        """Whether a value with this hash is in the set, or is taken for one that is."""
        place = value >> PLACE_SHIFT
        return bool(self.bits[place >> 3] >> (place & 7) & 1)


def add_to_set(bits: bytearray, hashes: Iterable[int]) -> None:
    """Adds values to a set of PLACES bits that is being made."""
    for each in hashes:
        place = each >> PLACE_SHIFT
        bits[place >> 3] |= 1 << (place & 7)
