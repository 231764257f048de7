"""Counting the rows that repeat an earlier one, in 8 bytes a row."""

from array import array
from collections.abc import Iterable

_BUCKETS = 256


class DuplicateRows:
    """Remembers a hash of 64 bits of each row.

    The hashes lie in 256 buckets, so that only a 256th of them is ever a set. Two different rows of n are taken for the
    same with a probability of n squared / 2 to the 65th: one in 400,000 for ten million.
    """

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._rows = 0

    def add(self, rows: Iterable[tuple[str, ...]]) -> None:
        """Takes note of rows."""
        for row_hash in map(hash, rows):
            self._buckets[row_hash % _BUCKETS].append(row_hash)
            self._rows += 1

    def count(self) -> int:
        """How many rows repeat an earlier one."""
        return self._rows - sum(len(set(bucket)) for bucket in self._buckets)
