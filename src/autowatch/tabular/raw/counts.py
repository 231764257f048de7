"""The counts of raw fields on the bins of a baseline's columns, a block of rows at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress

import numpy as np

from autowatch.tabular.bins import Bins, CategoricalBins, NumericBins
from autowatch.tabular.cells import MISSING, to_number
from autowatch.tabular.raw.fields import Array, RawColumn, RawFields
from autowatch.tabular.raw.numbers import read_numbers
from autowatch.tabular.raw.texts import TextTable

# A column of numbers with so few texts in so many rows is looked up, in about half the time of reading them.
_MOST_TEXTS, _SAMPLED_ROWS = 100, 1_000

# So few rows are read one by one sooner than all at once.
_FEW_ROWS = 100


@dataclass(frozen=True)
class RawCounts:
    """What was counted of a block.

    Attributes:
        rows: how many rows were counted.
        rejected: how many were not, since they have the wrong number of fields, or a number that is none.
        columns: for each column the counts on its bins.
    """

    rows: int
    rejected: int
    columns: Mapping[str, Array]


class RawCounter:
    """Counts those columns of a baseline that a file has.

    Args:
        sample: rows of the file. The counts are the same whichever they are, and come sooner if they are like the rest.
    """

    def __init__(self, header: Sequence[str], columns: Sequence[Bins], sample: RawFields) -> None:
        positions = {name: position for position, name in enumerate(header)}
        present = {positions[bins.name]: bins for bins in columns if bins.name in positions}
        self._numbers = {
            position: _NumberCounter(bins, sample.column(position))
            for position, bins in present.items()
            if isinstance(bins, NumericBins)
        }
        self._texts = {
            position: _TextCounter(bins)
            for position, bins in present.items()
            if isinstance(bins, CategoricalBins)
        }

    def count(self, fields: RawFields) -> RawCounts:
        """Counts the rows of a block."""
        rejected = fields.misfits
        counts, faulty = self._count_numbers(fields)
        if len(faulty):
            rejected += len(faulty)
            fields = fields.without(faulty)
            counts, _ = self._count_numbers(fields)
        for position, counter in self._texts.items():
            counts[counter.bins.name] = counter.count(fields.column(position))
        return RawCounts(len(fields), rejected, counts)

    def _count_numbers(self, fields: RawFields) -> tuple[dict[str, Array], Array]:
        """The counts, and the rows with a number that is none, in ascending order."""
        counts, faulty = {}, np.zeros(0, np.intp)
        for position, counter in self._numbers.items():
            counts[counter.bins.name], rows = counter.count(fields.column(position))
            faulty = np.union1d(faulty, rows) if len(rows) else faulty
        return counts, faulty


class _NumberCounter:
    """Counts one column of numbers."""

    def __init__(self, bins: NumericBins, sample: RawColumn) -> None:
        self.bins = bins
        known = _frequent_numbers(sample)
        self._table = TextTable(known) if known else None
        self._bin_of_index = [bins.count({text: 1}).index(1) for text in known]

    def count(self, column: RawColumn) -> tuple[Array, Array]:
        """The counts of one block, and the rows that have no number; those are not counted."""
        if not self._table:
            return self._read(column)
        found, rows = self._table.count(column)
        counts = np.bincount(self._bin_of_index, found, len(self.bins)).astype(np.int64)
        others, faulty = self._read(column.at(rows))
        return counts + others, rows[faulty]

    def _read(self, column: RawColumn) -> tuple[Array, Array]:
        """As `count`, by reading each number.

        How many lie at or above each cut is counted cut by cut, which takes a fraction of a search for each number.
        Where a number is only known to lie between two, and a cut lies between them as well, it is read exactly.
        """
        if len(column.ends) <= _FEW_ROWS:
            return self._read_texts(column)
        numbers = read_numbers(column)
        least, most, odd = numbers.least, numbers.most, numbers.odd
        if least is not most:
            unsure = _between(self.bins.cuts, least, most)
            least = least.copy()
            least[unsure] = np.nan
            odd = np.concatenate([odd, unsure])
        read = len(least) - numbers.missing - len(odd)
        at_or_above = [np.count_nonzero(least >= cut) for cut in self.bins.cuts]
        stretches = -np.diff([read, *at_or_above, 0])
        counts = np.bincount(self.bins.bin_of_stretch, stretches, len(self.bins)).astype(np.int64)
        counts[-1] += numbers.missing
        others, faulty = self._read_texts(column.at(odd))
        return counts + others, odd[faulty]

    def _read_texts(self, column: RawColumn) -> tuple[Array, Array]:
        """As `count`, text by text."""
        texts = column.texts()
        are_numbers = list(map(_is_number, texts))
        counts = self.bins.count(Counter(compress(texts, are_numbers)))
        return np.array(counts), np.flatnonzero(np.logical_not(are_numbers))


def _frequent_numbers(sample: RawColumn) -> list[str]:
    """The texts of a sample where they are few, so that they are most of those that the column has."""
    if len(sample.ends) < _SAMPLED_ROWS:
        return []
    texts = set(sample.at(np.arange(_SAMPLED_ROWS)).texts())
    return sorted(filter(_is_number, texts)) if len(texts) <= _MOST_TEXTS else []


def _is_number(text: str) -> bool:
    if text in MISSING:
        return True
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def _between(cuts: Sequence[float], least: Array, most: Array) -> Array:
    """The rows with a cut between their bounds."""
    between = np.zeros(len(least), bool)
    for cut in cuts:
        between |= (least < cut) & (most >= cut)
    return np.flatnonzero(between)


class _TextCounter:
    """Counts one column of texts."""

    def __init__(self, bins: CategoricalBins) -> None:
        self.bins = bins
        known = [*bins.values, *bins.other, *MISSING]
        self._table = TextTable(known)
        self._bin_of_index = [bins.bin_of(text) for text in known]

    def count(self, column: RawColumn) -> Array:
        """The counts of one block."""
        found, rows = self._table.count(column)
        counts = np.bincount(self._bin_of_index, found, len(self.bins)).astype(np.int64)
        if self._table.is_complete:
            counts[self.bins.unknown] += len(rows)
        elif len(rows):
            # Among those not found may be known texts that are too long for the table.
            counts += np.array(self.bins.count(Counter(column.at(rows).texts())))
        return counts
