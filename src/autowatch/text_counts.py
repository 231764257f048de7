"""How often each text occurs in a column, in bounded memory."""

import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Sequence

_ENTRY_BYTES = 120
"""What a dictionary entry costs beside its text, measured on CPython 3.13 just after the dictionary has grown."""

_FREQUENT_SHARE = 0.001
_FEWEST_ROWS = 10_000
"""Before so many rows the share is taken of this number: among a thousand rows each would be frequent."""

_HASH_BITS = 32


class TextCounts:
    """Counts texts exactly while they fit into `max_bytes`, and a fair sample of them beyond that.

    The sample is Wegman's (Flajolet, "On adaptive sampling", Computing 43, 1990): whenever the memory is full, only the
    texts whose hash ends with one more zero bit stay. The count of a text that stays is exact, whatever the order of
    the rows, and the number of different texts is estimated with a relative error of about 1.2 / sqrt(texts kept).
    Frequent texts, with a thousandth of the rows or more when the memory fills up, stay in any case.
    """

    def __init__(self, max_bytes: int, kept: Collection[str] = ()) -> None:
        self._max_bytes, self._kept = max_bytes, kept
        self._counts: Counter[str] = Counter()
        self._rows = self._bytes = self._zero_bits = 0

    @property
    def is_exact(self) -> bool:
        """Whether every text is counted, so that nothing is estimated."""
        return self._zero_bits == 0

    def add(self, texts: Sequence[str]) -> list[str]:
        """Counts `texts`, and returns those among them that were not counted before, each once."""
        self._rows += len(texts)
        counts = Counter(texts)
        new = [text for text in counts if text not in self._counts]
        taken = new
        if not self.is_exact:
            taken = [text for text in new if self._is_sampled(text) or text in self._kept]
            for text in set(new).difference(taken):
                del counts[text]
        self._counts.update(counts)
        self._bytes += _cost(taken)
        while self._bytes > self._max_bytes and self._zero_bits < _HASH_BITS:
            self._thin_out()
        return new

    def times(self, text: str) -> int:
        """How often `text` occurred; exact for the texts `kept` that were named in the beginning."""
        return self._counts[text]

    def distinct(self, ignored: Collection[str]) -> int:
        """How many different texts there were but for those `ignored`: counted, or estimated if not `is_exact`."""
        texts = self._counts.keys() - set(ignored)
        sampled = sum(map(self._is_sampled, texts))
        return (sampled << self._zero_bits) + len(texts) - sampled

    def weights(self) -> dict[str, int]:
        """For each text kept how many rows it stands for: its own count, or those of the texts left out as well."""
        if self.is_exact:
            return dict(self._counts)
        return {
            text: times << self._zero_bits
            if self._is_sampled(text) and not self._is_frequent(times)
            else times
            for text, times in self._counts.items()
        }

    def _thin_out(self) -> None:
        """Leaves out half of the rare texts."""
        self._zero_bits += 1
        self._counts = Counter(
            {
                text: times
                for text, times in self._counts.items()
                if self._is_frequent(times) or text in self._kept or self._is_sampled(text)
            }
        )
        self._bytes = _cost(self._counts)

    def _is_frequent(self, times: int) -> bool:
        return times >= _FREQUENT_SHARE * max(self._rows, _FEWEST_ROWS)

    def _is_sampled(self, text: str) -> bool:
        # Python's own hash differs from process to process, and the bins would with it.
        return not zlib.crc32(text.encode()) & ((1 << self._zero_bits) - 1)


def _cost(texts: Iterable[str]) -> int:
    return sum(sys.getsizeof(text) + _ENTRY_BYTES for text in texts)
