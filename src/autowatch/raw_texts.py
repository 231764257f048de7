"""Which of a column's known texts each raw field is: all fields at once, by perfect hashing."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from autowatch.raw_fields import MOST_WORDS, Array, RawColumn

_MULTIPLIER = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1


class TextTable:
    """Finds fields among known texts in a number of steps that does not depend on how many texts are known.

    Each known text has a slot of its own, by hashing and displacing (Belazzougui, Botelho and Dietzfelbinger, "Hash,
    displace, and compress", 2009): the hash of a text chooses a bucket, and what stands there displaces the hash, so
    that no two known texts collide. Whether a field is the text in its slot is then decided by all of its bytes.

    Attributes:
        is_complete: whether every text was short enough, 32 bytes, to be found.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        # A field with a NUL is never looked for: its words could be those of a shorter text.
        encoded = {index: text.encode() for index, text in enumerate(texts) if "\0" not in text}
        short = {index: data for index, data in encoded.items() if len(data) <= 8 * MOST_WORDS}
        self.is_complete = len(short) == len(encoded)
        self._words = max([1, *(-(-len(data) // 8) for data in short.values())])
        self._bits = max(1, (2 * len(short)).bit_length())
        rows = [_words_of(data, self._words) for data in short.values()]
        keys = np.array(rows, np.uint64).reshape(-1, self._words).T
        slots = self._place(keys)
        self._known = np.zeros((self._words, 1 << self._bits), np.uint64)
        self._known[:, slots] = keys
        self._index = np.full(1 << self._bits, len(texts))
        self._index[slots] = list(short)
        self._none = len(texts)

    def find(self, column: RawColumn) -> Array:
        """For each row the index of its text among the known ones; one past the last where it is not found."""
        lengths = column.ends - column.starts
        words = [column.word(column.ends, lengths, number) for number in range(self._words)]
        slots = self._slots(words)
        found = lengths <= 8 * self._words
        for word, known in zip(words, self._known, strict=True):
            found &= known[slots] == word
        return np.where(found, self._index[slots], self._none)

    def _place(self, keys: Array) -> Array:
        """Chooses the hash and the displacements so that the keys' slots differ, and returns these slots."""
        for self._seed in range(1 << 16):
            self._displacements = np.zeros(1 << self._bits, np.intp)
            buckets, hashes = self._hash(keys)
            if self._displace(buckets.tolist(), hashes.tolist()):
                break
        return self._slots(keys)

    def _displace(self, buckets: list[int], hashes: list[int]) -> bool:
        members = defaultdict(list)
        for bucket, hashed in zip(buckets, hashes, strict=True):
            members[bucket].append(hashed)
        taken: set[int] = set()
        for bucket in sorted(members, key=lambda bucket: -len(members[bucket])):
            for displacement in range(1 << self._bits):
                slots = {hashed ^ displacement for hashed in members[bucket]}
                if len(slots) == len(members[bucket]) and taken.isdisjoint(slots):
                    break
            else:
                return False
            taken |= slots
            self._displacements[bucket] = displacement
        return True

    def _slots(self, words: Sequence[Array] | Array) -> Array:
        buckets, hashes = self._hash(words)
        slots: Array = hashes ^ self._displacements[buckets]
        return slots

    def _hash(self, words: Sequence[Array] | Array) -> tuple[Array, Array]:
        """For each text its bucket and its slot before it is displaced."""
        total: Array = np.zeros((), np.uint64)
        for number, word in enumerate(words):
            # The last character is the highest byte, which a product alone would not spread downwards.
            spread = word ^ (word >> np.uint64(29))
            odd = 2 * (self._seed * MOST_WORDS + number) + 1
            total = total + spread * np.uint64(_MULTIPLIER * odd & _WORD)
        slots = (total >> np.uint64(32)) & np.uint64((1 << self._bits) - 1)
        return (total >> np.uint64(64 - self._bits)).astype(np.intp), slots.astype(np.intp)


def _words_of(data: bytes, words: int) -> list[int]:
    """A text as RawColumn.word gives it: the last eight bytes first, zeros before the first byte."""
    whole = int.from_bytes(data.rjust(8 * words, b"\0"), "big")
    parts = [(whole >> (64 * number)) & _WORD for number in range(words)]
    return [int.from_bytes(part.to_bytes(8, "big"), "little") for part in parts]
