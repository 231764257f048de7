"""The page of one day's judgement, for people."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment

from autowatch.drift import BinShare, ColumnDrift, DriftReport, worst_first
from autowatch.page_text import percent
from autowatch.pages import page_environment

# The bars of 50 columns must stay a page that a phone opens at once.
_MAX_BARS = 24
# A change of half a percentage point or less does not explain anything to a reader.
_WORTH_TELLING = 0.005

_HEADLINES = {
    "drift": "The data has drifted",
    "no drift": "No drift",
    "not enough data": "Not enough data for a verdict",
}


@dataclass(frozen=True)
class Day:
    """What the page says about the day beside the judgement."""

    date: str
    generated: str
    model: str
    files: int
    other_files: int
    other_rows: int
    since: str | None


def drift_page(report: DriftReport, day: Day) -> str:
    """The whole page as HTML: no script, nothing loaded from elsewhere, all foreign text escaped."""
    return (
        _environment()
        .get_template("drift.html.jinja")
        .render(
            report=report,
            day=day,
            headline=_HEADLINES[report.verdict],
            summary=summary(report),
            drifted=report.drifted,
            columns=worst_first(report.columns),
        )
    )


def summary(report: DriftReport) -> str:
    """The verdict in one sentence."""
    if report.verdict == "not enough data":
        return (
            f"{report.rows:,} rows were scored; a verdict needs at least {report.min_rows:,} rows. "
            "This says nothing about drift, neither for nor against."
        )
    count, of = len(report.drifted), len(report.columns)
    if not count:
        return f"All {of} columns of the {report.rows:,} scored rows look like the training data."
    names = [column.name for column in report.drifted]
    listed = ", ".join(names[:5]) + (f" and {count - 5} more" if count > 5 else "")
    return f"{count} of {of} columns no longer look like the training data: {listed}."


def what_moved(column: ColumnDrift, most: int = 2) -> str:
    """The bins that gained and lost most, in words: `rose: “below 1.2” 3% → 61%; fell: …`."""
    changes = sorted(column.bins, key=lambda share: share.reference - share.current)
    rose = [share for share in changes[:most] if share.current - share.reference >= _WORTH_TELLING]
    fell = [share for share in changes[: -most - 1 : -1] if share.reference - share.current >= _WORTH_TELLING]
    parts = [(word, shares) for word, shares in (("rose", rose), ("fell", fell)) if shares]
    return "; ".join(f"{word}: {', '.join(_change(share) for share in shares)}" for word, shares in parts)


def shown_bars(column: ColumnDrift) -> list[BinShare]:
    """The bins worth a bar: those that hold rows, at most the first 24."""
    return [share for share in column.bins if share.reference or share.current][:_MAX_BARS]


def _change(share: BinShare) -> str:
    return f"“{share.label}” {percent(share.reference)} → {percent(share.current)}"


def _p_text(p: float | None) -> str:
    if p is None:
        return "–"
    return "< 0.0001" if p < 1e-4 else f"{p:.4f}"


def _number_text(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


@cache
def _environment() -> Environment:
    return page_environment(
        percent=percent,
        p_text=_p_text,
        number_text=_number_text,
        what_moved=what_moved,
        shown_bars=shown_bars,
    )
