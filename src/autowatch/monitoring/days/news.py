"""Which findings of a day are news: an alert names a finding once, and drift only when it comes often enough."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from autowatch.monitoring.days.history import Finding, History, ReportedDay, RunDay
from autowatch.monitoring.drift.settings import AlertRules

# These go on until somebody acts; the next day's are the same, and no news.
_LASTING = ("settings", "baseline")
# Another wording of these is something else.
_BY_MESSAGE = (*_LASTING, "schema")
# The alarm on refused files tells of these at once, so the report of the evening only counts them.
_TOLD_ELSEWHERE = "refused files"
# Whether a column is there at all is known without rows enough for a verdict.
_AT_ONCE = "missing column"


@dataclass(frozen=True)
class News:
    """The findings of a day that need an alert, worst first (`news`), and all findings alerted after that (`told`)."""

    news: tuple[Finding, ...]
    told: tuple[Finding, ...]

    def news_of_drift(self, run: str) -> bool:
        """Whether this alert is the first about this run's drift on the day."""
        drift = [finding for finding in self.told if finding.kind == "drift" and finding.run == run]
        return bool(drift) and all(finding in self.news for finding in drift)


def find_news(
    document: dict[str, Any], history: History, earlier: ReportedDay | None, rules: AlertRules
) -> News:
    """Finds what of a day needs an alert.

    Drift of a run's rows counts when the rows of that run drifted on at least `rules.days` of its last `rules.of` days
    with a verdict, this one included; alarms of its columns when there was drift or such an alarm on as many. A column
    that is missing, and alarms of the day as a whole, are told at once. Columns without importance are never told of.

    Args:
        document: the day's `drift.json`, with all but `told` and `alerted`.
        history: the days before it, and those after it that were judged earlier.
        earlier: the report of the same day that this one replaces.
    """
    reported = ReportedDay.from_json({**document, "told": []})
    parts = (document, *document["other_runs"])
    found = {
        finding: None
        for part, run in zip(parts, reported.runs, strict=True)
        for finding in _findings_of(part, run, reported.day, history, rules)
    }
    lasting = _told_around(reported.day, history)
    known = dict.fromkeys(finding for finding in found if finding.kind in _LASTING and finding in lasting)
    if earlier:
        known |= dict.fromkeys(sorted(earlier.told, key=str))
    news = tuple(finding for finding in found if finding not in known)
    return News(news, (*known, *news))


def drift_since(run: str, day: date, history: History) -> date:
    """The first of the unbroken row of days up to `day` on which the rows of `run` drifted.

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
    if run.verdict == "drift" and _often_enough(run, day, history, rules, _drifted):
        for name in part["drifted_columns"]:
            if weights[name]:
                yield Finding("drift", part["run"], name)
    alarms_count = _often_enough(run, day, history, rules, _conspicuous)
    for alarm in part["alarms"]:
        column = alarm["column"]
        if alarm["kind"] == _TOLD_ELSEWHERE:
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


def _told_around(day: date, history: History) -> frozenset[Finding]:
    """What people know of the last day before, and of days after this one, which were judged before it was."""
    last = max((other for other in history if other < day), default=None)
    around = [history[other].told for other in history if other == last or other > day]
    return frozenset().union(*around)
