"""The view behind the page of a day, of a range of days or of a file, built from the documents alone."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any, TypeVar
from urllib.parse import quote

from autowatch.records.keys import PREDICTIONS_PREFIX, REJECTED_PREFIX, day_folder, run_page_key
from autowatch.reports.density import Density, density
from autowatch.reports.documents.drift import Column, DriftView, RunDrift, UnknownForm, drift_view
from autowatch.reports.documents.quality import QualityView, match_quality, quality_view
from autowatch.reports.documents.summary import DaySummary
from autowatch.reports.headline import Headline, Subject, headline
from autowatch.reports.svg import Bar, Sparkline, bars, sparkline
from autowatch.reports.text import count, counted, listed, percent, refusal, short

TREND_DAYS = 30


_HIGHEST_SIZE = 4.0
"""Sparklines are cut off here, in multiples of the threshold; the figure beside them has the exact value."""


_Document = TypeVar("_Document")


@dataclass(frozen=True)
class Links:
    """Relative links from the page to other pages and to the bucket's root; None if there is no such page."""

    history: str
    previous: str | None = None
    following: str | None = None
    root: str | None = None

    def run(self, name: str | None) -> str | None:
        """The page of a training run."""
        return f"{self.root}{run_page_key(quote(name, safe=''))}" if self.root and name else None


@dataclass(frozen=True)
class Volume:
    """The rows of the last days as bars and in words; bar `today` is the page's own day. A single day has no bars."""

    bars: Sequence[Bar]
    today: int
    text: str


@dataclass(frozen=True)
class OpinionRow:
    """A column that drifts according to Autowatch or Domino; `decides` says whether it counts in Autowatch."""

    column: str
    ours: bool
    dominos: bool
    decides: bool


@dataclass(frozen=True)
class DayFact:
    """A figure with its label, and a line below it."""

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class DayView:
    """Everything on the page. A missing judgement is None, and `notes` say why.

    Attributes:
        title: what was judged, in words.
        trends: the sparkline of each column, by column name.
        densities: the density plot of each numeric column that has one, by column name.
        anchors: the HTML id of each column, by column name.
        folders: the prefixes of the judged files in the bucket.
        opinions: the columns that drift according to Autowatch or Domino; None without a check by Domino.
        sources: the names of the documents beside the page.
        alerted: whether an alert on drift or alarms was sent; None if none was needed.
    """

    title: str
    subject: Subject
    links: Links
    headline: Headline
    facts: Sequence[DayFact]
    notes: Sequence[str]
    drift: DriftView | None
    quality: QualityView | None
    trends: Mapping[str, Sparkline]
    densities: Mapping[str, Density]
    anchors: Mapping[str, str]
    folders: Sequence[str]
    volume: Volume | None
    opinions: Sequence[OpinionRow] | None
    sources: Sequence[str]
    alerted: bool | None


def day_view(
    day: date, drift: Any | None, quality: Any | None, history: Mapping[date, DaySummary], links: Links
) -> DayView:
    """The view of a day.

    Args:
        day: the day.
        drift, quality: its documents; None if missing.
        history: summaries of earlier days; it may contain the day itself.
        links: to the neighbouring pages and the history.
    """
    notes = [] if drift is not None else ["This day has no drift.json."]
    drifts = _read("drift.json", drift, drift_view, notes)
    qualities = _read("quality.json", quality, quality_view, notes)
    if drifts and qualities:
        qualities = match_quality(qualities, drifts.main.run, drifts.rows_by_run)
    window = [day - timedelta(days=back) for back in reversed(range(1, TREND_DAYS))]
    return _view(
        f"Scored data of {day.isoformat()}",
        "day",
        links,
        drifts,
        qualities,
        notes,
        day.isoformat(),
        [history.get(earlier) for earlier in window],
        [
            name
            for name, document in (("drift.json", drift), ("quality.json", quality))
            if document is not None
        ],
    )


def window_view(drift: Any, links: Links) -> DayView:
    """The view of a range of days or of a file, from its `drift.json`."""
    notes: list[str] = []
    title, subject = _window(drift if isinstance(drift, dict) else {})
    drifts = _read("drift.json", drift, drift_view, notes)
    return _view(title, subject, links, drifts, None, notes, None, [], ["drift.json"])


def _window(document: Mapping[str, Any]) -> tuple[str, Subject]:
    if "key" in document:
        return f"The file {short(document['key'], 200)}", "file"
    first, last = (short(document.get(end, "?"), 20) for end in ("from", "to"))
    return f"Scored data from {first} to {last}", "range"


def _read(name: str, document: Any, reader: Callable[[Any], _Document], notes: list[str]) -> _Document | None:
    if document is None:
        return None
    try:
        return reader(document)
    except UnknownForm:
        # Another version of Autowatch wrote it; the rest of the page is still useful.
        notes.append(f"{name} is left out: this version of Autowatch does not know its format.")
        return None


def _view(
    title: str,
    subject: Subject,
    links: Links,
    drift: DriftView | None,
    quality: QualityView | None,
    notes: Sequence[str],
    day: str | None,
    earlier: Sequence[DaySummary | None],
    sources: Sequence[str],
) -> DayView:
    return DayView(
        title=title,
        subject=subject,
        links=links,
        headline=headline(drift, quality, subject, day),
        facts=facts_of(drift, quality, subject),
        notes=notes,
        drift=drift,
        quality=quality,
        trends=_trends(drift.main.shown, earlier) if drift and day else {},
        densities=_densities(drift.main.shown) if drift else {},
        anchors={column.name: f"column-{place}" for place, column in enumerate(drift.main.shown)}
        if drift
        else {},
        folders=[day_folder(prefix, day) for prefix in (PREDICTIONS_PREFIX, REJECTED_PREFIX)] if day else [],
        volume=_volume(drift.rows, earlier) if drift and day else None,
        opinions=_opinions(drift) if drift else None,
        sources=sources,
        alerted=_alerted(drift) if drift and day else None,
    )


def _alerted(drift: DriftView) -> bool | None:
    # A separate mail alerts on refused files, so this report does not know whether it was sent.
    alarms = [alarm for alarm in drift.main.deciding_alarms if alarm.kind != "refused files"]
    return drift.alerted if drift.alerted or drift.main.verdict == "drift" or alarms else None


def _trends(columns: Sequence[Column], earlier: Sequence[DaySummary | None]) -> dict[str, Sparkline]:
    if not any(summary and summary.sizes for summary in earlier):
        # A line with only this day would add nothing to the figure beside it.
        return {}
    trends = {}
    for column in columns:
        before = [summary.sizes.get(column.name) if summary else None for summary in earlier]
        today = column.size if column.verdict in ("drift", "no drift") else None
        drawn = sparkline([*before, today], most=_HIGHEST_SIZE)
        if drawn:
            trends[column.name] = drawn
    return trends


def _densities(columns: Sequence[Column]) -> dict[str, Density]:
    drawn = {column.name: density(column.bins, column.training_range) for column in columns}
    return {name: picture for name, picture in drawn.items() if picture}


def _volume(rows: int | None, earlier: Sequence[DaySummary | None]) -> Volume:
    before = [summary.all_rows if summary else None for summary in earlier]
    known = sorted(value for value in before if value is not None)
    days = counted(len(known), "day")
    if not known:
        text = "no earlier day"
    elif known[0] == known[-1]:
        text = f"{days} before had {known[0]:,} rows"
    else:
        text = f"{days} before had {known[0]:,} to {known[-1]:,} rows"
    return Volume(bars([*before, rows]) if known else [], len(before), text)


def _opinions(drift: DriftView) -> list[OpinionRow] | None:
    if not drift.domino or not drift.domino.checks:
        return None
    main, dominos = drift.main, drift.domino.checks[0].drifted_columns
    shown_alone = {column.name for column in main.shown_alone}
    ours = shown_alone.union(main.drifted_columns)
    return [
        OpinionRow(name, name in ours, name in dominos, name not in shown_alone)
        for name in dict.fromkeys([*main.drifted_columns, *dominos])
    ]


def facts_of(drift: DriftView | None, quality: QualityView | None, subject: Subject) -> list[DayFact]:
    """The figures at the top of the page, rows first."""
    facts = []
    if drift:
        main = drift.main
        facts += [
            DayFact("Rows judged", count(drift.rows), _files(drift)),
            _drifted(drift.main),
            DayFact("Alarms", f"{len(main.deciding_alarms)}", _alarm_kinds(drift)),
            _left_out(drift, subject),
        ]
    if quality:
        facts += _quality_facts(quality)
    return facts


def _drifted(main: RunDrift) -> DayFact:
    if main.verdict == "not enough data":
        return DayFact("Columns drifted", "–", "no verdict")
    share = f", {percent(main.drift_share)} of the importance" if main.drift_share else ""
    return DayFact(
        "Columns drifted", f"{len(main.drifted_columns)}", f"of {len(main.deciding_columns)}{share}"
    )


def _quality_facts(quality: QualityView) -> list[DayFact]:
    main, decisive = quality.main, quality.main.decisive
    whose = f", {quality.other_model}" if quality.other_model else ""
    labelled = f"{count(main.rows_labelled)} of {count(main.rows_scored)} rows"
    facts = [DayFact(f"Rows with a label{whose}", percent(main.coverage), labelled)]
    if decisive:
        note = f"at the gate {decisive.say(decisive.gate)}" if decisive.gate is not None else ""
        facts.append(DayFact(f"{decisive.name}{whose}", decisive.say(decisive.value), note))
    return facts


def _alarm_kinds(drift: DriftView) -> str:
    return (
        listed(list(dict.fromkeys(short(alarm.kind, 40) for alarm in drift.main.deciding_alarms)), 3)
        or "none"
    )


def _files(drift: DriftView) -> str:
    files = [run.files for run in drift.runs if run.files is not None]
    note = counted(sum(files), "file") if files else ""
    others = sum(run.rows or 0 for run in drift.other_runs)
    return f"{note}; {others:,} rows scored by another model" if others else note


def _left_out(drift: DriftView, subject: Subject) -> DayFact:
    if subject == "file":
        note = "scoring would reject them" if drift.rejected_rows else ""
        return DayFact("Rows left out", count(drift.rejected_rows), note)
    return DayFact("Rows rejected", count(drift.rejected_rows), _refused(drift))


def _refused(drift: DriftView) -> str:
    if not drift.refused_files:
        return "no file refused"
    files = sum(drift.refused_files.values())
    return f"{counted(files, 'file')} refused: {listed([refusal(name) for name in drift.refused_files], 3)}"
