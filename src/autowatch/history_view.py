"""What the page of all days shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from autowatch.day_summary import DaySummary
from autowatch.headline import Headline
from autowatch.page_text import counted, listed, short
from autowatch.quality_view import QualityView
from autowatch.sparkline import Sparkline, bars, sparkline


@dataclass(frozen=True)
class DayRecord:
    """What is known of a day; `unreadable` names its documents that have a form that is not known here."""

    drift: DaySummary | None
    quality: QualityView | None
    unreadable: Sequence[str] = ()


@dataclass(frozen=True)
class HistoryRow:
    """One day of the table, or `missing` days from `date` back to `until` of which nothing is known."""

    date: str
    href: str | None
    record: DayRecord | None
    drifted: str
    width: float
    missing: int = 0
    until: str = ""


@dataclass(frozen=True)
class HistoryView:
    """Everything on the page, newest day first."""

    headline: Headline
    rows: Sequence[HistoryRow]
    days: int
    first: str | None
    last: str | None
    volume: Sequence[tuple[float, float, float, float]]
    drifted: Sequence[tuple[float, float, float, float]]
    auc: Sparkline | None
    unreadable: Sequence[str]


def history_view(days: Mapping[date, DayRecord]) -> HistoryView:
    """The view of these days."""
    ordered = sorted(days, reverse=True)
    calendar = _calendar(ordered)
    records = [days.get(day) for day in reversed(calendar)]
    drifts = [record.drift if record else None for record in records]
    return HistoryView(
        headline=_headline(days, ordered),
        rows=_rows(days, calendar),
        days=len(ordered),
        first=ordered[-1].isoformat() if ordered else None,
        last=ordered[0].isoformat() if ordered else None,
        volume=bars([drift.rows if drift else None for drift in drifts]),
        drifted=bars([len(drift.drifted_columns) if drift else None for drift in drifts]),
        auc=_auc_line(records),
        unreadable=[f"{name} of {day.isoformat()}" for day in ordered for name in days[day].unreadable],
    )


def _calendar(ordered: Sequence[date]) -> list[date]:
    """All days from the newest to the oldest, those without a record too."""
    if not ordered:
        return []
    return [ordered[0] - timedelta(days=back) for back in range((ordered[0] - ordered[-1]).days + 1)]


def _rows(days: Mapping[date, DayRecord], calendar: Sequence[date]) -> list[HistoryRow]:
    most = max((record.drift.rows or 0 for record in days.values() if record.drift), default=0)
    rows: list[HistoryRow] = []
    gap: list[date] = []
    for day in calendar:
        record = days.get(day)
        if record is None:
            gap.append(day)
            continue
        if gap:
            rows.append(HistoryRow(gap[0].isoformat(), None, None, "", 0, len(gap), gap[-1].isoformat()))
            gap = []
        drifted = [short(name, 40) for name in record.drift.drifted_columns] if record.drift else []
        width = 100 * (record.drift.rows or 0) / most if record.drift and most else 0
        rows.append(
            HistoryRow(
                day.isoformat(),
                f"date={day.isoformat()}/index.html",
                record,
                listed(drifted, 3),
                round(width, 1),
            )
        )
    return rows


def _auc_line(records: Sequence[DayRecord | None]) -> Sparkline | None:
    values = []
    for record in records:
        auc = record.quality.main.measure("AUC") if record and record.quality else None
        values.append(auc.value if auc else None)
    return sparkline(values, threshold=0.5, most=1)


def _headline(days: Mapping[date, DayRecord], ordered: Sequence[date]) -> Headline:
    judged = [(day, drift) for day in ordered if (drift := days[day].drift)]
    if not judged:
        return Headline(
            "idle",
            "No day has been judged yet",
            [],
            None,
            "Score a file, and wait for the daily run or invoke it.",
        )
    day, newest = judged[0]
    worse = next(
        (
            earlier
            for earlier in ordered
            if (found := days[earlier].quality) and found.main.verdict == "worse"
        ),
        None,
    )
    what = [f"On {day.isoformat()}, the newest day: {_sentence(newest)}"]
    if worse:
        what.append(f"Predictions of {worse.isoformat()} turned out worse than at the gate.")
    if newest.verdict == "drift":
        return Headline("drift", "The data have drifted", what, newest.since, f"Open {day.isoformat()}.")
    if newest.verdict == "not enough data":
        return Headline(
            "idle", "No verdict on the newest day: not enough data", what, None, "Nothing to decide on."
        )
    if newest.alarms:
        title = f"No drift, but {counted(newest.alarms, 'alarm')}"
        return Headline("idle", title, what, None, f"Open {day.isoformat()}.")
    return Headline("quiet", "No drift", what, None, "Nothing.")


def _sentence(drift: DaySummary) -> str:
    rows = counted(drift.rows or 0, "row")
    if drift.verdict == "not enough data":
        return f"{rows}, too few for a verdict."
    return f"{len(drift.drifted_columns)} of {drift.columns} columns drifted in {rows}."
