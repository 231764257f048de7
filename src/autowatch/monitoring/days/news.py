"""Which findings of a day are news: an alert names each finding once, and drift only if it is frequent enough."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from autowatch.monitoring.days.history import Finding, History, ReportedDay, RunDay
from autowatch.monitoring.drift.settings import AlertRules

# For these kinds, a different message is a different finding.
_BY_MESSAGE = ("settings", "settings changed", "baseline", "schema")
# A separate mail names these files.
_ALERTED_ELSEWHERE = "refused files"
# A missing column is certain even with too few rows for a verdict.
_AT_ONCE = "missing column"
_ENDED = "ended"
# How many days the findings of a run without a verdict are remembered.
_DAYS_REMEMBERED = 30


@dataclass(frozen=True)
class News:
    """The findings of a day.

    Attributes:
        day: the day of the findings.
        news: the findings that need an alert, worst first.
        told: all findings that have been named once this alert is sent.
        reminders: the news that an earlier alert has already named.
    """

    day: date
    news: tuple[Finding, ...]
    told: tuple[Finding, ...]
    reminders: frozenset[Finding] = frozenset()

    def naming(self, news: Container[Finding]) -> "News":
        """A copy whose news are all of `news` that this day shows, including what an earlier day started."""
        shown = tuple(finding for finding in self.told if finding in news)
        return replace(self, news=shown, reminders=self.reminders)

    def news_of_drift(self, run: str) -> bool:
        """Whether this is the day's first alert about this run's drift."""
        today = [
            finding
            for finding in self.told
            if (finding.kind, finding.run, finding.alerted) == ("drift", run, self.day.isoformat())
        ]
        return bool(today) and all(finding in self.news for finding in today)


def find_news(
    document: dict[str, Any], history: History, earlier: ReportedDay | None, rules: AlertRules
) -> News:
    """Finds the findings of a day that need an alert: new, clearly worse, long-lasting, or ended ones.

    A run's drift counts if its rows drifted on at least `rules.days` of its last `rules.of` days with a verdict, this
    day included. Alarms of its columns count if there was drift or such an alarm on as many days. Missing columns and
    alarms about the day as a whole count immediately. Columns without importance never count.

    Args:
        document: the day's `drift.json`, complete except for `told` and `alerted`.
        history: the earlier days, and later days if they were judged already.
        earlier: the report of the same day that this one replaces.
    """
    reported = ReportedDay.from_json({**document, "told": []})
    day, parts = reported.day, (document, *document["other_runs"])
    found = {
        finding: finding
        for part, run in zip(parts, reported.runs, strict=True)
        for finding in _findings_of(part, run, day, history, rules)
    }
    before = _named_around(day, history)
    known = {
        finding: before[finding]
        for finding in found
        if finding in before and not _is_due_again(finding, before[finding], day, rules)
    }
    known |= _remembered(before, reported, found, day)
    if earlier:
        known |= {each: each for each in sorted(_dated(earlier), key=str)}
    current = [*found, *(_ended(before, reported, found) if rules.ended else ())]
    news = tuple(replace(each, alerted=day.isoformat()) for each in current if each not in known)
    reminders = frozenset(each for each in news if each in before and each.kind == "drift")
    return News(day, news, (*known.values(), *news), reminders)


def drift_since(run: str, day: date, history: History) -> date:
    """The first day of the unbroken drift of `run` up to `day`.

    Days without a verdict are skipped.
    """
    first = day
    for other in sorted((other for other in history if other < day), reverse=True):
        part = history[other].of(run)
        if part is None or part.verdict == "not enough data":
            continue
        if part.verdict == "no drift":
            break
        # `since` of an older report reaches further back than the history.
        first = min(other, date.fromisoformat(part.since) if part.since else other)
    return first


def _findings_of(
    part: dict[str, Any], run: RunDay, day: date, history: History, rules: AlertRules
) -> Iterable[Finding]:
    weights = {column["name"]: column["importance"] for column in part["columns"]}
    sizes = {column["name"]: _size(column) for column in part["columns"]}
    if run.verdict == "drift" and _often_enough(run, day, history, rules, _drifted):
        for name in part["drifted_columns"]:
            if weights[name]:
                yield Finding("drift", part["run"], name, size=sizes[name])
    alarms_count = _often_enough(run, day, history, rules, _conspicuous)
    for alarm in part["alarms"]:
        column = alarm["column"]
        if alarm["kind"] == _ALERTED_ELSEWHERE:
            continue
        if column is None or (weights.get(column) and (alarms_count or alarm["kind"] == _AT_ONCE)):
            yield _finding(part["run"], alarm)


def _finding(run: str, alarm: dict[str, Any]) -> Finding:
    of_run = alarm["column"] is not None or alarm["kind"] == "baseline"
    message = alarm["message"] if alarm["kind"] in _BY_MESSAGE else ""
    return Finding(alarm["kind"], run if of_run else None, alarm["column"], message)


def _often_enough(
    run: RunDay, day: date, history: History, rules: AlertRules, counts: Callable[[RunDay], bool]
) -> bool:
    earlier = (history[other].of(run.run) for other in sorted(history, reverse=True) if other < day)
    judged = [part for part in earlier if part is not None and part.verdict != "not enough data"]
    return sum(map(counts, (run, *judged[: rules.of - 1]))) >= rules.days


def _drifted(run: RunDay) -> bool:
    return run.verdict == "drift"


def _conspicuous(run: RunDay) -> bool:
    return run.verdict == "drift" or run.alarmed


def _size(column: Mapping[str, Any]) -> float | None:
    js, threshold = column.get("js"), column.get("js_threshold")
    return js / threshold if js is not None and threshold else None


def _named_around(day: date, history: History) -> dict[Finding, Finding]:
    """The findings that alerts have named, up to the previous day and on later days that were judged already."""
    last = max((other for other in history if other < day), default=None)
    named = {finding: finding for finding in _dated(history[last])} if last else {}
    for later in sorted(other for other in history if other > day):
        # Alarms about a later day as a whole say nothing about this day.
        named |= {each: each for each in _dated(history[later]) if each.run or each.kind in _BY_MESSAGE}
    return named


def _dated(reported: ReportedDay) -> list[Finding]:
    """The findings named up to a day. Reports of older versions have only those named on that day."""
    return [
        finding if finding.alerted else replace(finding, alerted=reported.day.isoformat())
        for finding in reported.told
    ]


def _days_since(finding: Finding, day: date) -> int:
    return (day - date.fromisoformat(finding.alerted or day.isoformat())).days


def _is_due_again(finding: Finding, named: Finding, day: date, rules: AlertRules) -> bool:
    """Whether a named finding must be named again, because it has lasted long or got clearly worse."""
    if _days_since(named, day) >= rules.repeat:
        return True
    return bool(finding.size and named.size and finding.size >= rules.further * named.size)


def _remembered(
    before: Mapping[Finding, Finding], reported: ReportedDay, found: Container[Finding], day: date
) -> dict[Finding, Finding]:
    """The earlier findings of runs without a verdict on this day: they may last, so they are not news afterwards."""
    return {
        finding: named
        for finding, named in before.items()
        if finding.run is not None
        and finding.kind != _ENDED
        and finding not in found
        and not _has_verdict(finding.run, reported)
        and _days_since(named, day) < _DAYS_REMEMBERED
    }


def _ended(before: Iterable[Finding], reported: ReportedDay, found: Iterable[Finding]) -> Iterator[Finding]:
    """An `ended` finding for each named drift or alarm of a run that is gone on this day."""
    lasting = {(finding.run, finding.kind) for finding in found}
    for finding in before:
        if (
            finding.run is not None
            and finding.kind not in (_ENDED, *_BY_MESSAGE)
            and (finding.run, finding.kind) not in lasting
            and _has_verdict(finding.run, reported)
        ):
            yield Finding(_ENDED, finding.run, finding.column, finding.kind)


def _has_verdict(run: str, reported: ReportedDay) -> bool:
    part = reported.of(run)
    return part is not None and part.verdict != "not enough data"
