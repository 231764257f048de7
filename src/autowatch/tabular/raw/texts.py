"""Which of a column's known texts each raw field is: all fields at once, by perfect hashing."""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from autowatch.tabular.raw.fields import MOST_WORDS, Array, RawColumn

_MULTIPLIER = 0x9E3779B97F4A7C15
_WORD = (1 << 64) - 1

# The first few do nearly always.
_SEEDS = 256

# What stands in empty slots: no text has a NUL at its end.
_NO_WORD = np.uint64(1)


class TextTable:
    """Finds fields among known texts in a number of steps that does not depend on how many texts are known.

    Each known text has a slot of its own, by hashing and displacing (Belazzougui, Botelho and Dietzfelbinger, "Hash,
    displace, and compress", 2009): the hash of a text chooses a bucket, and what stands there displaces the hash, so
    that no two known texts collide. Whether a field is the text in its slot is then decided by all of its bytes.

    Attributes:
        is_complete: whether every text was short enough, 32 bytes, to be found.

    Raises:
        ValueError: a text is there twice.
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
        self._slot_of_text = self._place(keys)
        self._known = np.full((self._words, 1 << self._bits), _NO_WORD)
        self._known[:, self._slot_of_text] = keys
        self._found = np.array(list(short), np.intp)
        self._texts = len(texts)

    def count(self, column: RawColumn) -> tuple[Array, Array]:
        """How often each known text occurs, and the rows whose texts are none of them."""
        lengths = column.ends - column.starts
        words = column.last_words(column.ends, lengths, self._words)
        slots = self._slots(words)
        others = lengths > 8 * self._words
        for word, known in zip(words, self._known, strict=True):
            others |= known.take(slots) != word
        rows = np.flatnonzero(others)
        in_slots = np.bincount(slots, minlength=1 << self._bits)
        if len(rows):
            in_slots -= np.bincount(slots[rows], minlength=1 << self._bits)
        counts = np.zeros(self._texts, np.int64)
        counts[self._found] = in_slots[self._slot_of_text]
        return counts, rows

    def _place(self, keys: Array) -> Array:
        """Chooses the hash and the displacements so that the keys' slots differ, and returns these slots."""
        for self._seed in range(_SEEDS):
            self._displacements = np.zeros(1 << self._bits, np.intp)
            buckets, hashes = self._hash(keys)
            if self._displace(buckets.tolist(), hashes.tolist()):
                return self._slots(keys)
        raise ValueError("No hash tells the texts apart. Give each of them once.")

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
        hashes ^= self._displacements.take(buckets)
        return hashes

    def _hash(self, words: Sequence[Array] | Array) -> tuple[Array, Array]:
        """For each text its bucket and its slot before it is displaced."""
        total = words[0] * self._multiplier(0)
        for number, word in enumerate(words[1:], start=1):
            total += word * self._multiplier(number)
        buckets = (total >> np.uint64(64 - self._bits)).view(np.intp)
        total >>= np.uint64(64 - 2 * self._bits)
        total &= np.uint64((1 << self._bits) - 1)
        return buckets, total.view(np.intp)

    def _multiplier(self, number: int) -> np.uint64:
        odd = 2 * (self._seed * MOST_WORDS + number) + 1
        return np.uint64(_MULTIPLIER * odd & _WORD)


def _words_of(data: bytes, words: int) -> list[int]:
    """A text as RawColumn.last_words gives it: the last eight bytes first, zeros before the first byte."""
    whole = int.from_bytes(data.rjust(8 * words, b"\0"), "big")
    parts = [(whole >> (64 * number)) & _WORD for number in range(words)]
    return [int.from_bytes(part.to_bytes(8, "big"), "little") for part in parts]
