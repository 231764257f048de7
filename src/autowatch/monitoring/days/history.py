"""Earlier reports, reduced to what the judgement of later days needs."""

import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.monitoring.drift.document import counts_nothing, deciding_alarms, parts_of
from autowatch.monitoring.drift.recorded_settings import RecordedSettings
from autowatch.records.keys import REPORTS_PREFIX, days_from, report_key
from autowatch.records.timestamps import from_text
from autowatch.records.verdicts import DriftVerdict

_LOGGER = logging.getLogger(__name__)


HISTORY_DAYS = 60
"""How far back the history goes: twice the longest period that a setting allows, to cover weekends and outages."""


_READERS = 16


@dataclass(frozen=True)
class Finding:
    """Something that an alert names: drift or an alarm, of a run's column or of the whole day.

    Attributes:
        message: empty if a change of the message is not news; for `ended`, the kind of finding that ended.
        alerted: the day of the last alert that named it, as `YYYY-MM-DD`.
        size: for drift, the distance in multiples of its threshold at that alert.
    """

    kind: str
    run: str | None = None
    column: str | None = None
    message: str = ""
    alerted: str | None = field(default=None, compare=False)
    size: float | None = field(default=None, compare=False)


@dataclass(frozen=True)
class RunDay:
    """A report's result for the rows of one run.

    Attributes:
        alarmed: whether a column with importance raised an alarm.
        failed: whether the rows could not be judged.
        since: the first day of the unbroken drift, as `YYYY-MM-DD`.
        compared_with: the days whose rows were the reference; empty if the training data were.
        counts_nothing: whether there were enough rows, but no column with importance could be judged.
    """

    run: str
    verdict: DriftVerdict
    rows: int
    files: int
    alarmed: bool
    failed: bool
    since: str | None
    compared_with: tuple[date, ...] = ()
    counts_nothing: bool = False


@dataclass(frozen=True)
class ReportedDay:
    """The report of one day.

    Attributes:
        extra_columns: columns of the day's files that no model uses; None if unknown.
        model_columns: the columns of the models that scored the day's rows.
        inputs: the digest of the judged files; None while an invocation has claimed the day to alert on it.
        told: the findings that alerts have named.
        settings: None if an older version wrote the report.
    """

    day: date
    generated: str
    runs: tuple[RunDay, ...]
    extra_columns: frozenset[str] | None
    model_columns: frozenset[str]
    inputs: str | None
    told: frozenset[Finding]
    settings: RecordedSettings | None = None

    @property
    def rows(self) -> int:
        """The rows scored on that day by all runs."""
        return sum(run.rows for run in self.runs)

    @property
    def files(self) -> int:
        """The files scored on that day by all runs."""
        return sum(run.files for run in self.runs)

    @property
    def has_rows_enough(self) -> bool:
        """Whether at least one run had enough rows for a verdict."""
        return any(run.verdict != "not enough data" or run.counts_nothing for run in self.runs)

    @property
    def failed(self) -> bool:
        """Whether the rows of a run could not be judged."""
        return any(run.failed for run in self.runs)

    def of(self, run: str) -> RunDay | None:
        """The result of this run; None if the report has no rows of it."""
        return next((found for found in self.runs if found.run == run), None)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "ReportedDay":
        """Reads the content of `drift.json`.

        Raises:
            KeyError, TypeError, ValueError: the document is malformed.
        """
        from_text(document["generated"])
        if document["alerting"] is not None:
            from_text(document["alerting"])
        extra = document["extra_columns"]
        parts = (document, *document["other_runs"])
        return cls(
            day=date.fromisoformat(document["date"]),
            generated=document["generated"],
            runs=tuple(_run_day(part) for part in parts),
            extra_columns=None if extra is None else frozenset(extra),
            model_columns=frozenset(column["name"] for part in parts for column in part["columns"]),
            inputs=document["inputs"],
            told=frozenset(Finding(**finding) for finding in document["told"]),
            settings=RecordedSettings.from_json(document.get("settings")),
        )


History = dict[date, ReportedDay]


def read_report(bucket: Bucket, day: date) -> tuple[dict[str, Any] | None, str | None]:
    """A day's `drift.json` and its ETag; the document is None if it is missing or malformed."""
    try:
        content, etag = bucket.read(report_key(day))
    except ObjectMissing:
        return None, None
    try:
        document: dict[str, Any] = json.loads(content)
        ReportedDay.from_json(document)
        parts_of(document)
    except (KeyError, TypeError, ValueError, AttributeError):
        _LOGGER.warning("a malformed report is ignored", extra={"key": report_key(day)})
        return None, etag
    return document, etag


def read_history(bucket: Bucket, last: date) -> History:
    """The reports of `last` and of the `HISTORY_DAYS` days before it, from one listing."""
    first = last - timedelta(days=HISTORY_DAYS)
    days = _reported_days(bucket, first, last)
    with ThreadPoolExecutor(_READERS) as readers:
        found = readers.map(lambda day: _read_day(bucket, day), days)
        return {reported.day: reported for reported in found if reported is not None}


def _read_day(bucket: Bucket, day: date) -> ReportedDay | None:
    document, _ = read_report(bucket, day)
    return None if document is None else ReportedDay.from_json(document)


def _reported_days(bucket: Bucket, first: date, last: date) -> list[date]:
    wanted = {
        report_key(first + timedelta(days=n)): first + timedelta(days=n)
        for n in range((last - first).days + 1)
    }
    pages = bucket.client.get_paginator("list_objects_v2").paginate(
        Bucket=bucket.name,
        Prefix=days_from(REPORTS_PREFIX),
        StartAfter=days_from(REPORTS_PREFIX, first),
    )
    days = []
    for page in pages:
        keys = [item["Key"] for item in page.get("Contents", [])]
        days += [wanted[key] for key in keys if key in wanted]
        # Keys are in the order of the days; years of later keys may follow an old day.
        if keys and keys[-1] > report_key(last):
            break
    return days


def _run_day(part: dict[str, Any]) -> RunDay:
    if not isinstance(part["run"], str) or not all(
        isinstance(part[name], int | float) for name in ("rows", "files", "drift_share")
    ):
        raise TypeError("a run or a figure has the wrong type")
    if not {column["name"] for column in part["columns"]}.issuperset(part["drifted_columns"]):
        raise ValueError("`drifted_columns` names a column that the report does not contain")
    if part["since"] is not None:
        date.fromisoformat(part["since"])
    return RunDay(
        run=part["run"],
        verdict=part["verdict"],
        rows=part["rows"],
        files=part["files"],
        alarmed=any(alarm["column"] is not None for alarm in deciding_alarms(part)),
        failed=any(alarm["kind"] == "baseline" for alarm in part["alarms"]),
        since=part["since"],
        compared_with=tuple(map(date.fromisoformat, part.get("compared_with", ()))),
        counts_nothing=counts_nothing(part),
    )


_MOST_SMALL_DAYS = 30


def small_days(run: str, rows: int, day: date, history: History, min_rows: int) -> list[date]:
    """The last days on which this run scored fewer than `min_rows` rows, as many as needed to reach `min_rows`.

    Newest first; at most 30 days back. Days with enough rows for their own verdict are skipped.
    """
    found: list[date] = []
    for back in range(1, _MOST_SMALL_DAYS + 1):
        if rows >= min_rows:
            break
        other = day - timedelta(days=back)
        part = history[other].of(run) if other in history else None
        if part is not None and 0 < part.rows < min_rows:
            found.append(other)
            rows += part.rows
    return found


_WEEKS_COMPARED = 4


def same_weekdays(run: str, day: date, history: History) -> tuple[date, ...]:
    """The day's reference: the last four days of this weekday on which the rows of `run` did not drift, oldest first.

    While drift from them lasts, they stay the reference, so that drifted days never become the reference. A day that
    was compared with the training data is used even if it drifted: the first days of a weekday show its rhythm. Empty
    if there are no rows of this weekday in four weeks.
    """
    for weeks in range(1, _WEEKS_COMPARED + 1):
        before = day - timedelta(weeks=weeks)
        part = history[before].of(run) if before in history else None
        if part is None or part.verdict == "not enough data":
            continue
        if part.verdict == "drift" and part.compared_with:
            return part.compared_with
        return (*part.compared_with, before)[-_WEEKS_COMPARED:]
    return ()
