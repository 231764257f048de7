"""What the page of all days shows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from autowatch.day_summary import DayRecord, DaySummary
from autowatch.headline import Headline, Tone
from autowatch.history_headline import history_headline
from autowatch.matched_quality import match_quality
from autowatch.page_text import counted, listed, short
from autowatch.sparkline import Band, Bar, band, bars

_FEW_DAYS = 15
_MOST_CALENDAR_DAYS = 180
"""The pictures go back so far; where scoring happens once a month the table goes further back."""


@dataclass(frozen=True)
class HistoryRow:
    """A day of the table; or `missing` days without a report, from `date` back to `until`, with no record."""

    date: str
    record: DayRecord | None
    drifted: str = ""
    share_of_most_rows: float = 0
    missing: int = 0
    until: str = ""


@dataclass(frozen=True)
class DayBar:
    """The bar of a day, coloured by its verdict."""

    bar: Bar
    tone: Tone
    text: str


@dataclass(frozen=True)
class Pictures:
    """One day beside the other, from `first` to `last`; of few days a picture needs but a third of the page."""

    first: str
    last: str
    rows: Sequence[DayBar]
    drifted: Sequence[DayBar]
    auc: Band | None
    most_rows: int
    most_drifted: int
    are_few_days: bool


@dataclass(frozen=True)
class HistoryView:
    """Everything on the page, newest day first; `unreadable` are documents that had to be left out."""

    headline: Headline
    rows: Sequence[HistoryRow]
    pictures: Pictures | None
    unreadable: Sequence[str]


def history_view(records: Mapping[date, DayRecord]) -> HistoryView:
    """The view of these days."""
    days = {day: _matched(record) for day, record in records.items()}
    newest_first = sorted(days, reverse=True)
    return HistoryView(
        headline=history_headline(days),
        rows=_rows(days, newest_first),
        pictures=_pictures(days, newest_first) if newest_first else None,
        unreadable=[f"{name} of {day.isoformat()}" for day in newest_first for name in days[day].unreadable],
    )


def _matched(record: DayRecord) -> DayRecord:
    if record.drift is None or record.quality is None:
        return record
    return replace(record, quality=match_quality(record.quality, record.drift.run, record.drift.rows_by_run))


def _rows(days: Mapping[date, DayRecord], newest_first: Sequence[date]) -> list[HistoryRow]:
    most = max((_row_count(record) for record in days.values()), default=0)
    rows: list[HistoryRow] = []
    expected = newest_first[0] if newest_first else None
    for day in newest_first:
        if expected and day < expected:
            until = day + timedelta(days=1)
            rows.append(
                HistoryRow(expected.isoformat(), None, missing=(expected - day).days, until=until.isoformat())
            )
        record = days[day]
        drifted = [short(name, 40) for name in record.drift.drifted_columns] if record.drift else []
        share = round(100 * _row_count(record) / most, 1) if most else 0
        rows.append(HistoryRow(day.isoformat(), record, listed(drifted, 3), share))
        expected = day - timedelta(days=1)
    return rows


def _row_count(record: DayRecord) -> int:
    return (record.drift.all_rows or 0) if record.drift else 0


def _pictures(days: Mapping[date, DayRecord], newest_first: Sequence[date]) -> Pictures:
    length = min((newest_first[0] - newest_first[-1]).days + 1, _MOST_CALENDAR_DAYS)
    calendar = [newest_first[0] - timedelta(days=back) for back in reversed(range(length))]
    drifts = [days[day].drift if day in days else None for day in calendar]
    rows = [drift.all_rows if drift else None for drift in drifts]
    drifted = [len(drift.drifted_columns) if drift else None for drift in drifts]

    def by_day(values: Sequence[int | None], noun: str) -> list[DayBar]:
        return [
            DayBar(
                bar,
                _tone(drifts[bar.place]),
                f"{calendar[bar.place].isoformat()}: {counted(values[bar.place] or 0, noun)}",
            )
            for bar in bars(values)
        ]

    return Pictures(
        first=calendar[0].isoformat(),
        last=calendar[-1].isoformat(),
        rows=by_day(rows, "row"),
        drifted=by_day(drifted, "drifted column"),
        auc=band([_auc(days.get(day)) for day in calendar]),
        most_rows=max((value for value in rows if value is not None), default=0),
        most_drifted=max((value for value in drifted if value is not None), default=0),
        are_few_days=length <= _FEW_DAYS,
    )


def _tone(drift: DaySummary | None) -> Tone:
    if drift is None or drift.verdict == "not enough data":
        return "idle"
    return "drift" if drift.verdict == "drift" else "quiet"


def _auc(record: DayRecord | None) -> tuple[float, float, float] | None:
    auc = record.quality.main.measure("AUC") if record and record.quality else None
    if auc is None or auc.value is None:
        return None
    return (
        auc.value if auc.lower is None else auc.lower,
        auc.value,
        auc.value if auc.upper is None else auc.upper,
    )
