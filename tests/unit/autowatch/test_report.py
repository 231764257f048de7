import re
from collections import Counter
from html.parser import HTMLParser

import pytest

from autowatch.drift import DriftRules, judge
from autowatch.page_text import visible
from autowatch.profile import Baseline, ProfileBuilder, baseline_column
from autowatch.report import Day, drift_page, summary

HOSTILE = "<script>alert('x')</script>&\"'\u202e"
DAY = Day("2026-11-23", "2026-11-23T20:00:05Z", "run-1", 1, 0, 0, None)


def judged(reference, current, min_rows=300):
    """The judgement of columns of texts; those whose name starts with n are numeric."""
    rows = len(next(iter(reference.values())))
    columns = tuple(
        baseline_column(name, "feature", "numeric" if name.startswith("n") else "categorical", Counter(texts))
        for name, texts in reference.items()
    )
    baseline = Baseline("run-1", rows, columns)
    builder = ProfileBuilder(baseline)
    builder.add(current)
    return judge(baseline, builder.build(), DriftRules(min_rows=min_rows))


def drifted_report():
    return judged(
        {"job": ["a", "b"] * 1_000, "n": ["1", "2"] * 1_000}, {"job": ["a"] * 500, "n": ["1", "2"] * 250}
    )


class Page(HTMLParser):
    """Reads a page as a browser would: its elements, and the text of each."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, html):
        super().__init__()
        self.tags = Counter()
        self.attributes = []
        self.open = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def test_the_verdict_stands_on_top_in_words():
    page = Page(drift_page(drifted_report(), DAY))

    assert page.open == []
    assert page.tags["h1"] == 1
    assert page.text.index("The data has drifted") < page.text.index("All columns")
    assert "1 of 2 columns no longer look like the training data: job." in page.text


def test_the_page_needs_nothing_but_itself():
    html = drift_page(drifted_report(), DAY)
    page = Page(html)

    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == 0
    assert not re.search(r"https?://|url\(|@import", html)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "href")]


def test_foreign_names_and_values_are_shown_and_never_run():
    report = judged({HOSTILE: ["a", HOSTILE] * 1_000}, {HOSTILE: ["a"] * 400 + ["b"] * 100})
    html = drift_page(report, Day("2026-11-23", "t", HOSTILE, 1, 0, 0, None))
    page = Page(html)

    assert page.tags["script"] == 0
    assert "<script" not in html
    assert visible(HOSTILE) in page.text


def test_a_day_without_rows_has_a_page():
    baseline_rows = {"job": ["a", "b"] * 1_000, "n": ["1", "2"] * 1_000}

    page = Page(drift_page(judged(baseline_rows, {}), DAY))

    assert "Not enough data for a verdict" in page.text
    assert "neither for nor against" in page.text


def test_a_quiet_day_says_so():
    same = {"job": ["a", "b"] * 1_000}

    page = Page(drift_page(judged(same, same), DAY))

    assert "No drift" in page.text
    assert "What moved, worst first" not in page.text


def test_files_of_another_model_are_mentioned():
    page = Page(drift_page(drifted_report(), Day("2026-11-23", "t", "run-1", 1, 2, 800, None)))

    assert "2 more files of that day (800 rows) were scored by another model" in page.text


@pytest.mark.parametrize(("since", "shown"), [("2026-11-20", True), ("2026-11-23", False), (None, False)])
def test_since_when_is_said_only_of_earlier_days(since, shown):
    page = Page(drift_page(drifted_report(), Day("2026-11-23", "t", "run-1", 1, 0, 0, since)))

    assert ("since 2026-11-20" in page.text) is shown


def test_fifty_columns_of_many_long_values_stay_under_500_kilobytes():
    values = [f"a category with a rather long name, number {number} of many" for number in range(40)]
    reference = {f"column {number}": values * 25 for number in range(50)}
    current = {f"column {number}": values[:25] * 20 for number in range(50)}

    html = drift_page(judged(reference, current), DAY)

    assert html.count("× threshold") == 50
    assert len(html.encode()) < 500_000


def test_the_summary_names_a_few_columns_and_counts_the_rest():
    reference = {f"c{number}": ["a", "b"] * 500 for number in range(8)}
    current = {f"c{number}": ["a"] * 500 for number in range(8)}

    assert summary(judged(reference, current)).endswith("c0, c1, c2, c3, c4 and 3 more.")
