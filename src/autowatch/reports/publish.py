"""Writes the pages under reports/ from the documents there; called by the function that wrote one of them."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import partial
from typing import Any, TypeVar

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.days import DaysLeftOut, read_days_note
from autowatch.records.keys import (
    HISTORY_KEY,
    MODELS_PREFIX,
    REPORTS_PREFIX,
    day_folder,
    day_page_key,
    days_from,
    decision_key,
    range_folder,
    run_folder,
    run_key,
    run_page_key,
)
from autowatch.records.run import RUN_NAME, Run
from autowatch.reports.day import TREND_DAYS, Links
from autowatch.reports.documents.drift import UnknownForm
from autowatch.reports.documents.quality import QualityView, quality_view
from autowatch.reports.documents.summary import DayRecord, DaySummary, summary_of
from autowatch.reports.models import RunDocuments
from autowatch.reports.pages import day_page, history_page, run_page, window_page

_HISTORY_DAYS = 90


_READERS = 8
"""Parallel requests; a client's connection pool holds ten."""


_KEY = re.compile(r"reports/date=(\d{4}-\d\d-\d\d)/(drift\.json|quality\.json|index\.html)")


_ATTEMPTS = 5


_RUNS_SHOWN = 30


_Document = TypeVar("_Document")
_Item = TypeVar("_Item")


_Known = Mapping[date, Mapping[str, str]]
"""The ETags of each day's objects, by object name."""


def publish_day_page(
    bucket: Bucket, day: date, *, drift: Any | None = None, quality: Any | None = None
) -> str:
    """Writes the page of a day and returns its key.

    If the day had no page yet, the neighbouring pages are written again with a link to it. A function publishes the
    page after it has written a document; if another function changes documents in the meantime, their pages are written
    again.

    Args:
        bucket: the bucket with reports/.
        day: the day.
        drift, quality: its documents, which may not be in the bucket yet; if None, they are read from there.
    """
    first = day - timedelta(days=TREND_DAYS + _HISTORY_DAYS)
    given = {"drift.json": drift, "quality.json": quality}
    known = _list_days(bucket, first)
    is_new = "index.html" not in known.get(day, {})
    for _ in range(_ATTEMPTS):
        days = _put_days(bucket, day, given, known, with_neighbours=is_new)
        before, known = known, _list_days(bucket, first)
        if _documents(known, days) == _documents(before, days):
            break
    return day_page_key(day)


def publish_history_page(bucket: Bucket) -> str:
    """Writes the page of the newest 90 days that have a report, and returns its key.

    It shows the documents in the bucket, so call it after those of the newest day are written. The page is written
    again if documents change in the meantime.
    """
    known = _list_days(bucket, None)
    for _ in range(_ATTEMPTS):
        newest = _newest(known)
        records = _in_parallel(partial(_record, bucket, known), newest)
        page = history_page(dict(zip(newest, records, strict=True)), _left_out(bucket), *_models(bucket))
        _put(bucket, HISTORY_KEY, page)
        before, known = known, _list_days(bucket, None)
        if _documents(known, _newest(known)) == _documents(before, newest):
            break
    return HISTORY_KEY


def _left_out(bucket: Bucket) -> list[DaysLeftOut]:
    """The days that the daily job left out, without ranges that have been judged on demand since."""
    ranges = read_days_note(bucket)[0].left_out
    return [each for each in ranges if not bucket.exists(f"{range_folder(each.first, each.last)}drift.json")]


def _models(bucket: Bucket) -> tuple[list[RunDocuments], str | None]:
    """The documents of the newest runs, and the run in force."""
    names = [folder.removeprefix(MODELS_PREFIX).rstrip("/") for folder in bucket.folders(MODELS_PREFIX)]
    newest = sorted((name for name in names if RUN_NAME.fullmatch(name)), reverse=True)[:_RUNS_SHOWN]

    def documents(run: str) -> RunDocuments:
        return RunDocuments(run, _json(bucket, run_key(run)), _json(bucket, decision_key(run)))

    try:
        champion = read_champion(bucket).run
    except NoChampion:
        champion = None
    return _in_parallel(documents, newest), champion


def publish_window_page(bucket: Bucket, prefix: str, drift: Any) -> str:
    """Writes the page of a range of days or of a file under `prefix`, which ends with `/`, and returns its key."""
    depth = prefix.removeprefix(REPORTS_PREFIX).count("/")
    key = f"{prefix}index.html"
    up = "../" * depth
    _put(bucket, key, window_page(drift, Links(f"{up}index.html", root=f"{up}../")))
    return key


def _put_days(
    bucket: Bucket, day: date, given: Mapping[str, Any], known: _Known, *, with_neighbours: bool
) -> list[date]:
    """Writes the page of a day. Neighbouring pages are written first, so their link may be dead for a moment.

    Returns:
        The days whose pages were written.
    """
    known = {**known, day: {"index.html": "", **known.get(day, {})}}
    neighbours = [other for other in _neighbours(known, day) if other is not None] if with_neighbours else []
    days = [*neighbours, day]
    documents = {other: {name: _read(bucket, other, name, known) for name in given} for other in days}
    documents[day] |= {name: document for name, document in given.items() if document is not None}
    summaries = _summaries(bucket, known, days, given={day: documents[day]["drift.json"]})
    for other in days:
        _put_day(bucket, other, documents[other], summaries, known)
    return days


def _put_day(
    bucket: Bucket,
    day: date,
    documents: Mapping[str, Any],
    summaries: Mapping[date, DaySummary],
    known: _Known,
) -> None:
    previous, following = (
        None if other is None else f"../date={other.isoformat()}/index.html"
        for other in _neighbours(known, day)
    )
    links = Links("../index.html", previous, following, root="../../")
    page = day_page(day, documents["drift.json"], documents["quality.json"], summaries, links)
    _put(bucket, day_page_key(day), page)


def _neighbours(known: _Known, day: date) -> tuple[date | None, date | None]:
    """The days with a page before and after `day`."""
    paged = [other for other, names in known.items() if "index.html" in names]
    before, after = [other for other in paged if other < day], [other for other in paged if other > day]
    return max(before, default=None), min(after, default=None)


def _list_days(bucket: Bucket, first: date | None) -> dict[date, dict[str, str]]:
    """The ETags of each day's objects by object name, from `first` on."""
    after = "" if first is None else day_folder(REPORTS_PREFIX, first)
    known: dict[date, dict[str, str]] = {}
    for item in bucket.list(days_from(REPORTS_PREFIX), after):
        match = _KEY.fullmatch(item["Key"])
        if match and (day := _date(match[1])):
            known.setdefault(day, {})[match[2]] = item["ETag"]
    return known


def _newest(known: _Known) -> list[date]:
    """The newest days that have a report, newest first."""
    return sorted((day for day, names in known.items() if names.keys() - {"index.html"}), reverse=True)[
        :_HISTORY_DAYS
    ]


def _documents(known: _Known, days: Iterable[date]) -> dict[date, dict[str, str]]:
    """The ETags of the documents of some days, without their pages."""
    return {
        day: {name: etag for name, etag in known.get(day, {}).items() if name != "index.html"} for day in days
    }


def _date(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        # A user may have created an impossible date, such as November 31.
        return None


def _summaries(
    bucket: Bucket, known: _Known, days: Iterable[date], given: Mapping[date, Any]
) -> dict[date, DaySummary]:
    """The days that the sparklines on the pages of `days` need; documents of an unknown form are gaps."""
    wanted = {day - timedelta(days=back) for day in days for back in range(1, TREND_DAYS)}
    present = sorted(day for day in wanted if day in given or "drift.json" in known.get(day, ()))

    def summary(day: date) -> DaySummary | None:
        document = given[day] if day in given else _read(bucket, day, "drift.json", known)
        return None if document is None else _known(summary_of, document)

    found = zip(present, _in_parallel(summary, present), strict=True)
    return {day: item for day, item in found if item is not None}


def _record(bucket: Bucket, known: _Known, day: date) -> DayRecord:
    names = known[day]
    unreadable = []
    drift: DaySummary | None = None
    quality: QualityView | None = None
    if "drift.json" in names:
        drift = _known(summary_of, _read(bucket, day, "drift.json", known))
        unreadable += ["drift.json"] if drift is None else []
    if "quality.json" in names:
        quality = _known(quality_view, _read(bucket, day, "quality.json", known))
        unreadable += ["quality.json"] if quality is None else []
    return DayRecord(drift, quality, unreadable, has_page="index.html" in names)


def _known(reader: Callable[[Any], _Document], document: Any) -> _Document | None:
    try:
        return reader(document)
    except UnknownForm:
        # One malformed document must not hide all other days.
        return None


def _read(bucket: Bucket, day: date, name: str, known: _Known) -> Any | None:
    """A document of a day; None if it is missing, and a text if it is `null` or not JSON."""
    if name not in known.get(day, {}):
        return None
    return _json(bucket, f"{day_folder(REPORTS_PREFIX, day)}{name}")


def _json(bucket: Bucket, key: str) -> Any | None:
    """A document; None if it is missing, and a text if it is `null` or not JSON."""
    try:
        document = bucket.read_json(key)
    except ObjectMissing:
        return None
    except (json.JSONDecodeError, UnicodeDecodeError):
        return "not JSON"
    return "null" if document is None else document


def _in_parallel(work: Callable[[_Item], _Document], items: Sequence[_Item]) -> list[_Document]:
    with ThreadPoolExecutor(_READERS) as pool:
        return list(pool.map(work, items))


def _put(bucket: Bucket, key: str, page: str) -> None:
    bucket.put(key, page.encode(), "text/html; charset=utf-8")


_DOCUMENTS = ("data", "leaderboard", "gate", "importance")


def write_run_report(bucket: Bucket, run: Run) -> str:
    """Writes the page of an ended run from its objects under models/, and returns its key."""
    documents: dict[str, Any] = {}
    for name in _DOCUMENTS:
        try:
            documents[name] = bucket.read_json(f"{run_folder(run.model_run)}{name}.json")
        except ObjectMissing:
            # A run that failed early did not write it.
            continue
    key = run_page_key(run.run)
    _put(bucket, key, run_page(run, documents))
    return key
