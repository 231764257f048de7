"""False alarms and misses on columns with too many values for bins, by simulation: measurements/drift-error-rates.md.

    python -m benchmarks.drift_open_columns 14

Populations of many values are drawn. From each, references of 30,000 rows are sampled, a fifth of which is held out,
and give the memory of the column. Then batches of n rows are drawn from the same population (each verdict of drift and
each alarm is false) and from changed ones. Autowatch itself judges each batch, as a table with only this column. Run it
with PYTHONPATH=src.
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from autowatch.monitoring.drift.judge import DriftReport, DriftRules, judge
from autowatch.tabular.bins import CategoricalBins, Memory, NumericBins
from autowatch.tabular.profile import Baseline, Profile
from autowatch.tabular.seen import PLACE_SHIFT, SeenValues, value_hash
from autowatch.tabular.sketches import ColumnSketch, smallest

ROWS = (50, 200, 500, 1_000, 5_000)
REFERENCES = 10
BATCHES = 100
REFERENCE_ROWS = 30_000
HELD_OUT = 6_000
SIZES = (2_500, 20_000, 200_000)
CHANGED = 0.1

Random = np.random.Generator


@dataclass(frozen=True)
class Population:
    """The probability and the hash of each value, followed by the same number of values that never occur."""

    shares: np.ndarray
    hashes: np.ndarray

    def draw(self, random: Random, rows: int) -> np.ndarray:
        """Draws the values of `rows` rows, as indexes."""
        return random.choice(len(self.shares), rows, p=self.shares)


def populations() -> dict[str, Population]:
    """Uniform populations, one whose shares fall like those of words, and one of identifiers."""
    named = {f"{size:,} values, alike": np.full(size, 1 / size) for size in SIZES[:2]}
    falling = 1 / np.arange(1, SIZES[1] + 1)
    named[f"{SIZES[1]:,} values, shares falling as 1/rank"] = falling / falling.sum()
    named[f"{SIZES[2]:,} values, hardly any twice"] = np.full(SIZES[2], 1 / SIZES[2])
    return {
        name: Population(
            shares, np.array([value_hash(f"{name} {number:06d}") for number in range(2 * len(shares))])
        )
        for name, shares in named.items()
    }


def reference(random: Random, population: Population) -> Baseline:
    """The column with its memory, as training makes it; its counts have every value in one bin."""
    rows = population.draw(random, REFERENCE_ROWS)
    train, held_out = rows[HELD_OUT:], rows[:HELD_OUT]
    seen = SeenValues.of(population.hashes[np.unique(train)].tolist())
    known = int(seen_of(seen, population)[held_out].sum())
    times, values = np.unique(np.unique(rows, return_counts=True)[1], return_counts=True)
    lengths = NumericBins("c", "feature", (6.0,), (6.0,), counts=(REFERENCE_ROWS, 0, 0, 0))
    repeats = tuple(zip(times.tolist(), values.tolist(), strict=True))
    memory = Memory(seen, lengths, (known, HELD_OUT - known), repeats)
    counts = (REFERENCE_ROWS, 0, 0)
    return Baseline("r", REFERENCE_ROWS, (CategoricalBins("c", "feature", (), (), True, counts, memory),))


def seen_of(seen: SeenValues, population: Population) -> np.ndarray:
    """For each value, whether it is in the set or mistaken for one that is."""
    bits = np.unpackbits(np.frombuffer(seen.bits, np.uint8), bitorder="little")
    return bits[population.hashes >> PLACE_SHIFT].astype(bool)


def profile(baseline: Baseline, population: Population, is_seen: np.ndarray, rows: np.ndarray) -> Profile:
    """The profile of rows with these values."""
    new = int((~is_seen[rows]).sum())
    sketch = ColumnSketch(
        lengths=(len(rows), 0, 0, 0), hashes=smallest(population.hashes[np.unique(rows)].tolist())
    )
    return Profile("r", baseline.bins, len(rows), {"c": (len(rows) - new, new, 0)}, {"c": sketch})


def unchanged(_random: Random, rows: np.ndarray, _values: int) -> np.ndarray:
    """Unchanged rows."""
    return rows


def some_new(random: Random, rows: np.ndarray, values: int) -> np.ndarray:
    """A tenth of the rows gets values that do not occur in the population."""
    return np.where(random.random(len(rows)) < CHANGED, rows + values, rows)


def all_new(_random: Random, rows: np.ndarray, values: int) -> np.ndarray:
    """All rows get values that do not occur in the population."""
    return rows + values


def one_word(random: Random, rows: np.ndarray, values: int) -> np.ndarray:
    """A tenth of the rows gets one value that does not occur in the population."""
    return np.where(random.random(len(rows)) < CHANGED, values, rows)


def half_gone(_random: Random, rows: np.ndarray, _values: int) -> np.ndarray:
    """One of every two values gets the rows of both."""
    return rows // 2 * 2


CHANGES: dict[str, Callable[[Random, np.ndarray, int], np.ndarray]] = {
    "unchanged": unchanged,
    "all values new": all_new,
    "10 % of rows with other values": some_new,
    "10 % of rows with one other value": one_word,
    "half of the values gone": half_gone,
}


def rates(random: Random, population: Population, rows: int, change: Any) -> list[DriftReport]:
    """The judgements of REFERENCES × BATCHES batches."""
    reports = []
    for _ in range(REFERENCES):
        baseline = reference(random, population)
        (column,) = baseline.columns
        is_seen = seen_of(column.memory.seen, population)
        for _ in range(BATCHES):
            drawn = change(random, population.draw(random, rows), len(population.shares))
            reports.append(judge(baseline, profile(baseline, population, is_seen, drawn), DriftRules()))
    return reports


def main(seeds: Sequence[int]) -> None:
    """Prints for each population and change the shares of batches with drift and with an alarm."""
    random = np.random.default_rng(list(seeds))
    print(
        f"seed {', '.join(map(str, seeds))}, {REFERENCES * BATCHES:,} batches of each size: drift / alarm\n"
    )
    for name, population in populations().items():
        (column,) = reference(random, population).columns
        fresh = msgspec.to_builtins(column.memory.fresh)
        print(f"| {name}: {fresh[1] / sum(fresh):.0%} new in the hold-out | ", end="")
        print(" | ".join(f"n = {rows:,}" for rows in ROWS) + " |")
        print("|---|" + "---|" * len(ROWS))
        for label, change in CHANGES.items():
            cells = []
            for rows in ROWS:
                reports = rates(random, population, rows, change)
                drift = np.mean([report.columns[0].verdict == "drift" for report in reports])
                alarm = np.mean([bool(report.alarms) for report in reports])
                cells.append(
                    f"{drift:.1%} / {alarm:.1%}" if rows >= DriftRules().min_rows else f"– / {alarm:.1%}"
                )
            print(f"| {label} | " + " | ".join(cells) + " |", flush=True)
        print()


if __name__ == "__main__":
    main([int(seed) for seed in sys.argv[1:]])
