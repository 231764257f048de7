"""Counts how many rows or keys repeat an earlier one, in bounded memory."""

from collections.abc import Iterable

_MOST_HASHES = 200_000
"""About 20 MB."""


class RepeatedRows:
    """Counts rows that repeat an earlier one: exactly or, with too many different rows, from a fair sample.

    The sample is Wegman's (Flajolet, "On adaptive sampling", Computing 43, 1990): all copies of a row have the same
    hash, so either all or none are in it.
    """

    def __init__(self, most: int = _MOST_HASHES) -> None:
        self._most, self._bits = most, 0
        self._times: dict[int, int] = {}

    @property
    def is_exact(self) -> bool:
        """Whether every row was counted."""
        return self._bits == 0

    def add(self, hashes: Iterable[int]) -> None:
        """Adds rows, given by their hashes."""
        mask, times = (1 << self._bits) - 1, self._times
        for row in hashes:
            if not row & mask:
                times[row] = times.get(row, 0) + 1
        while len(self._times) > self._most:
            self._bits += 1
            mask = (1 << self._bits) - 1
            self._times = {row: times for row, times in self._times.items() if not row & mask}

    def count(self) -> int:
        """How many rows repeat an earlier one."""
        return (sum(self._times.values()) - len(self._times)) << self._bits
