import copy
import json
import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autowatch.reports.day import Links
from autowatch.reports.documents.summary import summary_of
from autowatch.reports.pages import day_page, window_page
from tests.support.report_documents import (
    DAY,
    EARLIER_RUN,
    RUN,
    domino_document,
    drift_document,
    quality_document,
)
from tests.support.run_documents import class_rows, judged_quality, number_rows

LINKS = Links("../index.html")


class Page(HTMLParser):
    """A page's text, without tags and with single spaces; it checks that elements are closed in order."""

    VOID = ("meta", "br")

    def __init__(self, html):
        super().__init__()
        self.open, self.text = [], ""
        self.feed(html)
        assert self.open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.text += " " if tag == "small" else ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        """An empty element of an SVG."""

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.text += " "

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def text(drift=None, quality=None, history=None):
    return Page(day_page(DAY, drift, quality, history or {}, LINKS)).text


@pytest.mark.parametrize("verdict", ["drift", "no drift", "not enough data"])
def test_the_headline_has_the_verdict_and_what_to_do(verdict):
    rows = 120 if verdict == "not enough data" else 4_000
    shown = text(drift_document(drifted=3 if verdict == "drift" else 0, rows=rows))

    top = shown[: shown.index("Rows judged")]
    expected = {
        "drift": "The data have drifted 3 of 20 columns of 4,000 scored rows differ from the training data: euribor3m,",
        "no drift": "No drift All 20 columns of 4,000 scored rows look like the training data. What to do Nothing.",
        "not enough data": "No verdict: not enough data 120 scored rows; a verdict needs at least 500.",
    }
    assert expected[verdict] in top
    assert ("Since 2026-11-21" in top) is (verdict == "drift")


TONES = [
    (drift_document(drifted=0), None, "quiet"),
    (drift_document(drifted=0), quality_document(), "quiet"),
    (drift_document(drifted=0), quality_document(verdict="not enough labels"), "quiet"),
    (drift_document(drifted=0), quality_document(verdict="worse"), "drift"),
    (drift_document(drifted=1), quality_document(), "drift"),
    (drift_document(drifted=0, alarms=[{"column": None, "kind": "volume", "message": "Few."}]), None, "idle"),
    (drift_document(rows=100), quality_document(), "idle"),
    (drift_document(rows=0), None, "idle"),
    (None, None, "idle"),
    (None, quality_document(), "idle"),
    ({"verdict": "else"}, quality_document(), "idle"),
    (drift_document(drifted=0, other_runs=[drift_document(drifted=1)]), None, "idle"),
    (drift_document(drifted=0, other_runs=[drift_document(drifted=0)]), None, "quiet"),
    (drift_document(drifted=0), quality_document(other_runs=[quality_document(verdict="worse")]), "idle"),
]


@pytest.mark.parametrize(("drift", "quality", "tone"), TONES)
def test_only_good_results_look_good(drift, quality, tone):
    html = day_page(DAY, drift, quality, {}, LINKS)

    assert re.findall(r'<header class="hero (\w+)"', html) == [tone]


@pytest.mark.parametrize(
    ("since", "said"),
    [("2026-11-23", "2026-11-23, the first day"), ("2026-11-21", "2026-11-21, on every day"), (None, None)],
)
def test_the_page_says_since_when_if_known(since, said):
    shown = text(drift_document(since=since))

    assert (said in shown) if said else ("Since" not in shown)


@pytest.mark.parametrize(("alerted", "said"), [(True, "Alert sent"), (False, "Alert not sent"), (None, None)])
def test_the_page_says_whether_an_alert_was_sent(alerted, said):
    shown = text(drift_document(alerted=alerted))

    assert (said in shown) if said else ("Alert sent" not in shown and "Alert not sent" not in shown)


def test_for_refused_files_only_no_alert_status_is_shown():
    refused = {"column": None, "kind": "refused files", "message": "1 file was refused."}
    shown = text(drift_document(drifted=0, alerted=False) | {"alarms": [refused]})

    assert "1 file was refused." in shown
    assert "Alert not sent" not in shown


def test_drifted_columns_come_worst_first_with_what_moved():
    html = day_page(DAY, drift_document(drifted=4), None, {}, LINKS)

    cards = re.findall(r'<h3><bdi>([^<]+)</bdi>.*?class="size">([\d.]+) ×', html)
    assert [name for name, _ in cards] == ["euribor3m", "column_01", "column_02", "column_03"]
    assert [float(size) for _, size in cards] == sorted((float(size) for _, size in cards), reverse=True)
    assert "rose: “6.7 to 7.4” 1.2% → 24%" in Page(html).text


def test_new_values_and_numbers_out_of_range_are_named_and_escaped():
    document = drift_document(drifted=2)
    first, second = document["columns"][:2]
    first |= {
        "unknown": [
            {"text": "<b>red\u202e", "rows": 1_660, "like": "Red"},
            *({"text": f"new {number}", "rows": 1, "like": ""} for number in range(30)),
        ],
        "unknown_undercount": 3,
    }
    second["range"] = {"reference": [17.0, 98.0], "current": [None, 1234567.0]}
    html = day_page(DAY, document, None, {}, LINKS)

    assert "<b>red" not in html
    shown = Page(html).text
    assert (
        "Never seen in training: “<b>red⟨U+202E⟩” (at least 1,660; training has “Red” ), “new 0” (at least 1)"
        in shown
    )
    assert "new 10" not in shown
    assert "Minimum 17 within range Maximum 98 1,234,570 Missing 0% 1.2%" in shown


@pytest.mark.parametrize(
    "odd", [{"range": 7, "unknown": "x"}, {"range": {"reference": ["a"], "current": {}}}]
)
def test_malformed_ranges_and_new_values_are_left_out(odd):
    document = drift_document(drifted=1)
    document["columns"][0] |= odd
    assert "Never seen" not in Page(day_page(DAY, document, None, {}, LINKS)).text


def test_sparklines_have_a_gap_for_every_day_without_a_verdict():
    days = {
        DAY - timedelta(days=back): summary_of(drift_document(DAY - timedelta(days=back)))
        for back in (1, 2, 4)
    }
    days[DAY - timedelta(days=3)] = summary_of(drift_document(DAY - timedelta(days=3), rows=10))
    days[DAY - timedelta(days=40)] = summary_of(drift_document(DAY - timedelta(days=40)))
    html = day_page(DAY, drift_document(columns=1), None, days, LINKS)

    paths = re.findall(r'H120"/><path d="([^"]+)"', html)
    assert len(paths) == 2
    assert all(path.count("M") == 2 and path.count("L") == 2 and path.count("h0") == 1 for path in paths)
    assert "on 4 of 30 days" in html


@pytest.mark.parametrize("rows", [None, 10])
def test_without_an_earlier_verdict_there_is_no_sparkline(rows):
    history = {DAY - timedelta(days=1): summary_of(drift_document(rows=rows))} if rows else {}
    html = day_page(DAY, drift_document(), None, history, LINKS)

    assert 'class="trend"' not in html
    assert "30 days" not in re.sub(r'<svg class="volume".*?</svg>', "", html)
    assert ('class="volume"' in html) is (rows is not None)


def test_the_volume_is_compared_with_the_days_before():
    days = {
        DAY - timedelta(days=back): summary_of(drift_document(DAY - timedelta(days=back), rows=back * 1_000))
        for back in (1, 2, 3)
    }

    assert "4,000 2 files 3 days before had 1,000 to 3,000 rows" in text(drift_document(), history=days)
    assert "no earlier day" in text(drift_document())


@pytest.mark.parametrize("alarms", [0, 1, 8, 9, 150])
def test_many_alarms_do_not_hide_the_columns(alarms):
    document = drift_document(
        alarms=[{"column": f"c{place}", "kind": "missing values", "message": "m"} for place in range(alarms)]
    )
    html = day_page(DAY, document, None, {}, LINKS)

    assert html.count("<li>") == alarms
    assert (f"{alarms - 8} more alarms" in html) is (alarms > 8)


def test_rejected_rows_and_refused_files_are_shown():
    shown = text(
        drift_document(refused_files={"MissingColumns": 2, "EmptyFile": 1}, extra_columns=["customer"])
    )

    assert "12 3 files refused: columns missing, empty" in shown
    assert "Columns of the input that the model does not use: customer." in shown


def test_quality_is_shown_with_intervals_and_the_gates_figures():
    html = day_page(DAY, drift_document(), quality_document(auc=0.774), {}, LINKS)
    shown = Page(html).text

    assert "good 3,000 of 4,000 rows have labels (75%)." in shown
    assert "AUC 0.774 0.754 to 0.794 0.781" in shown
    assert html.count('class="interval"') == 8
    assert "5.0% 7.0% 3.0% to 11% 1,800" in shown
    assert html.count("<circle cx=") >= 10
    assert "share that came true" in shown


def test_a_numeric_column_has_figures_and_a_density_plot():
    html = day_page(DAY, drift_document(drifted=3), None, {}, LINKS)

    assert "Mean 1.2 about 4.5 Median 0.6 about 4.1 Minimum -1 within range" in Page(html).text
    assert html.count('class="density"') == 10
    assert html.count("Deciles and frequent values") == 10


def test_a_document_without_bin_ends_has_bars():
    document = drift_document(drifted=3)
    for column in document["columns"]:
        column.pop("numbers", None)
        column["bins"] = [{**bin_, "from": None} for bin_ in column["bins"]]
    html = day_page(DAY, document, None, {}, LINKS)

    assert 'class="density"' not in html
    assert "Mean " not in Page(html).text
    assert "Value 0 to 23% training scored" in Page(html).text


def test_alarms_are_sorted_and_link_to_their_columns():
    document = drift_document(drifted=2)
    for column, share in zip(document["columns"], (0.012, 1.0), strict=False):
        column["new"] = column["out_of_range"] = share
    document["alarms"] = [
        {"column": "euribor3m", "kind": "out of range", "message": "Slightly."},
        {"column": "column_01", "kind": "new categories", "message": "All of them."},
        {"column": None, "kind": "volume", "message": "Few rows."},
    ]
    html = day_page(DAY, document, None, {}, LINKS)

    alarms = html[html.index("<h2>Alarms") : html.index("<h2>Columns at a glance")]
    assert re.findall(r"Few rows|All of them|Slightly", alarms) == ["Few rows", "All of them", "Slightly"]
    assert re.findall(r'href="#([^"]+)"', alarms) == ["column-1", "column-0"]


def test_every_column_has_an_anchor_and_quiet_ones_are_folded():
    document = drift_document(columns=150, drifted=2)
    document["columns"][7].update(verdict="not judged", reason="Its values hardly repeat.")
    html = day_page(DAY, document, None, {}, LINKS)
    glance = html[html.index("<h2>Columns at a glance") : html.index("<h2>What moved")]

    targets = re.findall(r'href="#([^"]+)"', glance)
    assert len(set(targets)) == 150
    assert all(html.count(f'id="{target}"') == 1 for target in targets)
    assert "147 without drift" in glance
    assert "The figures of all 150 columns" in html
    assert "The figures of all" not in day_page(DAY, drift_document(columns=30), None, {}, LINKS)
    assert "1 not judged" in glance
    assert glance.index("<details") > glance.index(targets[1])
    assert '<span class="tag n">not judged</span>' in html


def test_the_page_links_to_the_models_run_and_names_the_days_files():
    html = day_page(DAY, drift_document(), None, {}, Links("../index.html", root="../../"))

    assert html.count(f'href="../../models/{RUN}/report.html"') == 2
    assert f"predictions/date={DAY}/" in html
    assert "report.html" not in day_page(DAY, drift_document(run=None), None, {}, LINKS)


def test_empty_sections_take_one_line():
    html = day_page(DAY, drift_document(drifted=0), None, {}, LINKS)

    assert re.findall(r"<h2>([^<]+)", html) == ["Columns at a glance", "All columns", "How to read this"]
    assert "Quality of the predictions: unknown, since no row has a label yet." in Page(html).text


HALF = {"files_scored": 2, "files_labelled": 1, "coverage": 0.5, "rows_labelled": 2_000}


def test_labels_of_one_of_two_files_do_not_make_the_day_good():
    html = day_page(DAY, drift_document(), quality_document(**HALF), {}, LINKS)
    head, below = Page(html).text.split("What to do", 1)
    assert "2,000 of 4,000 rows have labels (50%, in 1 of 2 files). The quality of files" in head
    assert "The verdict covers only files with labels; the quality of the others is unknown." in below
    assert '<span class="tag n">good</span>' in html
    assert "predicts well where there are labels" in text(drift_document(drifted=0), quality_document(**HALF))


def test_labels_of_all_files_are_counted_and_keep_the_verdict():
    every = HALF | {"files_labelled": 2}
    html = day_page(DAY, drift_document(drifted=0), quality_document(**every), {}, LINKS)
    assert "have labels (50%, in 2 of 2 files)." in Page(html).text
    assert "nothing is known" not in html.lower()
    assert '<span class="tag g">good</span>' in html
    assert "predicts well where" not in html


def test_files_scored_after_the_labels_have_none():
    shown = text(drift_document(rows=6_000), quality_document(files_scored=2, files_labelled=2))
    assert "3,000 of 6,000 rows have labels (50%). The quality of files without labels is unknown." in shown


def test_the_threshold_is_shown_below_the_label_figures():
    shown = text(drift_document(), quality_document(threshold=0.23))
    assert "which is positive from a probability of 0.23." in shown
    assert "a probability of" not in text(drift_document(), quality_document(threshold=None))


def test_the_headline_has_worse_predictions_with_their_coverage():
    shown = text(drift_document(rows=6_000), quality_document(verdict="worse"))

    assert (
        "than the 0.050 allowed. 3,000 of 6,000 rows have labels (50%)."
        in shown[: shown.index("Rows judged")]
    )


def test_too_few_labels_give_no_quality_verdict():
    shown = text(drift_document(drifted=0), quality_document(verdict="not enough labels", coverage=0.01))

    assert "40 of 4,000 rows have labels, which is too few" in shown
    assert "predicts well" not in shown


MORE_ROWS_THAN_LABELLED_AT = [
    ({"rows": 6_000}, {}, "50% 3,000 of 6,000 rows"),
    ({"rows": 3_000}, {}, "75% 3,000 of 4,000 rows"),
    ({"rows": 0}, {}, "75% 3,000 of 4,000 rows"),
    ({"rows": None}, {}, "75% 3,000 of 4,000 rows"),
    ({"rows": 6_000}, {"rows_scored": None, "coverage": None}, "50% 3,000 of 6,000 rows"),
    ({"rows": 6_000}, {"rows_labelled": None}, "75% – of 6,000 rows"),
]


@pytest.mark.parametrize(("drift", "quality", "coverage"), MORE_ROWS_THAN_LABELLED_AT)
def test_coverage_includes_rows_scored_after_the_labels(drift, quality, coverage):
    shown = text({**drift_document(), **drift}, {**quality_document(), **quality})

    assert f"Rows with a label {coverage}" in shown


def test_coverage_is_the_same_in_headline_tile_and_section():
    html = day_page(DAY, drift_document(drifted=0, rows=6_000), quality_document(), {}, LINKS)
    shown = Page(html).text

    assert "3,000 of 6,000 rows have labels (50%)." in shown[: shown.index("Rows judged")]
    assert "good 3,000 of 6,000 rows have labels (50%)." in shown
    assert "width:50.0%" in html
    assert "(75%)" not in shown


def test_another_runs_rows_have_their_own_coverage():
    other = drift_document(run=EARLIER_RUN, rows=8_000, drifted=0)
    quality = quality_document(other_runs=[quality_document(run=EARLIER_RUN)])
    shown = text(drift_document(other_runs=[other]), quality)

    assert "3,000 of 4,000 rows have labels (75%)." in shown
    assert "3,000 of 8,000 rows have labels (38%)." in shown


@pytest.mark.parametrize("verdict", ["good", "worse", "not enough labels"])
def test_quality_of_an_earlier_model_is_labelled_as_such(verdict):
    earlier = drift_document(run=EARLIER_RUN, rows=4_000, drifted=0)
    judged = drift_document(drifted=0, rows=2_000, other_runs=[earlier])
    html = day_page(DAY, judged, quality_document(verdict=verdict, run=EARLIER_RUN), {}, LINKS)
    shown = Page(html).text

    top = shown[: shown.index("Rows judged")]
    assert "No drift, and the model predicts well" not in top
    assert "The model predicts worse" not in top
    assert f"The newer model, run {RUN}, has no labels yet." in top
    assert f"Quality of the earlier model, run {EARLIER_RUN}:" in top
    assert "Rows with a label, earlier model" in shown
    assert ("AUC, earlier model 0.774" in shown) is (verdict != "not enough labels")
    assert f"These are the figures of the earlier model, run {EARLIER_RUN}" in shown
    assert ('<header class="hero quiet"' in html) is (verdict != "worse")


def test_drift_and_an_earlier_models_worse_quality_are_separate():
    earlier = drift_document(run=EARLIER_RUN, drifted=0)
    shown = text(drift_document(other_runs=[earlier]), quality_document(verdict="worse", run=EARLIER_RUN))

    top = shown[: shown.index("Rows judged")]
    assert "The data have drifted 3 of 20" in top
    assert f"Run {EARLIER_RUN} predicted worse than its gate allows." in top


def test_the_judged_model_comes_first_even_if_a_later_one_has_labels():
    quality = quality_document(run="20261123-091500-0001", auc=0.7, other_runs=[quality_document(auc=0.774)])
    shown = text(drift_document(drifted=0), quality)

    assert "AUC 0.774" in shown[: shown.index("Rows judged")]
    assert "earlier model" not in shown
    assert "The rows of 20261123-091500-0001" in shown


def test_a_later_model_is_not_called_an_earlier_one():
    shown = text(drift_document(drifted=0), quality_document(run="20261123-091500-0001"))

    assert (
        f"The earlier model, run {RUN}, has no labels yet. Quality of the later model, run 20261123" in shown
    )


def test_other_runs_have_their_own_section():
    other = drift_document(run=EARLIER_RUN, rows=900, drifted=2)
    quality = quality_document(other_runs=[quality_document(verdict="worse", auc=0.6, run=EARLIER_RUN)])
    shown = text(drift_document(drifted=0, other_runs=[other]), quality)

    assert f"In the 900 rows that run {EARLIER_RUN} scored, 2 columns drifted, with 1 alarm." in shown
    assert f"Run {EARLIER_RUN} predicted worse than its gate allows." in shown
    assert "drift 900 rows, 2 of 20 columns drifted." in shown
    assert f"The rows of {EARLIER_RUN}" in shown


def test_dominos_and_autowatchs_results_are_shown_together():
    shown = text(drift_document(drifted=2, domino=domino_document("euribor3m", "column_07")))

    part = shown[shown.index("Domino's opinion") : shown.index("All columns")]
    assert "Checked 2026-11-23T12:00:00Z, on 4,000 predictions: 2 columns drifted." in part
    assert "euribor3m drift drift column_01 drift no drift column_07 no drift drift" in part


def test_the_newest_of_several_checks_is_shown():
    domino = domino_document("column_01")
    older = {"checked": "2026-11-22T12:00:00Z", "drifted_columns": ["column_09"], "predictions": 1}
    domino["checks"].insert(0, older)
    shown = text(drift_document(drifted=0, domino=domino))

    assert "column_01 no drift drift" in shown
    assert "column_09 no drift drift" not in shown


@pytest.mark.parametrize(
    ("domino", "said"),
    [
        (None, "Domino Model Monitor: not configured, or no results yet."),
        ({**domino_document(), "checks": []}, "Domino has checked nothing yet."),
        (domino_document(), "No column drifts according to Autowatch or Domino."),
        (domino_document() | {"ingestion_status": "training"}, "ingestion status: “training”"),
        (domino_document(run=EARLIER_RUN), f"Domino's results are about run {EARLIER_RUN}"),
    ],
)
def test_missing_results_from_domino_are_named(domino, said):
    assert said in text(drift_document(drifted=0, domino=domino))


def test_drifted_columns_are_sorted_by_the_models_use():
    document = drift_document(columns=8)
    for column, use in zip(document["columns"], (0.05, 0.3, 0.1, 0.5, 0.05, 0, 0), strict=False):
        column["use"] = use
    shown = text(document)
    first, second, third = document["drifted_columns"]
    assert f"What moved is 45% of what the model uses: {second} 30%, {third} 10%, {first} 5.0%." in shown
    cards = shown[shown.index("What moved, what the model uses most first") :]
    assert cards.index(second) < cards.index(third) < cards.index(first)
    assert "30% of what the model uses" in cards
    assert "Model's use" in cards


def test_without_known_use_it_is_not_mentioned():
    shown = text(drift_document())
    assert "What moved, worst first" in shown
    assert "the model uses" not in shown
    assert "Model's use" not in shown


def test_importance_is_shown_if_it_differs_between_columns():
    document = drift_document()
    document["columns"][0]["importance"] = 3.0
    document["columns"][5]["importance"] = 0

    shown = text(document)

    assert shown.count("euribor3m (importance 3)") == 2
    assert "column_05 (importance 0)" in shown
    assert shown.count("(importance") == 4


def without_importance(*names, **changes):
    """A `drift.json` in which these columns drift but do not count."""
    document = drift_document(**changes)
    for column in document["columns"]:
        if column["name"] in names:
            column.update(importance=0.0, verdict="drift", js=0.9)
    document["drifted_columns"] = [name for name in document["drifted_columns"] if name not in names]
    return document


def test_a_day_on_which_no_column_counts_is_no_calm_day():
    document = drift_document(drifted=0) | {"verdict": "not enough data"}
    for column in document["columns"]:
        column["importance"] = 0

    shown = text(document)

    assert "No drift verdict: no column counts 4,000 scored rows, but no column counts" in shown
    assert (
        "each has importance 0 or a distance of 1 in monitoring/settings.yaml, or cannot be judged" in shown
    )
    assert "What to do Give the columns that matter an importance above 0" in shown
    assert "20 columns without drift" in shown
    assert "too few rows" not in shown


def test_columns_of_importance_0_are_shown_and_not_counted():
    alarm = {"column": "column_05", "kind": "new categories", "message": "Many."}
    document = without_importance("euribor3m", "column_05", drifted=1, alarms=[alarm]) | {
        "verdict": "no drift"
    }
    html = day_page(DAY, document, None, {DAY - timedelta(days=1): summary_of(document)}, LINKS)
    shown = Page(html).text

    top = shown[: shown.index("Rows judged")]
    assert "No drift All 18 columns of 4,000 scored rows look like the training data." in top
    assert "2 columns of importance 0 are not counted. What to do Nothing." in top
    assert "Columns drifted 0 of 18" in shown
    assert "Alarms 0 none" in shown
    assert "What moved, worst first" not in shown
    assert "column_05 (importance 0) new categories Many." in shown
    assert "2 columns with importance 0 drifted, which are not counted" in shown
    assert html.count('<span class="tag d">') == 0
    assert html.count('<span class="tag n">drift</span>') == 2
    assert 'class="over"' not in html


def test_columns_of_importance_0_come_last():
    html = day_page(DAY, without_importance("column_05", drifted=2), None, {}, LINKS)

    assert "2 of 19 columns of 4,000 scored rows differ from the training data: euribor3m, column_01." in html
    table = html[html.index("<h2>All columns") :]
    assert re.findall(r'<th scope="row"><a href="#[^"]+"><bdi>([^<]+)', table)[:3] == [
        "euribor3m",
        "column_01",
        "column_05",
    ]


def test_columns_of_importance_0_never_count_as_drifted():
    document = without_importance("euribor3m", drifted=2) | {"drifted_columns": ["euribor3m", "column_01"]}

    assert "1 of 19 columns of 4,000 scored rows differs from the training data: column_01." in text(document)
    assert summary_of(document).drifted_columns == ["column_01"]


def test_other_models_columns_of_importance_0_are_ignored():
    alarm = {"column": "euribor3m", "kind": "new categories", "message": "Many."}
    other = without_importance("euribor3m", drifted=1, run=EARLIER_RUN, alarms=[alarm]) | {
        "verdict": "no drift"
    }
    html = day_page(DAY, drift_document(drifted=0, other_runs=[other]), None, {}, LINKS)

    assert '<header class="hero quiet"' in html
    assert "0 of 19 columns drifted." in Page(html).text


def test_domino_may_report_drift_in_a_column_that_does_not_count():
    document = without_importance("column_05", drifted=0, domino=domino_document("column_05"))

    assert "column_05 drift (importance 0) drift" in text(document)


@pytest.mark.parametrize(
    ("columns", "importance", "said"),
    [
        (1, 1.0, "The only column of 4,000 scored rows looks like the training data."),
        (1, 0.0, "4,000 scored rows, but no column counts. 1 column of importance 0 is not counted."),
        (0, 1.0, "4,000 scored rows, but no column counts."),
    ],
)
def test_sentences_about_one_column_or_none_are_grammatical(columns, importance, said):
    document = drift_document(columns=columns, drifted=0)
    for column in document["columns"]:
        column["importance"] = importance

    assert said in text(document)


@pytest.mark.parametrize(
    ("columns", "unjudged", "said"),
    [
        (
            20,
            1,
            "19 of 20 columns of 4,000 scored rows look like the training data; 1 column has too few rows",
        ),
        (
            3,
            2,
            "1 of 3 columns of 4,000 scored rows looks like the training data; 2 columns have too few rows",
        ),
    ],
)
def test_columns_without_a_verdict_are_not_called_similar(columns, unjudged, said):
    document = drift_document(columns=columns, drifted=0)
    for column in document["columns"][:unjudged]:
        column["verdict"] = "not enough data"
    shown = text(document)

    assert f"{said} for a verdict." in shown
    columns = "column" if unjudged == 1 else "columns"
    assert f"{unjudged} {columns} with too few rows for a verdict" in shown


@pytest.mark.parametrize("subject", ["range", "file"])
def test_a_window_that_drifts_too_little_is_not_called_a_day(subject):
    document = {**drift_document(drifted=1), "verdict": "no drift", "alarms": []}
    window = FILE if subject == "file" else RANGE

    assert f"too low to call the {subject} drifted." in Page(window_page({**document, **window}, LINKS)).text


def test_drift_of_little_importance_is_shown_and_explained():
    document = {**drift_document(drifted=1), "verdict": "no drift", "alarms": []}

    assert "Their importance is too low to call the day drifted." in text(document)
    assert "What moved, worst first" in text(document)


@pytest.mark.parametrize("columns", [0, 1, 20, 50])
@pytest.mark.parametrize("bins", [1, 40])
def test_any_number_of_columns_and_bins_can_be_shown(columns, bins):
    shown = text(drift_document(columns=columns, bins=bins))

    assert ("The report has no columns." in shown) is (columns == 0)
    assert ("16 more values are not shown." in shown) is (bins == 40 and columns > 0)


def test_with_very_many_columns_the_worst_are_shown_and_all_counted():
    document = drift_document(columns=602, drifted=0) | {
        "verdict": "drift",
        "drifted_columns": ["column_600"],
    }
    document["columns"][600].update(verdict="drift", js=0.9)
    document["columns"][601].update(verdict="drift", js=0.9, importance=0)
    shown = text(document)

    assert "1 of 601 columns of 4,000 scored rows differs from the training data: column_600." in shown
    assert "1 column of importance 0 is not counted." in shown
    assert "Columns drifted 1 of 601" in shown
    assert shown.index("What moved, worst first") < shown.index("column_600", shown.index("What moved"))
    assert "The 500 worst are shown; drift.json has all 602." in shown


def test_a_day_without_rows_says_so_and_shows_no_empty_tables():
    html = day_page(DAY, drift_document(rows=0, files=0), None, {}, LINKS)
    shown = Page(html).text

    assert '<header class="hero idle"' in html
    assert "Nothing was scored There are no rows to judge." in shown
    assert "Nothing, unless rows were expected: then check inference/ and rejected/" in shown
    assert "Columns drifted – no verdict" in shown
    assert "<table" not in html
    assert "Quality" not in shown


def test_a_day_without_rows_may_have_alarms_and_quality():
    volume = {"column": None, "kind": "volume", "message": "0 rows."}
    shown = text(drift_document(rows=0) | {"alarms": [volume]}, quality_document())

    assert "Nothing was scored, and 1 alarm" in shown
    assert "Quality of the predictions good 3,000 of 4,000 rows" in shown


@pytest.mark.parametrize(
    ("kinds", "to_do"),
    [
        (["volume"], "Check the source of the data"),
        (["settings"], "Correct monitoring/settings.yaml as the alarm says"),
        (["volume", "baseline"], "Restore the baseline as the alarm says"),
    ],
)
def test_alarms_come_with_remedies(kinds, to_do):
    alarms = [{"column": None, "kind": kind, "message": "m"} for kind in kinds]

    assert f"What to do {to_do}" in text(drift_document(drifted=0, alarms=alarms))


def test_without_a_judgement_there_is_no_explanation():
    assert "How to read this" not in text(None, quality_document())


RANGE = {"from": "2026-11-01", "to": "2026-11-07", "since": None}
FILE = {"key": "inference/late.csv", "since": None}


@pytest.mark.parametrize(
    ("window", "title"),
    [(RANGE, "Scored data from 2026-11-01 to 2026-11-07"), (FILE, "The file inference/late.csv")],
)
def test_a_window_has_no_history_no_quality_and_no_retraining(window, title):
    shown = Page(window_page({**drift_document(), **window}, LINKS)).text

    assert title in shown
    assert "Last 30 days" not in shown
    assert "Quality" not in shown
    assert "Domino" not in shown
    assert "RetrainOnDrift" not in shown


def test_the_rows_of_a_file_may_never_have_been_scored():
    shown = Page(window_page({**drift_document(), **FILE}, LINKS)).text
    shown = shown[: shown.index("How to read this")]

    assert "3 of 20 columns of 4,000 rows differ from the training data" in shown
    assert "Rows left out 12 scoring would reject them" in shown
    assert "training data this file" in shown
    assert "training file" in shown
    assert "scored" not in shown


@pytest.mark.parametrize(
    ("window", "to_do"), [(RANGE, "Judge a longer range."), (FILE, "Judge a file with more rows.")]
)
def test_a_window_with_too_few_rows_says_how_many_are_needed(window, to_do):
    assert to_do in Page(window_page({**drift_document(rows=100), **window}, LINKS)).text


@pytest.mark.parametrize(
    ("others", "said"),
    [
        ([], "Rows judged 4,000 2 files no earlier day"),
        ([(2_500, 3)], "Rows judged 6,500 5 files; 2,500 rows scored by another model no earlier day"),
        ([(0, 0)], "Rows judged 4,000 2 files no earlier day"),
    ],
)
def test_the_rows_of_the_day_are_those_of_all_models(others, said):
    runs = [drift_document(run=EARLIER_RUN, rows=rows, files=files) for rows, files in others]

    assert said in text(drift_document(other_runs=runs))


def _places(value, path=()):
    yield path
    if isinstance(value, dict | list):
        for name in value if isinstance(value, dict) else range(len(value)):
            yield from _places(value[name], (*path, name))


def _replaced(document, path, value):
    if not path:
        return value
    changed = copy.deepcopy(document)
    at = changed
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    return changed


SMALL_DRIFT = drift_document(
    columns=2,
    bins=2,
    drifted=1,
    domino=domino_document("a"),
    other_runs=[drift_document(columns=1, bins=1, drifted=1)],
    refused_files={"EmptyFile": 1},
)
SMALL_QUALITY = quality_document(other_runs=[quality_document()])
ODD = st.sampled_from(
    [
        None,
        True,
        -1,
        0,
        1e300,
        float("nan"),
        float("inf"),
        10**400,
        "",
        "text",
        "\ud800",
        [],
        [None],
        [[]],
        {},
        {"a": {}},
    ]
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(list(_places(SMALL_DRIFT))), st.sampled_from(list(_places(SMALL_QUALITY))), ODD, ODD)
def test_any_document_yields_a_page(in_drift, in_quality, odd, other):
    drift, quality = _replaced(SMALL_DRIFT, in_drift, odd), _replaced(SMALL_QUALITY, in_quality, other)

    html = day_page(DAY, drift, quality, {}, LINKS)

    assert Page(html.encode().decode()).text
    assert "nan" not in re.sub(r"<style>.*?</style>", "", html, flags=re.S).lower()


JUDGED = {
    rows.problem_type: json.loads(json.dumps(quality_document() | judged_quality(rows)))
    for rows in (class_rows(40), number_rows(40))
}
PLACES_OF_JUDGED = [
    (name, path)
    for name, document in JUDGED.items()
    for path in _places(document)
    if path[:1] in (("classes",), ("numbers",))
]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PLACES_OF_JUDGED), ODD)
def test_any_figures_of_labels_and_numbers_yield_a_page(place, odd):
    name, path = place
    html = day_page(DAY, None, _replaced(JUDGED[name], path, odd), {}, LINKS)

    assert Page(html.encode().decode()).text
    assert not re.search(r"\b(nan|inf)\b", re.sub(r"<style>.*?</style>", "", html, flags=re.S).lower())


def test_a_document_as_json_says_the_same():
    assert text(json.loads(json.dumps(SMALL_DRIFT))) == text(SMALL_DRIFT)
