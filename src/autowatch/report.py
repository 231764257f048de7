"""The page of one day's judgement, for people."""

from dataclasses import dataclass
from functools import cache

from jinja2 import Environment

from autowatch.drift import ColumnDrift, DriftReport, worst_first
from autowatch.movement import BinShare, percent, what_moved
from autowatch.pages import page_environment

# The bars of 50 columns must stay a page that a phone opens at once.
_MAX_BARS = 24

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


def shown_bars(column: ColumnDrift) -> list[BinShare]:
    """The bins worth a bar: those that hold rows, at most the first 24."""
    return [share for share in column.bins if share.reference or share.current][:_MAX_BARS]


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
        what_moved=lambda column: what_moved(column.bins),
        shown_bars=shown_bars,
    )
