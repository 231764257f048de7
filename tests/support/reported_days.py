"""Reports of days for tests, written as short strings."""

from datetime import date, timedelta

from autowatch.monitoring.days.history import ReportedDay, RunDay

TODAY = date(2026, 11, 23)  # a Monday
LETTERS = {"D": "drift", "n": "no drift", "-": "not enough data", "a": "no drift"}


def reported(
    day,
    letter="n",
    rows=1_000,
    run="run-1",
    told=(),
    extra=None,
    files=1,
    since=None,
    failed=False,
    inputs="",
    model=("age",),
    compared_with=(),
):
    """A reported day. D: drift, n: no drift, a: no drift, but an alarm, -: not enough data."""
    part = RunDay(run, LETTERS[letter], rows, files, letter == "a", failed, since, compared_with)
    extra = None if extra is None else frozenset(extra)
    return ReportedDay(day, f"{day}T20:00:00Z", (part,), extra, frozenset(model), inputs, frozenset(told))


def days_before(letters, **options):
    """The days that end yesterday, one for each letter; a blank stands for a day without a report."""
    days = [TODAY - timedelta(days=len(letters) - number) for number in range(len(letters))]
    return {
        day: reported(day, letter, **options)
        for day, letter in zip(days, letters, strict=True)
        if letter != " "
    }
