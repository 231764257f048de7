"""The counts of raw fields on the bins of a baseline's columns, a block of rows at a time."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from autowatch.bins import Bins, CategoricalBins, NumericBins
from autowatch.contract import missing_values, to_number
from autowatch.raw_fields import Array, RawColumn, RawFields
from autowatch.raw_numbers import RawNumbers, read_numbers
from autowatch.raw_texts import TextTable


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
    """Counts those columns of a baseline that a file has. Threads may share one."""

    def __init__(self, header: Sequence[str], columns: Sequence[Bins]) -> None:
        positions = {name: position for position, name in enumerate(header)}
        present = [bins for bins in columns if bins.name in positions]
        self._numeric = {positions[bins.name]: bins for bins in present if isinstance(bins, NumericBins)}
        self._texts = {
            positions[bins.name]: _TextCounter(bins) for bins in present if isinstance(bins, CategoricalBins)
        }

    def count(self, fields: RawFields) -> RawCounts:
        """Counts the rows of a block."""
        rejected = fields.misfits
        columns, numbers = self._read(fields)
        faulty = self._faulty(columns, numbers)
        if len(faulty):
            rejected += len(faulty)
            fields = fields.without(faulty)
            columns, numbers = self._read(fields)
        counts = {
            bins.name: _count_numbers(bins, columns[position], numbers[position])
            for position, bins in self._numeric.items()
        }
        for position, counter in self._texts.items():
            counts[counter.bins.name] = counter.count(fields.column(position))
        return RawCounts(len(fields.starts), rejected, counts)

    def _read(self, fields: RawFields) -> tuple[dict[int, RawColumn], dict[int, RawNumbers]]:
        columns = {position: fields.column(position) for position in self._numeric}
        return columns, {position: read_numbers(column) for position, column in columns.items()}

    def _faulty(self, columns: dict[int, RawColumn], numbers: dict[int, RawNumbers]) -> Array:
        """The rows with a number that is none, in ascending order."""
        faulty = [
            row
            for position, column in numbers.items()
            for row, text in zip(column.odd.tolist(), columns[position].texts(column.odd), strict=True)
            if not _is_number(text)
        ]
        return np.unique(np.array(faulty, np.intp))


def _is_number(text: str) -> bool:
    try:
        to_number(text)
    except ValueError:
        return False
    return True


def _count_numbers(bins: NumericBins, column: RawColumn, numbers: RawNumbers) -> Array:
    """The counts of one block.

    How many numbers lie at or above each cut is counted cut by cut, which takes a fraction of a search for each number.
    Where a number is only known to lie between two, and a cut lies between them as well, it is read exactly.
    """
    least, most, odd = numbers.least, numbers.most, numbers.odd
    if least is not most:
        unsure = _between(bins.cuts, least, most)
        least = least.copy()
        least[unsure] = np.nan
        odd = np.concatenate([odd, unsure])
    read = len(least) - numbers.missing - len(odd)
    at_or_above = [np.count_nonzero(least >= cut) for cut in bins.cuts]
    stretches = -np.diff([read, *at_or_above, 0])
    counts = np.bincount(bins.bin_of_stretch, stretches, len(bins)).astype(np.int64)
    counts[-1] += numbers.missing
    if len(odd):
        counts += np.array(bins.count(Counter(column.texts(odd))))
    return counts


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
        known = [*bins.values, *bins.other, *missing_values("categorical")]
        self._table = TextTable(known)
        self._bin_of_index = [*(bins.bin_of(text) for text in known), bins.unknown]

    def count(self, column: RawColumn) -> Array:
        indices = self._table.find(column)
        counts = np.bincount(indices, minlength=len(self._bin_of_index))
        if self._table.is_complete or not counts[-1]:
            return _sum_by_bin(counts, self._bin_of_index, len(self.bins))
        # Among those not found may be known texts that are too long for the table.
        others = np.flatnonzero(indices == len(counts) - 1)
        counts[-1] = 0
        found = _sum_by_bin(counts, self._bin_of_index, len(self.bins))
        return found + np.array(self.bins.count(Counter(column.texts(others))))


def _sum_by_bin(counts: Array, bin_of_index: Sequence[int], bins: int) -> Array:
    return np.bincount(bin_of_index, counts, bins).astype(np.int64)
