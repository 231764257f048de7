"""What the page of all days shows.

What the page of all days answers first: is it good or bad, what, since when, what to do.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from autowatch.reports.documents.quality import match_quality
from autowatch.reports.documents.summary import DayRecord, DaySummary
from autowatch.reports.headline import Headline, Tone
from autowatch.reports.svg import Band, Bar, band, bars
from autowatch.reports.text import counted, listed, short

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
        drifted = [short(name, 24) for name in record.drift.drifted_columns] if record.drift else []
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
    auc = record.quality.main.decisive if record and record.quality else None
    if auc is None or auc.value is None:
        return None
    return (
        auc.value if auc.lower is None else auc.lower,
        auc.value,
        auc.value if auc.upper is None else auc.upper,
    )


def history_headline(days: Mapping[date, DayRecord]) -> Headline:
    """The head of the page of these days."""
    newest_first = sorted(days, reverse=True)
    judged = [(day, drift) for day in newest_first if (drift := days[day].drift)]
    worse = _worse(days, newest_first, judged[0][1].run if judged else None)
    if not judged:
        return _headline_without_drift(worse, has_rows=bool(days))
    day, newest = judged[0]
    verdict_day, last = _last_verdict(judged)
    is_of_another = newest.run not in (None, last.run)
    what = [f"The newest day is {day.isoformat()}: {_sentence(newest)}"]
    if newest.other_drifts:
        what.append("Rows that another model scored on that day drifted; the page of the day has them.")
    if verdict_day != day:
        whose = ", on another model's rows" if is_of_another else ""
        what.append(f"The last verdict is of {verdict_day.isoformat()}{whose}: {_sentence(last)}")
    if worse:
        what.append(worse.sentence())
    look = f"Open {verdict_day.isoformat()} below."
    if last.verdict == "drift" and not is_of_another:
        also = ", and the model predicts worse" if worse and not worse.model else ""
        return Headline("drift", f"The data have drifted{also}", what, last.since, look)
    if worse and not worse.model:
        return Headline(
            "drift", "The model predicts worse", what, None, f"Open {worse.day.isoformat()} below."
        )
    if newest.verdict == "not enough data":
        return _headline_without_verdict(day, newest, what)
    if newest.alarms:
        return Headline("idle", f"No drift, but {counted(newest.alarms, 'alarm')}", what, None, look)
    if newest.other_drifts:
        return Headline("idle", "No drift, but another model's rows need a look", what, None, look)
    if worse:
        to_do = "Put labels of the judged model's rows under labels/ when they are known."
        return Headline("idle", f"No drift, but the {worse.model} predicted worse", what, None, to_do)
    return Headline("quiet", "No drift", what, None, "Nothing.")


@dataclass(frozen=True)
class _Worse:
    """The newest day with a verdict on quality, where that is `worse`; `model` is None for the model in use."""

    day: date
    run: str | None
    model: str | None

    def sentence(self) -> str:
        whose = f" by the {self.model}, run {short(self.run, 60)}" if self.model else ""
        return (
            f"Of the days with enough labels the newest, {self.day.isoformat()}, was predicted worse than at the "
            f"gate{whose}."
        )


def _headline_without_drift(worse: _Worse | None, *, has_rows: bool) -> Headline:
    if worse is None:
        to_do = f"{'Wait' if has_rows else 'Score a file, and wait'} for the daily run or invoke it."
        return Headline("idle", "No day has been judged yet", [], None, to_do)
    title = "The model predicts worse; drift was not judged"
    return Headline("drift", title, [worse.sentence()], None, f"Open {worse.day.isoformat()} below.")


def _headline_without_verdict(day: date, newest: DaySummary, what: Sequence[str]) -> Headline:
    why = "nothing was scored" if newest.rows == 0 else "not enough data"
    if newest.rows and newest.counts_nothing:
        why = "no column counts"
    alarms = f", and {counted(newest.alarms, 'alarm')}" if newest.alarms else ""
    look = (
        f"Open {day.isoformat()} below." if newest.alarms or newest.other_drifts else "Nothing to decide on."
    )
    return Headline("idle", f"No verdict on the newest day: {why}{alarms}", what, None, look)


def _last_verdict(judged: Sequence[tuple[date, DaySummary]]) -> tuple[date, DaySummary]:
    """The newest day with a verdict, of the newest day's model if there is one; the newest day where there is none.

    What an earlier model's rows showed says nothing of its successor, which has another baseline.
    """
    run = judged[0][1].run
    verdicts = [(day, drift) for day, drift in judged if drift.verdict != "not enough data"]
    of_model = [(day, drift) for day, drift in verdicts if run in (None, drift.run)]
    return next(iter([*of_model, *verdicts]), judged[0])


def _worse(
    days: Mapping[date, DayRecord], newest_first: Sequence[date], newest_run: str | None
) -> _Worse | None:
    """What the newest day with a verdict on quality says, if that is `worse`; `newest_run` scored the newest rows."""
    for day in newest_first:
        recorded = days[day].quality
        quality = match_quality(recorded, newest_run, {}) if recorded else None
        if quality and quality.main.verdict != "not enough labels":
            found = _Worse(day, quality.main.run, quality.other_model)
            return found if quality.main.verdict == "worse" else None
    return None


def _sentence(drift: DaySummary) -> str:
    rows = counted(drift.rows or 0, "row")
    alarms = f", {counted(drift.alarms, 'alarm')}" if drift.alarms else ""
    if drift.verdict == "not enough data" and drift.rows == 0:
        return f"nothing was scored{alarms}."
    if drift.counts_nothing:
        return f"{rows}, no column counts by monitoring/settings.yaml, so drift cannot be called{alarms}."
    if drift.verdict == "not enough data":
        return f"{rows}, not enough data for a verdict{alarms}."
    return (
        f"{drift.verdict}, {len(drift.drifted_columns)} of {drift.columns} columns drifted in {rows}{alarms}."
    )
