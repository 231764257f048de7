"""The daily job's metrics: its heartbeat, the result of each day, and the drift of each column."""

import hashlib
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from autowatch.aws.metrics import OLDEST, emit

_LONGEST_COLUMN = 200


def emit_run(namespace: str, stack: str, days_judged: int) -> None:
    """Emits the heartbeat of the daily job.

    Call it last: it counts completed runs, including those with nothing to judge.
    """
    emit(namespace, {"DriftRuns": 1, "DaysJudged": days_judged}, {"Stack": stack})


def emit_day(
    document: Mapping[str, Any],
    namespace: str,
    stack: str,
    *,
    by_column: bool,
    clock: datetime | None = None,
) -> None:
    """Emits the metrics of one day.

    Rows and alarms are summed over all runs, and drift is that of any run; the columns are those of the newest run with
    rows. The timestamp is `clock` if the day is today in UTC, otherwise the day's last second. Days too old for
    CloudWatch get no metrics. Read each metric by its maximum, so that a day judged twice does not count twice.

    Args:
        document: the content of the day's `drift.json`.
        by_column: whether to emit metrics for each column as well.
        clock: the current time, with a time zone.
    """
    moment = _moment(date.fromisoformat(document["date"]), clock or datetime.now(UTC))
    if moment is None:
        return
    emit(namespace, _of_day(document), {"Stack": stack}, moment=moment)
    if by_column:
        for column in document["columns"]:
            if values := _of_column(column):
                dimensions = {"Stack": stack, "Column": column_dimension(column["name"])}
                emit(namespace, values, dimensions, moment=moment)


def column_dimension(name: str) -> str:
    """The column's name in the form that CloudWatch accepts: printable ASCII, at most 200 characters.

    A changed name ends with the first digits of its SHA-256, so that no two columns share a metric.
    """
    shown = "".join(character if " " <= character <= "~" else "?" for character in name[:_LONGEST_COLUMN])
    if shown == name and not name.isspace() and name:
        return name
    digest = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{shown[: _LONGEST_COLUMN - 10].strip()} #{digest}".strip()


def _moment(day: date, clock: datetime) -> datetime | None:
    clock = clock.astimezone(UTC)
    if day >= clock.date():
        return clock
    end = datetime.combine(day, time(23, 59, 59), UTC)
    return end if end > clock - OLDEST else None


def _of_day(document: Mapping[str, Any]) -> dict[str, float]:
    runs = [document, *document["other_runs"]]
    sizes = [size for column in document["columns"] if (size := _drift_size(column)) is not None]
    drifted = any(run["verdict"] == "drift" for run in runs)
    values = {
        "RowsJudged": sum(run["rows"] for run in runs),
        "DriftDetected": int(drifted),
        "NotEnoughData": int(document["verdict"] == "not enough data" and not drifted),
        "DriftedColumns": len(document["drifted_columns"]),
        "DriftShare": document["drift_share"],
        "DataAlarms": sum(len(run["alarms"]) for run in runs),
    }
    return values | ({"WorstDriftSize": max(sizes)} if sizes else {})


def _of_column(column: Mapping[str, Any]) -> dict[str, float]:
    values = {"DriftSize": _drift_size(column), "MissingShare": column["missing"]["current"]}
    return {name: value for name, value in values.items() if value is not None and math.isfinite(value)}


def _drift_size(column: Mapping[str, Any]) -> float | None:
    """The distance as a multiple of its threshold; None if there is no distance or threshold."""
    if column["js"] is None or not column["js_threshold"]:
        return None
    size = column["js"] / column["js_threshold"]
    return float(size) if math.isfinite(size) else None
