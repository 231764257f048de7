"""The view behind the history page, and its headline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

from autowatch.records.keys import REPORTS_PREFIX, day_page_key
from autowatch.reports.documents.quality import MeasureView, match_quality
from autowatch.reports.documents.summary import DayRecord, DaySummary
from autowatch.reports.headline import Headline, Tone
from autowatch.reports.models import ModelRow, RunDocuments, model_rows
from autowatch.reports.svg import HEIGHT, WIDTH, Band, Bar, band, bars, middle, slot_width
from autowatch.reports.text import counted, listed, number, short

_FEW_DAYS = 15


_MOST_CALENDAR_DAYS = 180
"""Days that the pictures show at most; the table may go further back if scoring is monthly."""


_HEAT_DAYS, _HEAT_COLUMNS = 60, 20


_MOST_TICKS = 6


@dataclass(frozen=True)
class HistoryRow:
    """A row of the table: a day, or a gap of `missing` days without a report, from `date` back to `until`.

    `record` is None for a gap. `new_run` names the run if another model scored than on the days before.
    """

    date: str
    record: DayRecord | None
    drifted: str = ""
    share_of_most_rows: float = 0
    missing: int = 0
    until: str = ""
    new_run: str = ""


@dataclass(frozen=True)
class DayBar:
    """The bar of a day in the tone of its verdict; `link` leads to the day's page, None if there is none."""

    bar: Bar
    tone: Tone
    text: str
    link: str | None


@dataclass(frozen=True)
class DateTick:
    """A date on the axis: its position in percent of the picture's width, and its text."""

    at: float
    text: str


@dataclass(frozen=True)
class HotCell:
    """A day on which a column reached its threshold: position, distance in words, and the day's page."""

    x: float
    width: float
    text: str
    link: str | None


@dataclass(frozen=True)
class HeatRow:
    """A column over the days: `quiet` is the path of the days below the threshold, `worst` its largest distance."""

    name: str
    quiet: str
    hot: Sequence[HotCell]
    worst: str


@dataclass(frozen=True)
class HeatMap:
    """The columns with the largest distances, day by day; `hidden` is how many are not shown."""

    rows: Sequence[HeatRow]
    ticks: Sequence[DateTick]
    hidden: int


@dataclass(frozen=True)
class Pictures:
    """The pictures of the days from `first` to `last`.

    Attributes:
        measure: the measure that `quality` shows, which is the one that decides.
        ends: the ends of its axis, as texts.
        are_few_days: whether a third of the page's width is enough.
        releases: the positions and runs at which another model's days begin.
    """

    first: str
    last: str
    rows: Sequence[DayBar]
    drifted: Sequence[DayBar]
    quality: Band | None
    measure: str
    ends: tuple[str, str]
    most_rows: int
    most_drifted: int
    are_few_days: bool
    ticks: Sequence[DateTick]
    releases: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class HistoryView:
    """Everything on the page, newest day first; `unreadable` names documents that were left out."""

    headline: Headline
    rows: Sequence[HistoryRow]
    pictures: Pictures | None
    heat: HeatMap | None
    models: Sequence[ModelRow]
    unreadable: Sequence[str]


def history_view(
    records: Mapping[date, DayRecord], runs: Sequence[RunDocuments] = (), champion: str | None = None
) -> HistoryView:
    """The view of these days and runs; `champion` is the run in force."""
    days = {day: _matched(record) for day, record in records.items()}
    newest_first = sorted(days, reverse=True)
    return HistoryView(
        headline=history_headline(days),
        rows=_rows(days, newest_first),
        pictures=_pictures(days, newest_first) if newest_first else None,
        heat=_heat(days, newest_first) if newest_first else None,
        models=model_rows(runs, champion, days),
        unreadable=[f"{name} of {day.isoformat()}" for day in newest_first for name in days[day].unreadable],
    )


def _matched(record: DayRecord) -> DayRecord:
    if record.drift is None or record.quality is None:
        return record
    return replace(record, quality=match_quality(record.quality, record.drift.run, record.drift.rows_by_run))


def _rows(days: Mapping[date, DayRecord], newest_first: Sequence[date]) -> list[HistoryRow]:
    most = max((_row_count(record) for record in days.values()), default=0)
    new_runs = dict(_new_runs(days, sorted(days)))
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
        rows.append(
            HistoryRow(
                day.isoformat(), record, listed(drifted, 3), share, new_run=short(new_runs.get(day, ""), 40)
            )
        )
        expected = day - timedelta(days=1)
    return rows


def _row_count(record: DayRecord) -> int:
    return (record.drift.all_rows or 0) if record.drift else 0


def _new_runs(days: Mapping[date, DayRecord], order: Iterable[date]) -> Iterator[tuple[date, str]]:
    """The days on which a different run's model scored than before, each with the run."""
    before = None
    for day in order:
        record = days.get(day)
        run = record.drift.run if record and record.drift else None
        if run and before and run != before:
            yield day, run
        before = run or before


def _link(days: Mapping[date, DayRecord], day: date) -> str | None:
    return day_page_key(day).removeprefix(REPORTS_PREFIX) if day in days and days[day].has_page else None


def _calendar(newest_first: Sequence[date], most: int) -> list[date]:
    length = min((newest_first[0] - newest_first[-1]).days + 1, most)
    return [newest_first[0] - timedelta(days=back) for back in reversed(range(length))]


def _ticks(calendar: Sequence[date]) -> list[DateTick]:
    """Evenly spaced dates, back from the newest."""
    step = -(-len(calendar) // _MOST_TICKS)
    return [
        DateTick(
            round(100 * middle(place, len(calendar)) / WIDTH, 2),
            f"{calendar[place].day} {calendar[place]:%b}",
        )
        for place in range(len(calendar) - 1, -1, -step)
    ]


def _pictures(days: Mapping[date, DayRecord], newest_first: Sequence[date]) -> Pictures:
    calendar = _calendar(newest_first, _MOST_CALENDAR_DAYS)
    drifts = [days[day].drift if day in days else None for day in calendar]
    rows = [drift.all_rows if drift else None for drift in drifts]
    drifted = [len(drift.drifted_columns) if drift else None for drift in drifts]

    def by_day(values: Sequence[int | None], noun: str) -> list[DayBar]:
        return [
            DayBar(
                bar,
                _tone(drifts[bar.place]),
                f"{calendar[bar.place].isoformat()}: {counted(values[bar.place] or 0, noun)}",
                _link(days, calendar[bar.place]),
            )
            for bar in bars(values)
        ]

    decisive = [_decisive(days.get(day)) for day in calendar]
    newest = next((measure for measure in reversed(decisive) if measure), None)
    name = newest.name if newest else ""
    # Two measures cannot share an axis; if the problem type has changed, only the newest measure is shown.
    shown = [measure if measure and measure.name == name else None for measure in decisive]
    quality = band(
        [_interval(measure) for measure in shown], [measure.gate if measure else None for measure in shown]
    )
    return Pictures(
        first=calendar[0].isoformat(),
        last=calendar[-1].isoformat(),
        rows=by_day(rows, "row"),
        drifted=by_day(drifted, "drifted column"),
        quality=quality,
        measure=name,
        ends=(newest.say(quality.lowest), newest.say(quality.highest)) if newest and quality else ("", ""),
        most_rows=max((value for value in rows if value is not None), default=0),
        most_drifted=max((value for value in drifted if value is not None), default=0),
        are_few_days=len(calendar) <= _FEW_DAYS,
        ticks=_ticks(calendar),
        releases=[
            (round(middle(place, len(calendar)) - slot_width(len(calendar)) / 2, 2), run)
            for place, day in enumerate(calendar)
            for run in [dict(_new_runs(days, calendar)).get(day)]
            if run
        ],
    )


def _heat(days: Mapping[date, DayRecord], newest_first: Sequence[date]) -> HeatMap | None:
    calendar = _calendar(newest_first, _HEAT_DAYS)
    sizes: dict[str, dict[int, float]] = {}
    for place, day in enumerate(calendar):
        drift = days[day].drift if day in days else None
        for name, size in (drift.sizes if drift else {}).items():
            sizes.setdefault(name, {})[place] = size
    worst_first = sorted(sizes, key=lambda name: (-max(sizes[name].values()), name))
    rows = [
        HeatRow(
            name=name,
            quiet=_quiet(sizes[name], len(calendar)),
            hot=[
                HotCell(
                    *_cell(place, len(calendar)),
                    f"{short(name, 40)} on {calendar[place].isoformat()}: {number(size, 1)} × threshold",
                    _link(days, calendar[place]),
                )
                for place, size in sizes[name].items()
                if size >= 1
            ],
            worst=number(max(sizes[name].values()), 1),
        )
        for name in worst_first[:_HEAT_COLUMNS]
    ]
    return HeatMap(rows, _ticks(calendar), len(worst_first) - len(rows)) if rows else None


def _cell(place: int, places: int) -> tuple[float, float]:
    slot = slot_width(places)
    return round(middle(place, places) - slot * 0.45, 2), round(slot * 0.9, 2)


def _quiet(sizes: Mapping[int, float], places: int) -> str:
    """The path of the days below the threshold; a distance at the threshold would fill half the picture's height."""
    path = ""
    for place, size in sizes.items():
        if size < 1:
            x, width = _cell(place, places)
            height = round(max(1.0, size * HEIGHT / 2), 1)
            path += f"M{x:g} {HEIGHT:g}v-{height:g}h{width:g}v{height:g}z"
    return path


def _tone(drift: DaySummary | None) -> Tone:
    if drift is None or drift.verdict == "not enough data":
        return "idle"
    return "drift" if drift.verdict == "drift" else "quiet"


def _decisive(record: DayRecord | None) -> MeasureView | None:
    return record.quality.main.decisive if record and record.quality else None


def _interval(measure: MeasureView | None) -> tuple[float, float, float] | None:
    if measure is None or measure.value is None:
        return None
    return (
        measure.value if measure.lower is None else measure.lower,
        measure.value,
        measure.value if measure.upper is None else measure.upper,
    )


def history_headline(days: Mapping[date, DayRecord]) -> Headline:
    """The headline for these days."""
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
        what.append("Rows that another model scored on that day drifted; see the day's page.")
    if verdict_day != day:
        whose = ", on another model's rows" if is_of_another else ""
        what.append(f"The last verdict is from {verdict_day.isoformat()}{whose}: {_sentence(last)}")
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
        return Headline("idle", "No drift, but another model's rows need attention", what, None, look)
    if worse:
        to_do = "Upload labels of the judged model's rows under labels/ once they are known."
        return Headline("idle", f"No drift, but the {worse.model} predicted worse", what, None, to_do)
    return Headline("quiet", "No drift", what, None, "Nothing.")


@dataclass(frozen=True)
class _Worse:
    """The newest day with a quality verdict, if that is `worse`; `model` is None for the model in use."""

    day: date
    run: str | None
    model: str | None

    def sentence(self) -> str:
        whose = f" by the {self.model}, run {short(self.run, 60)}" if self.model else ""
        day = self.day.isoformat()
        return f"{day}, the newest day with enough labels, was predicted worse than at the gate{whose}."


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
    """The newest day with a verdict on the newest day's model, else with any verdict, else the newest day.

    The result of an earlier model says nothing about its successor, which has a different baseline.
    """
    run = judged[0][1].run
    verdicts = [(day, drift) for day, drift in judged if drift.verdict != "not enough data"]
    of_model = [(day, drift) for day, drift in verdicts if run in (None, drift.run)]
    return next(iter([*of_model, *verdicts]), judged[0])


def _worse(
    days: Mapping[date, DayRecord], newest_first: Sequence[date], newest_run: str | None
) -> _Worse | None:
    """The newest day with a quality verdict, if that is `worse`; `newest_run` scored the newest rows."""
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
        return f"{rows}, no column counts under monitoring/settings.yaml, so there is no verdict{alarms}."
    if drift.verdict == "not enough data":
        return f"{rows}, not enough data for a verdict{alarms}."
    return (
        f"{drift.verdict}, {len(drift.drifted_columns)} of {drift.columns} columns drifted in {rows}{alarms}."
    )
