"""Which findings of a day are news: an alert names a finding once, and drift only when it comes often enough."""

from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from autowatch.monitoring.days.history import Finding, History, ReportedDay, RunDay
from autowatch.monitoring.drift.settings import AlertRules

# Another wording of one of these is another finding.
_BY_MESSAGE = ("settings", "settings changed", "baseline", "schema")
# These have a mail of their own, which names the files.
_ALERTED_ELSEWHERE = "refused files"
# Whether a column is there at all is known without rows enough for a verdict.
_AT_ONCE = "missing column"
_ENDED = "ended"
# Findings of a run whose rows get no verdict are remembered for so long.
_DAYS_REMEMBERED = 30


@dataclass(frozen=True)
class News:
    """The findings of a day: those that need an alert, worst first (`news`), and all that are named after it (`told`).

    Attributes:
        day: which the findings are of.
        reminders: those of the news that an earlier alert has named already.
    """

    day: date
    news: tuple[Finding, ...]
    told: tuple[Finding, ...]
    reminders: frozenset[Finding] = frozenset()

    def naming(self, news: Container[Finding]) -> "News":
        """The same with all of `news` that shows on this day: its own, and what an earlier day began."""
        shown = tuple(finding for finding in self.told if finding in news)
        return replace(self, news=shown, reminders=self.reminders)

    def news_of_drift(self, run: str) -> bool:
        """Whether this alert is the day's first about this run's drift."""
        today = [
            finding
            for finding in self.told
            if (finding.kind, finding.run, finding.alerted) == ("drift", run, self.day.isoformat())
        ]
        return bool(today) and all(finding in self.news for finding in today)


def find_news(
    document: dict[str, Any], history: History, earlier: ReportedDay | None, rules: AlertRules
) -> News:
    """Finds what of a day needs an alert: what starts, what got clearly worse, what lasts for long, and what ended.

    Drift of a run's rows counts when the rows of that run drifted on at least `rules.days` of its last `rules.of` days
    with a verdict, this one included; alarms of its columns when there was drift or such an alarm on as many. A column
    that is missing, and alarms of the day as a whole, count at once. Columns without importance never do.

    Args:
        document: the day's `drift.json`, with all but `told` and `alerted`.
        history: the days before it, and those after it that were judged earlier.
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
    """The first in the unbroken series of days up to `day` on which the rows of `run` drifted.

    Days without a verdict do not count.
    """
    first = day
    for other in sorted((other for other in history if other < day), reverse=True):
        part = history[other].of(run)
        if part is None or part.verdict == "not enough data":
            continue
        if part.verdict == "no drift":
            break
        # What an older report says reaches further back than the history does.
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
    """The findings that alerts have named up to the last day before, and of days after this one, judged before it."""
    last = max((other for other in history if other < day), default=None)
    named = {finding: finding for finding in _dated(history[last])} if last else {}
    for later in sorted(other for other in history if other > day):
        # A day as a whole has alarms of its own.
        named |= {each: each for each in _dated(history[later]) if each.run or each.kind in _BY_MESSAGE}
    return named


def _dated(reported: ReportedDay) -> list[Finding]:
    """What alerts have named up to a day. Older reports name only what was alerted on that day."""
    return [
        finding if finding.alerted else replace(finding, alerted=reported.day.isoformat())
        for finding in reported.told
    ]


def _days_since(finding: Finding, day: date) -> int:
    return (day - date.fromisoformat(finding.alerted or day.isoformat())).days


def _is_due_again(finding: Finding, named: Finding, day: date, rules: AlertRules) -> bool:
    """Whether a finding that an alert has named lasts for long since then, or got clearly worse."""
    if _days_since(named, day) >= rules.repeat:
        return True
    return bool(finding.size and named.size and finding.size >= rules.further * named.size)


def _remembered(
    before: Mapping[Finding, Finding], reported: ReportedDay, found: Container[Finding], day: date
) -> dict[Finding, Finding]:
    """The findings of runs whose rows have no verdict on this day: they may last, and are no news after it."""
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
    """The drift, and the kinds of alarms, that were named of a run and are gone on this day."""
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
