"""The page of a day, of a range of days or of a file: documents in, HTML out."""

from collections.abc import Mapping
from datetime import date
from functools import cache
from typing import Any

from jinja2 import Environment

from autowatch import page_text, plot
from autowatch.day_summary import DaySummary
from autowatch.day_view import DayView, Links, day_view, window_view
from autowatch.pages import page_environment


def day_page(
    day: date, drift: Any | None, quality: Any | None, history: Mapping[date, DaySummary], links: Links
) -> str:
    """The page of a day as HTML: no script, nothing loaded from elsewhere, all foreign text escaped.

    Args:
        day: the day.
        drift, quality: its documents as docs/formats.md describes them; None where there are none.
        history: other days in short; those of the 29 days before give the sparklines.
        links: relative references to the pages around it.
    """
    return _render(day_view(day, drift, quality, history, links))


def window_page(drift: Any, links: Links) -> str:
    """The page of a range of days or of a file, from its `drift.json`; as `day_page`."""
    return _render(window_view(drift, links))


def _render(view: DayView) -> str:
    return _environment().get_template("day.html.jinja").render(view=view)


@cache
def _environment() -> Environment:
    return page_environment(
        percent=page_text.percent,
        number=page_text.number,
        p_text=page_text.p_text,
        count=page_text.count,
        short=page_text.short,
        x=plot.x,
        y=plot.y,
    )
