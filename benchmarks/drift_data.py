"""The rows for benchmarks/drift.py: twenty mixed columns, about 141 bytes a row.

    python -m benchmarks.drift_data REFERENCE.csv CURRENT.csv ROWS

Ten columns have numbers (integers, short decimals, all digits of a double, one dominated by a single value, some
missing) and ten have categories (two to a thousand, some missing). In the current rows, two columns have moved.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

Random = np.random.Generator

REFERENCE_ROWS = 41_188
ROWS_AT_ONCE = 50_000

JOBS = (
    "admin.", "blue-collar", "technician", "services", "management", "retired", "entrepreneur", "self-employed",
    "housemaid", "unemployed", "student", "unknown",
)  # fmt: skip
EDUCATION = (
    "university.degree", "high.school", "basic.9y", "professional.course", "basic.4y", "basic.6y", "unknown",
    "illiterate",
)  # fmt: skip
MONTHS = ("may", "jul", "aug", "jun", "nov", "apr", "oct", "sep", "mar", "dec")
NUMERIC = ("age", "balance", "income", "score", "rate", "days", "calls", "index", "ratio", "visits")
CATEGORICAL = (
    "job",
    "education",
    "month",
    "marital",
    "loan",
    "town",
    "agent",
    "channel",
    "product",
    "segment",
)
COLUMNS = (*NUMERIC, *CATEGORICAL)


def write_rows(path: Path, rows: int, seed: int, shift: float) -> None:
    """Writes a CSV file of `rows` rows, with the mean of two columns moved by `shift` standard deviations."""
    random = np.random.default_rng(seed)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(COLUMNS) + "\n")
        for size in _parts(rows):
            columns = [*_numbers(random, size, shift), *_categories(random, size)]
            file.writelines(f"{','.join(row)}\n" for row in zip(*columns, strict=True))


def _parts(rows: int) -> Iterator[int]:
    for start in range(0, rows, ROWS_AT_ONCE):
        yield min(ROWS_AT_ONCE, rows - start)


def _numbers(random: Random, rows: int, shift: float) -> list[Sequence[str]]:
    dominant = np.where(random.random(rows) < 0.96, 999, random.integers(0, 28, rows))
    few = random.choice(["-3.4", "-1.8", "-0.1", "1.1", "1.4"], rows, p=[0.1, 0.2, 0.1, 0.2, 0.4])
    return [
        [str(value) for value in random.gamma(9, 4.5, rows).astype(int).tolist()],
        [f"{value:.2f}" for value in (random.normal(shift, 1, rows) * 3000).tolist()],
        _with_missing(
            random, [f"{value:.2f}" for value in (random.lognormal(size=rows) * 30000).tolist()], 0.1
        ),
        [str(value) for value in random.beta(0.6, 3, rows).tolist()],
        few.tolist(),
        [str(value) for value in dominant.tolist()],
        [str(value) for value in random.poisson(2.5 + shift, rows).tolist()],
        [f"{value:.3f}" for value in (random.random(rows) * 3 + 92).tolist()],
        [f"{value:.4f}" for value in random.normal(size=rows).tolist()],
        _with_missing(random, [str(value) for value in random.geometric(0.3, rows).tolist()], 0.02),
    ]


def _categories(random: Random, rows: int) -> list[Sequence[str]]:
    return [
        _draw(random, rows, JOBS),
        _draw(random, rows, EDUCATION),
        _draw(random, rows, MONTHS),
        _draw(random, rows, ("married", "single", "divorced", "")),
        _draw(random, rows, ("no", "yes")),
        _draw(random, rows, tuple(f"town-{number}" for number in range(1000))),
        _draw(random, rows, tuple(f"A{number:09d}" for number in range(500))),
        _draw(random, rows, ("cellular", "telephone", "branch")),
        _draw(random, rows, tuple(f"P{number:02d}" for number in range(40))),
        _with_missing(random, _draw(random, rows, ("retail", "private", "business")), 0.05),
    ]


def _draw(random: Random, rows: int, values: Sequence[str]) -> list[str]:
    """Draws values so that each is rarer than the previous one."""
    weights = 1 / np.arange(1, len(values) + 1) ** 0.8
    return [values[index] for index in random.choice(len(values), rows, p=weights / weights.sum()).tolist()]


def _with_missing(random: Random, texts: Sequence[str], share: float) -> list[str]:
    return ["" if gone else text for text, gone in zip(texts, random.random(len(texts)) < share, strict=True)]


if __name__ == "__main__":
    write_rows(Path(sys.argv[1]), REFERENCE_ROWS, seed=0, shift=0.0)
    write_rows(Path(sys.argv[2]), int(sys.argv[3]), seed=1, shift=0.3)
