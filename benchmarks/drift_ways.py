"""One alternative to detect drift, from two CSV files to a verdict, as a process of benchmarks/drift.py.

    python -m benchmarks.drift_ways WAY BASELINE.json REFERENCE.csv CURRENT.csv

WAY is `autowatch`, `pandas`, `exact pandas`, `duckdb` or `evidently`. Prints a JSON object: wall-clock
seconds of imports and of work, CPU seconds of both, peak MB, the drifted columns and, if the alternative has them,
counts and statistics.
"""

import csv
import json
import math
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

Answer = dict[str, Any]
Way = Callable[[Path, Path, Path], Answer]


def autowatch_way() -> Way:
    """Raw profile and verdict, as in the two functions."""
    from autowatch.monitoring.drift.judge import DriftRules, judge
    from autowatch.scoring.raw_profile import profile_table
    from autowatch.tabular.table import read_table

    def decide(baseline_path: Path, _: Path, current: Path) -> Answer:
        baseline = _read_baseline(baseline_path)
        with current.open("rb") as file:
            profile = profile_table(read_table(iter(lambda: file.read(1 << 20), b"")), baseline).profile
        return _answer(judge(baseline, profile, DriftRules()), profile.columns)

    return decide


def pandas_way(precision: str | None = None) -> Way:
    """The obvious way: the whole file as a data frame, each column counted on the bins, statistics from scipy."""
    import numpy as np
    import pandas as pd
    from scipy.spatial.distance import jensenshannon
    from scipy.stats import chi2_contingency

    def counts_of(series: Any, bins: Any) -> list[int]:
        if bins.type == "numeric":
            stretches = np.searchsorted(bins.cuts, series.dropna(), side="right")
            counts = np.bincount(np.array(bins.bin_of_stretch)[stretches], minlength=len(bins))
            counts[-1] += series.isna().sum()
            return counts.tolist()
        return bins.count(series.fillna("").value_counts().to_dict())

    def decide(baseline_path: Path, _: Path, current: Path) -> Answer:
        baseline = _read_baseline(baseline_path)
        types = {column.name: float if column.type == "numeric" else str for column in baseline.columns}
        frame = pd.read_csv(current, dtype=types, sep=_delimiter(current), float_precision=precision)
        counts, drifted, statistics = {}, [], {}
        for column in baseline.columns:
            name = column.name
            counts[name] = counts_of(frame[name], column)
            table = np.array([column.counts, counts[name]])
            distance = float(jensenshannon(*table, base=2))
            p_value = float(chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False).pvalue)
            statistics[name] = {"js": distance, "p_value": p_value}
            if distance >= 0.07 and p_value < 0.001:
                drifted.append(name)
        return {"drifted": drifted, "counts": counts, "statistics": statistics}

    return decide


def duckdb_way() -> Way:
    """Histograms on the same bins in one query, and the same verdict."""
    import duckdb

    from autowatch.monitoring.drift.judge import DriftRules, judge
    from autowatch.tabular.profile import Profile

    def decide(baseline_path: Path, _: Path, current: Path) -> Answer:
        baseline = _read_baseline(baseline_path)
        bins = baseline.columns
        types = {item.name: "DOUBLE" if item.type == "numeric" else "VARCHAR" for item in bins}
        aggregates = ", ".join(_histogram(item) for item in bins)
        rows, *histograms = duckdb.execute(
            f"SELECT count(*), {aggregates} FROM read_csv($path, header = true, delim = $delim, types = $types)",
            {"path": str(current), "delim": _delimiter(current), "types": types},
        ).fetchone()
        columns = {
            item.name: tuple(_from_histogram(item, histogram, rows))
            for item, histogram in zip(bins, histograms, strict=True)
        }
        profile = Profile(baseline.run, baseline.bins, rows, columns)
        return _answer(judge(baseline, profile, DriftRules()), columns)

    return decide


def evidently_way() -> Way:
    """Evidently's own preset, with its defaults."""
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.presets import DataDriftPreset

    def decide(baseline_path: Path, reference: Path, current: Path) -> Answer:
        columns = json.loads(baseline_path.read_text())["columns"]
        numeric = [column["name"] for column in columns if column["type"] == "numeric"]
        categorical = [column["name"] for column in columns if column["type"] == "categorical"]
        definition = DataDefinition(numerical_columns=numeric, categorical_columns=categorical)
        types = dict.fromkeys(categorical, str)
        data = [
            Dataset.from_pandas(pd.read_csv(path, dtype=types, sep=_delimiter(path)), definition)
            for path in (current, reference)
        ]
        result = Report([DataDriftPreset()]).run(*data).dict()
        return {"drifted": [], "metrics": len(result["metrics"])}

    return decide


WAYS: Mapping[str, Callable[[], Way]] = {
    "autowatch": autowatch_way,
    "pandas": pandas_way,
    "exact pandas": lambda: pandas_way("round_trip"),
    "duckdb": duckdb_way,
    "evidently": evidently_way,
}


def _read_baseline(path: Path) -> Any:
    import msgspec

    from autowatch.tabular.profile import Baseline

    return msgspec.json.decode(path.read_text(), type=Baseline)


def _answer(report: Any, counts: Mapping[str, Any]) -> Answer:
    return {
        "drifted": [column.name for column in report.columns if column.verdict == "drift"],
        "counts": {name: list(column) for name, column in counts.items()},
        "statistics": {
            column.name: {"js": column.js, "p_value": column.p_value} for column in report.columns
        },
    }


def _delimiter(path: Path) -> str:
    with path.open(encoding="utf-8") as file:
        return str(csv.Sniffer().sniff(file.readline(), ",;").delimiter)


def _histogram(bins: Any) -> str:
    name = '"' + bins.name.replace('"', '""') + '"'
    if bins.type == "numeric":
        # DuckDB's bins are closed on the right, ours on the left.
        return f"histogram({name}, {[math.nextafter(cut, -math.inf) for cut in bins.cuts]}::DOUBLE[])"
    texts = ", ".join("'" + text.replace("'", "''") + "'" for text in (*bins.values, *bins.other))
    return f"histogram_exact({name}, [{texts}])"


def _from_histogram(bins: Any, histogram: Mapping[Any, int], rows: int) -> list[int]:
    counts = [0] * len(bins)
    if bins.type == "numeric":
        for bin_index, times in zip(bins.bin_of_stretch, _stretches(bins.cuts, histogram), strict=True):
            counts[bin_index] += times
    else:
        # Values outside all bins have an empty text.
        for text, times in histogram.items():
            counts[bins.bin_of(text) if text else bins.unknown] += times
    counts[-1] += rows - sum(counts)
    return counts


def _stretches(cuts: list[float], histogram: Mapping[float, int]) -> list[int]:
    """The counts between the cuts, in order; DuckDB omits empty bins and names the last one infinity."""
    return [
        histogram.get(bound, 0) for bound in (*(math.nextafter(cut, -math.inf) for cut in cuts), math.inf)
    ]


def main(way: str, baseline: str, reference: str, current: str) -> None:
    """Measures one alternative."""
    begun = time.perf_counter()
    decide = WAYS[way]()
    imported, imported_cpu = time.perf_counter(), time.process_time()
    answer = decide(Path(baseline), Path(reference), Path(current))
    figures = {
        "imports": imported - begun,
        "seconds": time.perf_counter() - imported,
        "cpu": time.process_time() - imported_cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures | answer))


if __name__ == "__main__":
    main(*sys.argv[1:])
