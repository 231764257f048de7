"""True labels: joins them to predictions by our id or the user's key, uploads them, and follows the result."""

import csv
import io
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from autowatch_client.errors import FileUnfitError, RefusedError
from autowatch_client.objects import Bucket, Version, short_digest, unheard
from autowatch_client.runs import main_measure
from autowatch_client.tables import Table, write_table

DAYS_LOOKED_BACK = 30
"""Days back in which predictions are searched for the user's own key."""

_DIGITS = 16
_FILES_TRACED = 200
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True)
class Quality:
    """How good one day's predictions were. Figures are None if there are too few labels.

    `value` is the day's figure, `measure` its name; for two labels it is the AUC.
    """

    day: str
    verdict: str
    rows_scored: int
    rows_labelled: int
    auc: float | None
    auc_lower: float | None
    auc_upper: float | None
    measure: str | None = None
    value: float | None = None
    lower: float | None = None
    upper: float | None = None


@dataclass(frozen=True)
class Labelled:
    """The outcome of a labels file.

    Attributes:
        rows: of the file.
        joined: rows with a prediction, if joined here by the user's own key; else `rows`.
        repeated: keys that were scored more than once; the newest prediction gets the label.
        taken: labels imported, one for each id.
        rejected: rows without a matching prediction or with an unknown label.
    """

    source: Path
    rows: int
    joined: int
    repeated: int
    taken: int
    rejected: int
    quality: tuple[Quality, ...]


@dataclass(frozen=True)
class JoinedLabels:
    """A file in the stack's form, made from one with the user's own key."""

    path: Path
    rows: int
    joined: int
    repeated: int
    days: frozenset[str]


def join_labels(
    bucket: Bucket, table: Table, key: str, column: str, days: tuple[date, date], path: Path, row_id: str
) -> JoinedLabels:
    """Writes `<row_id>,label` for the rows of a labels file whose key was scored on one of the days.

    The first and the last day are included.

    Raises:
        FileUnfitError: no row was.
    """
    wanted = dict(zip(table.column(key), table.column(column), strict=True))
    newest: dict[str, tuple[str, str, str]] = {}
    times: dict[str, int] = {}
    for value, ours, scored, day in _scored_keys(bucket, key, days):
        if value in wanted:
            times[value] = times.get(value, 0) + 1
            newest[value] = max(newest.get(value, ("", "", "")), (scored, ours, day))
    if not newest:
        raise FileUnfitError(
            f"No {key} of {table.path} was scored from {days[0]} to {days[1]}, in a file that has the column {key}. "
            "Look further back with --from."
        )
    write_table(path, (row_id, "label"), [(newest[value][1], wanted[value]) for value in newest])
    return JoinedLabels(
        path=path,
        rows=sum(1 for _ in table.column(key)),
        joined=len(newest),
        repeated=sum(count > 1 for count in times.values()),
        days=frozenset(day for _, _, day in newest.values()),
    )


def recent_days(first: date | None, last: date | None) -> tuple[date, date]:
    """The range of days to search: the last 30 unless given."""
    last = last or datetime.now(UTC).date()
    return first or last - timedelta(days=DAYS_LOOKED_BACK), last


def days_of_ids(bucket: Bucket, table: Table, row_id: str) -> frozenset[str]:
    """The days on which the ids in a labels file's column `row_id` were scored.

    Raises:
        FileUnfitError: none of them was.
    """
    digits = sorted({value[:_DIGITS] for value in table.column(row_id)})[:_FILES_TRACED]
    pointers = [bucket.read_json(f"monitoring/ids/{each}.json") for each in digits if "/" not in each]
    days = frozenset(_day_of(pointer["predictions_key"]) for pointer in pointers if pointer)
    if not days:
        raise FileUnfitError(
            f"No id of {table.path} belongs to a prediction of this stack. Take the column {row_id} over from the "
            "predictions file, or join by a column of your own: --key COLUMN."
        )
    return days


def await_labels(
    bucket: Bucket,
    upload: Version,
    days: frozenset[str],
    timeout_seconds: float,
    on_look: Callable[[float], None] = unheard,
) -> tuple[int, int, tuple[Quality, ...]]:
    """Waits until a labels file is accepted and measured. Returns labels accepted, rows rejected and the days.

    Raises:
        RefusedError: it was refused, or the time ran out.
    """
    started, uploaded = time.monotonic(), datetime.now(UTC) - timedelta(seconds=2)
    name = upload.key.removeprefix("labels/").removesuffix(".csv")
    mark = f"{name}-{short_digest(upload.mark)}"
    while True:
        fragments = [
            key
            for day in days
            for key in _keys(bucket, f"monitoring/labels/date={day}/")
            if key.endswith(f"-{mark}.csv")
        ]
        refusals = [key for key in _keys(bucket, "rejected/labels/") if mark in key]
        for key in refusals:
            if key.endswith(".error.json"):
                reason = (bucket.read_json(key) or {}).get("reason", "no reason is given")
                raise RefusedError(f"The labels were refused: {reason}")
        passed = time.monotonic() - started
        on_look(passed)
        touched = {_day_of(key.removeprefix("monitoring/")) for key in fragments}
        measured = [_measured_at(bucket, day) for day in touched]
        is_new = bool(touched) and all(time and time >= uploaded for time in measured)
        # Labels that change nothing are not measured, and a file with only rejected rows has no day.
        is_settled = bool(fragments or refusals) and all(measured) and passed > _SETTLE_SECONDS
        if is_new or is_settled:
            taken = sum(_rows(bucket, key) for key in fragments)
            rejected = sum(_rows(bucket, key) for key in refusals)
            return (
                taken,
                rejected,
                tuple(filter(None, (read_quality(bucket, day) for day in sorted(touched)))),
            )
        if passed > timeout_seconds:
            what = (
                f"The labels of {upload.key} were imported, but not measured"
                if fragments
                else (f"Nothing came of {upload.key}")
            )
            raise RefusedError(
                f"{what} within {timeout_seconds:.0f} s. `autowatch doctor` looks for the reason."
            )
        time.sleep(0.5)


def read_quality(bucket: Bucket, day: str) -> Quality | None:
    """The content of `reports/date=<day>/quality.json`; None if absent."""
    document = bucket.read_json(f"reports/date={day}/quality.json")
    if document is None:
        return None
    auc: Mapping[str, Any] = document.get("metrics", {}).get("auc") or {}
    main = main_measure(document)
    return Quality(
        day=day,
        verdict=document["verdict"],
        rows_scored=document["rows_scored"],
        rows_labelled=document["rows_labelled"],
        auc=auc.get("value"),
        auc_lower=auc.get("lower"),
        auc_upper=auc.get("upper"),
        measure=main["measure"],
        **{name: (main["value"] or {}).get(name) for name in ("value", "lower", "upper")},
    )


def _scored_keys(bucket: Bucket, key: str, days: tuple[date, date]) -> Iterator[tuple[str, str, str, str]]:
    """Key, id, time and day of every scored row whose file has a column `key`."""
    first, last = (day.isoformat() for day in days)
    for folder in bucket.folders("predictions/"):
        day = folder.removeprefix("date=")
        if not first <= day <= last:
            continue
        for name in _keys(bucket, f"predictions/{folder}/"):
            manifest = bucket.read_json(name) if name.endswith(".manifest.json") else None
            if manifest is None or key not in manifest.get("columns", (key,)):
                continue
            body = bucket.read(manifest["predictions_key"], manifest.get("predictions_version_id")) or b""
            for row in csv.DictReader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline="")):
                for value in _values(row, key, manifest.get("formulas_neutralised", False)):
                    yield value, row[manifest.get("row_id", "id")], row["prediction_date"], day


def _values(row: Mapping[str, str], key: str, neutralised: bool) -> tuple[str, ...]:
    """The forms that a row's `key` may have had in the input: neutralised predictions put `'` before some cells."""
    field = row.get(key, row.get(f"'{key}") if neutralised else None)
    if field is None:
        return ()
    return (field, field[1:]) if neutralised and field.startswith("'") else (field,)


def _keys(bucket: Bucket, prefix: str) -> list[str]:
    return [item["Key"] for item in bucket.objects(prefix)]


def _day_of(key: str) -> str:
    return key.split("/")[1].removeprefix("date=")


def _measured_at(bucket: Bucket, day: str) -> datetime | None:
    """When the day's quality was last written; None if never."""
    return next((item["LastModified"] for item in bucket.objects(f"reports/date={day}/quality.json")), None)


def _rows(bucket: Bucket, key: str) -> int:
    body = (bucket.read(key) or b"").decode()
    return max(0, sum(1 for _ in csv.reader(io.StringIO(body, newline=""))) - 1)
