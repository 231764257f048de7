"""The keys of everything that is written under `reports/`."""

from datetime import date

REPORTS_PREFIX = "reports/"


def report_folder(day: date) -> str:
    """Where the reports of a day lie."""
    return f"{REPORTS_PREFIX}date={day.isoformat()}/"


def report_key(day: date) -> str:
    """Where the judgement of a day lies."""
    return f"{report_folder(day)}drift.json"


def quality_key(day: str) -> str:
    """Where the quality of a day lies; `day` as `YYYY-MM-DD`."""
    return f"reports/date={day}/quality.json"


def day_page_key(day: date) -> str:
    """Where the page of a day lies."""
    return f"reports/date={day.isoformat()}/index.html"
