"""The page of all days: documents in, HTML out."""

from collections.abc import Mapping
from datetime import date
from functools import cache

from jinja2 import Environment

from autowatch import page_text
from autowatch.day_summary import DayRecord
from autowatch.history_view import history_view
from autowatch.pages import page_environment


def history_page(days: Mapping[date, DayRecord]) -> str:
    """The page of these days as HTML, newest first: no script, nothing loaded from elsewhere, foreign text escaped."""
    return _environment().get_template("history.html.jinja").render(view=history_view(days))


@cache
def _environment() -> Environment:
    return page_environment(
        percent=page_text.percent, number=page_text.number, count=page_text.count, short=page_text.short
    )
