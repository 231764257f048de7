"""The memory of open columns, which have too many values for bins.

The values in the training rows go into a set. The share of hold-out rows with a value outside the set is the share
expected in later rows: the model was trained on neither. If rows are held out by a digest of all columns, copies of a
row are in one part, so a table of few columns has more new values in its hold-out than later rows will have. The share
is then limited to that of a random draw.
"""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress

import msgspec

from autowatch.tabular.bins import Bins, CategoricalBins, Memory, numeric_bins
from autowatch.tabular.cells import MISSING
from autowatch.tabular.profile import Baseline
from autowatch.tabular.seen import PLACES, SeenValues, add_to_set, value_hash
from autowatch.training.data.columns import ColumnSurvey


class Memories:
    """Collects the rows of the second pass. Each column takes 131 kB, and 4 bytes for each hold-out row."""

    def __init__(self, columns: Iterable[ColumnSurvey], bins: Baseline, *, copies_together: bool) -> None:
        is_open = {
            column.name for column in bins.columns if isinstance(column, CategoricalBins) and column.open
        }
        self._columns = {
            column.name: _OpenColumn(column, copies_together) for column in columns if column.name in is_open
        }

    def add(self, columns: Mapping[str, Sequence[str]], in_holdout: Sequence[int]) -> None:
        """Adds some rows, each with a flag that is 1 if the row is held out."""
        for name, column in self._columns.items():
            column.add(columns[name], in_holdout)

    def remembered(self, column: Bins) -> Bins:
        """The column with its memory; a column that is not open is returned unchanged."""
        found = self._columns.get(column.name)
        return found.remembered(column) if found and isinstance(column, CategoricalBins) else column


class _OpenColumn:
    def __init__(self, survey: ColumnSurvey, copies_together: bool) -> None:
        self._survey, self._copies_together = survey, copies_together
        self._bits = bytearray(PLACES // 8)
        self._held_out = array("I")
        self._lengths: Counter[int] = Counter()

    def add(self, texts: Sequence[str], in_holdout: Sequence[int]) -> None:
        hashes = {text: value_hash(text) for text in set(texts) - MISSING}
        train = set(compress(texts, (not flag for flag in in_holdout)))
        add_to_set(self._bits, (hashes[text] for text in train - MISSING))
        self._held_out.extend(hashes[text] for text in compress(texts, in_holdout) if text in hashes)
        self._lengths.update(len(text) for text in texts if text in hashes)

    def remembered(self, column: CategoricalBins) -> CategoricalBins:
        seen = SeenValues.of_bits(self._bits)
        lengths = {float(length): times for length, times in self._lengths.items()}
        bins = numeric_bins(column.name, column.kind, lengths)
        counts = bins.count({str(length): times for length, times in self._lengths.items()})
        repeats = self._repeats()
        memory = Memory(
            seen, msgspec.structs.replace(bins, counts=tuple(counts)), self._fresh(seen, repeats), repeats
        )
        return msgspec.structs.replace(column, memory=memory)

    def _fresh(self, seen: SeenValues, repeats: Sequence[tuple[int, int]]) -> tuple[int, int]:
        held_out = len(self._held_out)
        new = held_out - sum(map(seen.holds, self._held_out))
        if self._copies_together and repeats:
            share = held_out / sum(self._lengths.values())
            new = min(new, round(held_out * new_by_chance(repeats, share)))
        return held_out - new, new

    def _repeats(self) -> tuple[tuple[int, int], ...]:
        if not self._survey.distinct_is_exact:
            return ()
        times = Counter(times for text, times in self._survey.texts.items() if text not in MISSING and times)
        return tuple(sorted(times.items()))


def new_by_chance(repeats: Sequence[tuple[int, int]], share: float) -> float:
    """The expected share of randomly drawn rows whose value no undrawn row has.

    A row's value is new if all other rows with that value are drawn, too.

    Args:
        repeats: pairs of a number of occurrences and how many values occur that often.
        share: the share of rows that are drawn.
    """
    rows = sum(times * number for times, number in repeats)
    return sum(times * number * share ** (times - 1) for times, number in repeats) / rows if rows else 0.0
