"""The drift verdict on the real Bank Marketing file: halves, blocks and months: measurements/drift-error-rates.md.

    python -m benchmarks.drift_months path/to/bank-additional-full.csv[.gz]

The rows are in chronological order but have no year; a month is a run of rows with the same `month`. Run it with
PYTHONPATH=src.
"""

import csv
import gzip
import itertools
import random
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from autowatch.monitoring.drift.judge import DriftReport, DriftRules, judge
from autowatch.monitoring.drift.moved import what_moved
from autowatch.tabular.profile import Baseline, Profile, baseline_column

LEFT_OUT = {"y", "duration"}
CATEGORICAL = {
    "job", "marital", "education", "default", "housing", "loan", "contact", "month", "day_of_week", "poutcome",
}  # fmt: skip
# These columns follow the calendar, not the people called.
CALENDAR = {"month", "emp.var.rate", "cons.price.idx", "cons.conf.idx", "euribor3m", "nr.employed"}
SPANS = {
    "rows 1 to 12,137": (0, 12_137),
    "rows 12,138 to 27,690": (12_137, 27_690),
    "rows 27,691 to 36,224": (27_690, 36_224),
}
SPLITS = 200
BLOCK = 2_000
# May and June, the first two months.
FIRST = 12_137
LAST = 2_000
RULES = DriftRules()


@dataclass(frozen=True)
class Column:
    """A column of the whole file: its distinct texts, and for each row the index of its text."""

    name: str
    texts: tuple[str, ...]
    numbers: np.ndarray

    def counts(self, rows: Sequence[int]) -> dict[str, int]:
        """How often each text occurs in these rows."""
        times = np.bincount(self.numbers[rows], minlength=len(self.texts))
        return {self.texts[number]: int(times[number]) for number in np.flatnonzero(times)}


Table = dict[str, Column]


def main(path: Path) -> None:
    """Prints the four tables."""
    table = read_table(path)
    size = len(table["month"].numbers)
    print("| random halves of | splits | called drifted | with an alarm |\n|---|---|---|---|")
    for name, span in SPANS.items():
        print(f"| {name} | {SPLITS} | " + " | ".join(halves(table, *span)) + " |")
    print("\n| adjacent blocks | drifted columns | largest distances |\n|---|---|---|")
    for start in range(0, size - 2 * BLOCK + 1, 2 * BLOCK):
        middle, end = start + BLOCK, start + 2 * BLOCK
        report = judged(table, baseline_of(table, range(start, middle)), range(middle, end))
        print(f"| {start + 1:,} and {middle + 1:,} | " + " | ".join(columns_of(report, 3)) + " |")
    print(
        "\n| months | rows | drifted | worst of those that do not follow the calendar | alarms |\n|---|---|---|---|---|"
    )
    baseline = baseline_of(table, range(FIRST))
    for name, start, end in months(table["month"]):
        if start >= FIRST:
            report = judged(table, baseline, range(start, end))
            drifted, worst = columns_of(report, 3, CALENDAR)
            print(f"| {name} | {end - start:,} | {drifted} | {worst} | {len(report.alarms)} |")
    print("\n| column | verdict | distance | PSI | what moved |\n|---|---|---|---|---|")
    last = judged(table, baseline, range(size - LAST, size))
    for column in sorted(last.columns, key=lambda column: -(column.js or 0)):
        moved = what_moved(column.bins).replace("|", "\\|")
        print(f"| `{column.name}` | {column.verdict} | {column.js:.3f} | {column.psi:.2f} | {moved} |")


def read_table(path: Path) -> Table:
    """The file without the target and `duration`."""
    content = path.read_bytes()
    text = (gzip.decompress(content) if path.suffix == ".gz" else content).decode()
    header, *rows = csv.reader(text.splitlines(), delimiter=";")
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    return {name: coded(name, texts) for name, texts in columns.items() if name not in LEFT_OUT}


def coded(name: str, texts: Sequence[str]) -> Column:
    different, numbers = np.unique(np.array(texts), return_inverse=True)
    return Column(name, tuple(different.tolist()), numbers)


def months(month: Column) -> Iterator[tuple[str, int, int]]:
    """Name, first row and end (exclusive) of each run of rows with the same month.

    Months with too few rows for a verdict are merged with the next ones.
    """
    start = end = 0
    names: list[str] = []
    for number, run in itertools.groupby(month.numbers):
        end += sum(1 for _ in run)
        names.append(month.texts[number])
        if end - start >= RULES.min_rows:
            yield " to ".join(dict.fromkeys((names[0], names[-1]))), start, end
            start, names = end, []


def halves(table: Table, start: int, end: int) -> tuple[str, str]:
    """How many of SPLITS random halves have drift and an alarm, compared with the other half."""
    drifted = alarmed = 0
    for seed in range(SPLITS):
        shuffled = random.Random(seed).sample(range(start, end), end - start)
        half = len(shuffled) // 2
        report = judged(table, baseline_of(table, shuffled[:half]), shuffled[half:])
        drifted += report.verdict == "drift"
        alarmed += bool(report.alarms)
    return str(drifted), str(alarmed)


def baseline_of(table: Table, rows: Sequence[int]) -> Baseline:
    """The bins and counts of these rows."""
    columns = tuple(
        baseline_column(
            name, "feature", "categorical" if name in CATEGORICAL else "numeric", column.counts(rows)
        )
        for name, column in table.items()
    )
    return Baseline("reference", len(rows), columns)


def judged(table: Table, baseline: Baseline, rows: Sequence[int]) -> DriftReport:
    """The verdict on these rows."""
    counts = {
        column.name: tuple(column.count(table[column.name].counts(rows))) for column in baseline.columns
    }
    return judge(baseline, Profile(baseline.run, baseline.bins, len(rows), counts), RULES)


def columns_of(report: DriftReport, most: int, left_out: Collection[str] = ()) -> tuple[str, str]:
    """The number of drifted columns, and the distances of the worst ones."""
    shown = [column for column in report.drifted if column.name not in left_out][:most]
    return str(len(report.drifted)), ", ".join(f"`{column.name}` {column.js:.2f}" for column in shown) or "–"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
