"""The page of one training run, for people: written when the run ends."""

from functools import cache
from typing import Any

from jinja2 import Environment

from autowatch import plot
from autowatch.objects import ObjectMissing, read_json
from autowatch.pages import page_environment
from autowatch.run_view import duration, view_of
from autowatch.runs import Run

_DOCUMENTS = ("data", "leaderboard", "gate")


def write_run_report(s3: Any, bucket: str, run: Run) -> str:
    """Writes the page of a run that has ended, from what the run has left under models/, and returns its key."""
    documents: dict[str, Any] = {}
    for name in _DOCUMENTS:
        try:
            documents[name] = read_json(s3, bucket, f"models/{run.model_run}/{name}.json")
        except ObjectMissing:
            # A run that failed early has come no further.
            continue
    key = f"models/{run.run}/report.html"
    page = run_page(run, documents).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=page, ContentType="text/html; charset=utf-8")
    return key


def run_page(run: Run, documents: dict[str, Any]) -> str:
    """The whole page as HTML: no script, nothing loaded from elsewhere, all foreign text escaped.

    Args:
        run: how the run went.
        documents: its data, leaderboard and gate objects by these names, as far as they are there.
    """
    return _environment().get_template("run.html.jinja").render(view=view_of(run, documents))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"


@cache
def _environment() -> Environment:
    return page_environment(x=plot.x, y=plot.y, path=plot.path, number=_number, duration=duration)
