"""What one pass over a column finds out: its type, what is missing, how many values it has, and which.

How often each text occurs in a column, in bounded memory.
"""

import sys
import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from autowatch.tabular.cells import FeatureType, missing_values, to_number


@dataclass(frozen=True)
class ColumnSurvey:
    """A column of the training data.

    Attributes:
        name: its name in the header.
        type: numeric where every value that is there is a number.
        missing: how many rows have none.
        distinct: how many different values it has; estimated if not `distinct_is_exact`.
        distinct_is_exact: whether all values were counted.
        texts: for each text how many rows it stands for: bins are cut from them.
    """

    name: str
    type: FeatureType
    missing: int
    distinct: int
    distinct_is_exact: bool
    texts: Mapping[str, int]

    @property
    def is_constant(self) -> bool:
        """Whether every row is the same there, missing included, so that nothing can be learnt from it."""
        return self.distinct + (self.missing > 0) < 2


class ColumnReader:
    """Surveys a column block by block in about `max_bytes`."""

    def __init__(self, name: str, max_bytes: int) -> None:
        self._name = name
        self._counts = TextCounts(max_bytes, kept=missing_values("numeric"))
        self._is_numeric = True
        self._bounds: list[tuple[float, str]] = []

    def add(self, texts: Sequence[str]) -> None:
        """Takes in the column's fields of some rows."""
        new = self._counts.add(texts)
        if not self._is_numeric:
            return
        try:
            numbers = [(to_number(text), text) for text in new if text not in missing_values("numeric")]
        except ValueError:
            self._is_numeric = False
            return
        known = [*self._bounds, *numbers]
        self._bounds = [min(known), max(known)] if known else []

    def survey(self) -> ColumnSurvey:
        """What was found out."""
        feature_type: FeatureType = "numeric" if self._is_numeric and self._bounds else "categorical"
        missing = missing_values(feature_type)
        texts = self._counts.weights()
        if feature_type == "numeric":
            # The outer bins begin at the smallest and the largest number, also where those were not kept.
            texts = dict.fromkeys((text for _, text in self._bounds), 1) | texts
        return ColumnSurvey(
            name=self._name,
            type=feature_type,
            missing=sum(map(self._counts.times, missing)),
            distinct=self._counts.distinct(ignored=missing),
            distinct_is_exact=self._counts.is_exact,
            texts=texts,
        )


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
