"""Renders all pages as HTML from documents, with the templates in templates/.

Text from the data is escaped, and an undefined name in a template is an error.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from autowatch.records.days import DaysLeftOut
from autowatch.records.run import Run
from autowatch.reports import svg as plot
from autowatch.reports import text as page_text
from autowatch.reports.day import DayView, Links, day_view, window_view
from autowatch.reports.documents.summary import DayRecord, DaySummary
from autowatch.reports.history import history_view
from autowatch.reports.models import RunDocuments
from autowatch.reports.run.view import duration, view_of
from autowatch.reports.text import visible


def page_environment(**filters: Callable[..., object]) -> Environment:
    """A Jinja environment for the templates of this package, with these filters."""
    environment = Environment(
        loader=PackageLoader("autowatch.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    environment.filters.update(filters)
    return environment


def _visible(value: object) -> object:
    # Markup was made by a template, from texts that have already passed through here.
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def day_page(
    day: date, drift: Any | None, quality: Any | None, history: Mapping[date, DaySummary], links: Links
) -> str:
    """Renders the page of a day: no script, no external resources, and all text from the data escaped.

    Args:
        day: the day.
        drift, quality: its documents, see docs/formats.md; None if missing.
        history: summaries of other days; the 29 days before are shown in sparklines.
        links: to the neighbouring pages.
    """
    return _render(day_view(day, drift, quality, history, links))


def window_page(drift: Any, links: Links) -> str:
    """Renders the page of a range of days or of a file from its `drift.json`; see `day_page`."""
    return _render(window_view(drift, links))


def _render(view: DayView) -> str:
    return _day_environment().get_template("day.html.jinja").render(view=view)


@cache
def _day_environment() -> Environment:
    return page_environment(
        percent=page_text.percent,
        number=page_text.number,
        p_text=page_text.p_text,
        count=page_text.count,
        short=page_text.short,
        x=plot.x,
        y=plot.y,
    )


def history_page(
    days: Mapping[date, DayRecord],
    left_out: Sequence[DaysLeftOut] = (),
    runs: Sequence[RunDocuments] = (),
    champion: str | None = None,
) -> str:
    """Renders the history page, newest day first; see `day_page`.

    Args:
        days: the record of each day.
        left_out: the days that the daily job never judged.
        runs: the documents of training runs.
        champion: the run in force.
    """
    view = history_view(days, runs, champion)
    return _history_environment().get_template("history.html.jinja").render(view=view, left_out=left_out)


@cache
def _history_environment() -> Environment:
    return page_environment(
        percent=page_text.percent, number=page_text.number, count=page_text.count, short=page_text.short
    )


def run_page(run: Run, documents: dict[str, Any]) -> str:
    """Renders the page of a training run; see `day_page`.

    Args:
        run: the run's record.
        documents: its objects `data`, `leaderboard`, `gate` and `importance`; missing ones are left out.
    """
    return _run_environment().get_template("run.html.jinja").render(view=view_of(run, documents))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


@cache
def _run_environment() -> Environment:
    return page_environment(
        x=plot.x,
        y=plot.y,
        path=plot.path,
        number=_number,
        duration=duration,
        percent=page_text.percent,
        count=page_text.count,
        short=page_text.short,
    )
