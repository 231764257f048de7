"""The speed of drift detection, compared with alternatives: measurements/drift-speed.md.

    python -m benchmarks.drift [raw|daily] [ROWS …]

`raw` detects drift in a CSV of 20 columns with each alternative of benchmarks/drift_ways.py, in separate processes, and
checks the counts against pandas and the distances against scipy. `daily` runs the daily job over 10,000 profiles of 50
columns (benchmarks/drift_daily.py).
"""

import hashlib
import json
import math
import os
import statistics
import subprocess
import sys
import venv
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from autowatch.tabular.profile import Baseline, baseline_column
from benchmarks.drift_daily import show_daily
from benchmarks.drift_data import COLUMNS, NUMERIC, REFERENCE_ROWS, write_rows
from benchmarks.scoring import ARROW_VARIABLES
from sandbox.install import environments

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / ".sandbox" / "bench"
SIZES = (10_000, 100_000, 1_000_000)
REPETITIONS = 5
# The distance is a root: the rounding error of a squared distance of 0 becomes this large.
LEAST_DISTANCE = 1e-7
PIP_TIMEOUT_SECONDS = WAY_TIMEOUT_SECONDS = 900
NAMES = {
    "autowatch": "**this code**",
    "duckdb": "DuckDB histograms, same verdict",
    "pandas": "naive pandas and scipy",
    "evidently": "Evidently, DataDriftPreset",
}
# Evidently is slow, and its times vary little.
FEWER = {"evidently": 2}

Answer = dict[str, Any]


def environment(name: str) -> Path:
    """The interpreter of a virtual environment with the packages of requirements/<name>.txt."""
    requirements = ROOT / "requirements" / f"{name}.txt"
    digest = hashlib.sha256(requirements.read_bytes()).hexdigest()
    folder = environments().root / name
    python, stamp = folder / "bin" / "python", folder / "installed"
    if not stamp.exists() or stamp.read_text() != digest:
        print(f"Installing {requirements.name} ...", file=sys.stderr, flush=True)
        venv.create(folder, with_pip=True, clear=True)
        command = [str(python), "-m", "pip", "install", "--quiet", "-r", str(requirements)]
        subprocess.run(command, check=True, timeout=PIP_TIMEOUT_SECONDS)
        stamp.write_text(digest)
    return python


def installed_megabytes(python: Path) -> float:
    """The size of an environment's packages on disk, without pip."""
    paths = [path for path in (python.parent.parent / "lib").rglob("*") if "pip" not in path.parts]
    return sum(path.lstat().st_size for path in paths) / 1e6


def baseline_of(reference: Path) -> Baseline:
    """The bins and counts of the reference rows."""
    lines = reference.read_text().splitlines()[1:]
    columns = zip(*(line.split(",") for line in lines), strict=True)
    return Baseline(
        "bench",
        len(lines),
        tuple(
            baseline_column(name, "feature", "numeric" if name in NUMERIC else "categorical", Counter(texts))
            for name, texts in zip(COLUMNS, columns, strict=True)
        ),
    )


class Bench:
    """The files, and the interpreters of the alternatives."""

    def __init__(self) -> None:
        FOLDER.mkdir(parents=True, exist_ok=True)
        self._reference, self._baseline = FOLDER / "reference.csv", FOLDER / "baseline.json"
        write_rows(self._reference, REFERENCE_ROWS, seed=0, shift=0.0)
        self._baseline.write_bytes(msgspec.json.encode(baseline_of(self._reference)))
        self.others, self.evidently = environment("bench"), environment("bench-evidently")

    def rows(self, count: int) -> Path:
        """A file of current rows."""
        path = FOLDER / f"current-{count}.csv"
        if not path.exists():
            write_rows(path, count, seed=1, shift=0.3)
        return path

    def run(self, way: str, current: Path) -> Answer:
        """Runs an alternative in a process and returns its figures."""
        python = {"autowatch": Path(sys.executable), "evidently": self.evidently}.get(way, self.others)
        paths = map(str, (self._baseline, self._reference, current))
        done = subprocess.run(
            [str(python), "-m", "benchmarks.drift_ways", way, *paths],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
            | (ARROW_VARIABLES if way == "autowatch" else {}),
            check=True,
            stdout=subprocess.PIPE,
            text=True,
            timeout=WAY_TIMEOUT_SECONDS,
        )
        answer: Answer = json.loads(done.stdout.splitlines()[-1])
        return answer


def check_agreement(bench: Bench, rows: int) -> None:
    """Raises AssertionError unless the counts are those of pandas and DuckDB, and the statistics those of scipy."""
    current = bench.rows(rows)
    ours, pandas, duckdb = (bench.run(way, current) for way in ("autowatch", "exact pandas", "duckdb"))
    assert ours["counts"] == pandas["counts"] == duckdb["counts"]
    for name, expected in pandas["statistics"].items():
        assert math.isclose(
            ours["statistics"][name]["js"], expected["js"], rel_tol=1e-9, abs_tol=LEAST_DISTANCE
        ), name
    print(f"{rows:,} rows: the counts are those of pandas and of DuckDB, the distances those of scipy.\n")


def compare_ways(bench: Bench, sizes: Sequence[int]) -> None:
    """Prints the alternatives in a table, and the ratios with goals."""
    print(
        "| rows | way | s | CPU s | peak MB | time, this code = 1 | s of imports |\n|---|---|---|---|---|---|---|"
    )
    for rows in sizes:
        current = bench.rows(rows)
        runs: dict[str, list[Answer]] = {way: [] for way in NAMES}
        for repetition in range(REPETITIONS):
            for way, answers in runs.items():
                if repetition < FEWER.get(way, REPETITIONS):
                    answers.append(bench.run(way, current))
        figures = {way: _medians(answers) for way, answers in runs.items()}
        ours = figures["autowatch"]
        for way, figure in figures.items():
            ratio = figure["seconds"] / ours["seconds"]
            cells = (f"{figure[name]:.2f}" for name in ("seconds", "cpu"))
            print(
                f"| {rows:,} | {NAMES[way]} | {' | '.join(cells)} | {figure['peak']:.0f} | {ratio:.2f} "
                f"| {figure['imports']:.2f} |",
                flush=True,
            )
        if rows == max(SIZES):
            _print_goals(figures)


def _medians(answers: Sequence[Answer]) -> dict[str, float]:
    names = ("seconds", "cpu", "peak", "imports")
    return {name: statistics.median(answer[name] for answer in answers) for name in names}


def _print_goals(figures: dict[str, dict[str, float]]) -> None:
    ours, duckdb, evidently = (figures[way] for way in ("autowatch", "duckdb", "evidently"))
    print(f"\n- time / DuckDB's: {ours['seconds'] / duckdb['seconds']:.2f} (goal: at most 1.5)")
    print(f"- Evidently's time / ours: {evidently['seconds'] / ours['seconds']:.1f} (goal: at least 25)")
    print(f"- Evidently's memory / ours: {evidently['peak'] / ours['peak']:.1f} (goal: at least 5)")


def show_installed_sizes(bench: Bench) -> None:
    """Prints the sizes of the environments on disk."""
    layer = environments().layer("analysis")
    print("\n| installed | MB |\n|---|---|")
    print(f"| the analysis layer | {sum(path.lstat().st_size for path in layer.rglob('*')) / 1e6:.0f} |")
    print(f"| pandas, scipy and DuckDB | {installed_megabytes(bench.others):.0f} |")
    print(f"| Evidently | {installed_megabytes(bench.evidently):.0f} |")


def main(arguments: Sequence[str]) -> None:
    """Runs both parts or the named one, at all sizes or at the given ones."""
    parts = [argument for argument in arguments if argument.isalpha()] or ["raw", "daily"]
    sizes = [int(argument) for argument in arguments if argument.isdigit()] or SIZES
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{os.cpu_count()} processors, load before the run {load}, Python {sys.version.split()[0]}\n")
    if "raw" in parts:
        bench = Bench()
        check_agreement(bench, min(sizes))
        compare_ways(bench, sizes)
        show_installed_sizes(bench)
    if "daily" in parts:
        show_daily()


if __name__ == "__main__":
    main(sys.argv[1:])
