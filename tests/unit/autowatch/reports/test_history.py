import re
from datetime import timedelta
from html import unescape

import pytest

from autowatch.reports.documents.quality import quality_view
from autowatch.reports.documents.summary import DayRecord, summary_of
from autowatch.reports.models import RunDocuments
from autowatch.reports.pages import history_page
from tests.support.report_documents import DAY, EARLIER_RUN, RUN, drift_document, quality_document, story
from tests.unit.autowatch.reports.test_day import Page

HOSTILE = "<script>alert(1)</script>"


def record(drift=None, quality=None, unreadable=()):
    return DayRecord(
        summary_of(drift) if drift else None, quality_view(quality) if quality else None, unreadable
    )


def back(days):
    return DAY - timedelta(days=days)


def tone(html):
    return re.findall(r'<header class="hero (\w+)"', html)[0]


def test_days_are_sorted_newest_first_and_linked():
    html = history_page({day: record(*documents) for day, documents in story().items()})

    days = re.findall(r'<th scope="row"><a href="date=([\d-]+)/index.html"', html)
    assert days == sorted(days, reverse=True)
    assert len(days) == 77
    assert "<script" not in html
    assert len(html.encode()) < 200_000


def test_a_day_has_its_figures():
    drift = drift_document(drifted=5, rows=3_210)
    shown = Page(history_page({DAY: record(drift, quality_document(auc=0.774))})).text

    assert (
        "2026-11-23 drift euribor3m, column_01, column_02 and 2 more 1 3,210 good 0.774 gate 0.781 75%"
        in shown
    )


def test_columns_of_importance_0_are_never_counted():
    alarm = {"column": "euribor3m", "kind": "new categories", "message": "Many."}
    drift = drift_document(drifted=1, alarms=[alarm])
    drift["columns"][0]["importance"] = 0
    drift.update(verdict="no drift", drifted_columns=[])
    html = history_page({DAY: record(drift)})

    assert tone(html) == "quiet"
    assert "no drift, 0 of 19 columns drifted in 4,000 rows." in html
    assert "2026-11-23 no drift – 0 4,000" in Page(html).text


def test_the_rows_of_a_day_are_those_of_all_models():
    html = history_page(
        {DAY: record(drift_document(other_runs=[drift_document(run=EARLIER_RUN, rows=2_500)]))}
    )

    assert "<title>2026-11-23: 6,500 rows</title>" in html
    assert "The newest day is 2026-11-23: drift, 3 of 20 columns drifted in 4,000 rows" in html


@pytest.mark.parametrize("gap", [1, 2, 30, 400])
def test_days_without_a_report_share_one_row(gap):
    html = history_page({DAY: record(drift_document()), back(gap + 1): record(drift_document(back(gap + 1)))})
    shown = Page(html).text

    assert html.count('class="gap"') == 1
    said = f"no report for {gap} days, back to {back(gap).isoformat()}" if gap > 1 else "2026-11-22 no report"
    assert said in shown


def test_bars_have_the_colour_of_the_verdict_and_name_the_day():
    html = history_page(
        {
            DAY: record(drift_document(drifted=2)),
            back(1): record(drift_document(back(1), drifted=0)),
            back(3): record(drift_document(back(3), rows=30)),
        }
    )

    bars = re.findall(r'<rect class="(\w+)"[^>]*><title>([^<]+)</title>', html)
    assert bars == [
        ("idle", "2026-11-20: 30 rows"),
        ("quiet", "2026-11-22: 4,000 rows"),
        ("drift", "2026-11-23: 4,000 rows"),
        ("drift", "2026-11-23: 2 drifted columns"),
    ]


def test_without_a_day_the_page_says_what_to_do():
    html = history_page({})

    assert tone(html) == "idle"
    assert "Score a file, and wait for the daily run or invoke it." in html
    assert "<table" not in html
    assert "<svg" not in html


@pytest.mark.parametrize(
    ("days", "expected", "title"),
    [
        ({0: record(drift_document(drifted=0))}, "quiet", "No drift"),
        ({0: record(drift_document())}, "drift", "The data have drifted"),
        ({0: record(drift_document(rows=9))}, "idle", "No verdict on the newest day: not enough data"),
        (
            {0: record(drift_document(rows=9)), 1: record(drift_document(back(1), drifted=0))},
            "idle",
            "No verdict on the newest day: not enough data",
        ),
        (
            {0: record(drift_document(rows=9)), 1: record(drift_document(back(1)))},
            "drift",
            "The data have drifted",
        ),
        (
            {0: record(drift_document(drifted=0)), 1: record(drift_document(back(1)))},
            "quiet",
            "No drift",
        ),
        (
            {0: record(drift_document(rows=9)), 1: record(drift_document(back(1), run=EARLIER_RUN))},
            "idle",
            "No verdict on the newest day: not enough data",
        ),
        (
            {
                0: record(drift_document(rows=9)),
                1: record(drift_document(back(1), run=EARLIER_RUN)),
                2: record(drift_document(back(2))),
            },
            "drift",
            "The data have drifted",
        ),
        (
            {
                0: record(
                    drift_document(drifted=0, alarms=[{"column": None, "kind": "volume", "message": ""}])
                )
            },
            "idle",
            "No drift, but 1 alarm",
        ),
        (
            {0: record(drift_document(drifted=0, other_runs=[drift_document()]))},
            "idle",
            "No drift, but another model's rows need attention",
        ),
        (
            {0: record(drift_document(drifted=0)), 5: record(None, quality_document(verdict="worse"))},
            "drift",
            "The model predicts worse",
        ),
        (
            {
                0: record(drift_document(drifted=0), quality_document(verdict="not enough labels")),
                3: record(None, quality_document()),
                5: record(None, quality_document(verdict="worse")),
            },
            "quiet",
            "No drift",
        ),
        (
            {0: record(drift_document(), quality_document(verdict="worse"))},
            "drift",
            "The data have drifted, and the model predicts worse",
        ),
        ({0: record(None, quality_document())}, "idle", "No day has been judged yet"),
        ({0: record(unreadable=["drift.json"])}, "idle", "No day has been judged yet"),
    ],
)
def test_the_headline_has_the_newest_verdict(days, expected, title):
    html = history_page({back(days_back): found for days_back, found in days.items()})

    assert tone(html) == expected
    assert f"<h1>{title}</h1>" in unescape(html)


def test_coverage_includes_all_rows_of_the_run():
    other = drift_document(run=EARLIER_RUN, rows=9_000)
    shown = Page(history_page({DAY: record(drift_document(rows=6_000), quality_document())})).text
    of_earlier = Page(
        history_page({DAY: record(drift_document(other_runs=[other]), quality_document(run=EARLIER_RUN))})
    ).text

    assert "0.774 gate 0.781 50%" in shown
    assert "good earlier model 0.774 gate 0.781 33%" in of_earlier


@pytest.mark.parametrize("days_later", [0, 3])
def test_an_earlier_models_worse_quality_is_not_the_current_models(days_later):
    worse = quality_document(verdict="worse", run=EARLIER_RUN)
    days = {back(days_later): record(drift_document(back(days_later), drifted=0, run=EARLIER_RUN), worse)}
    html = history_page({**days, DAY: record(drift_document(drifted=0), worse if not days_later else None)})

    assert tone(html) == "idle"
    assert "<h1>No drift, but the earlier model predicted worse</h1>" in html
    assert f"was predicted worse than at the gate by the earlier model, run {EARLIER_RUN}." in unescape(html)


def test_another_models_drift_is_in_the_headline():
    html = history_page(
        {DAY: record(drift_document(drifted=0, other_runs=[drift_document(run=EARLIER_RUN)]))}
    )

    assert "Rows that another model scored on that day drifted" in html


def test_a_newest_day_without_rows_is_named_as_such():
    html = history_page({DAY: record(drift_document(rows=0))})

    assert "<h1>No verdict on the newest day: nothing was scored</h1>" in html
    assert "The newest day is 2026-11-23: nothing was scored." in html


def test_a_day_on_which_no_column_counts_is_no_calm_day():
    drift = drift_document(drifted=0) | {"verdict": "not enough data"}
    for column in drift["columns"]:
        column["importance"] = 0
    html = history_page({DAY: record(drift)})

    assert tone(html) == "idle"
    shown = Page(html).text
    assert "No verdict on the newest day: no column counts" in shown
    assert "4,000 rows, no column counts under monitoring/settings.yaml, so there is no verdict." in shown


@pytest.mark.parametrize(("rows", "why"), [(0, "nothing was scored"), (9, "not enough data")])
def test_alarms_of_a_newest_day_without_a_verdict_are_in_the_headline(rows, why):
    alarms = [{"column": None, "kind": "volume", "message": "Few."}]
    html = history_page(
        {
            DAY: record(drift_document(rows=rows, alarms=alarms)),
            back(1): record(drift_document(back(1), drifted=0)),
        }
    )

    assert f"<h1>No verdict on the newest day: {why}, and 1 alarm</h1>" in html
    assert f"Open {DAY.isoformat()} below." in html
    assert re.search(r"The newest day is 2026-11-23: .*, 1 alarm\.", html)
    assert "Nothing to decide on." not in html


def test_a_verdict_on_another_models_rows_is_labelled_as_such():
    days = {DAY: record(drift_document(rows=9)), back(1): record(drift_document(back(1), run=EARLIER_RUN))}

    assert "The last verdict is from 2026-11-22, on another model's rows: drift, 3 of 20" in unescape(
        history_page(days)
    )


def test_a_worse_model_is_reported_even_without_judged_days():
    html = history_page({DAY: record(None, quality_document(verdict="worse"))})

    assert tone(html) == "drift"
    assert "<h1>The model predicts worse; drift was not judged</h1>" in html


def test_documents_in_an_unknown_form_are_named():
    html = history_page(
        {DAY: record(drift_document()), back(1): record(unreadable=["drift.json", "quality.json"])}
    )

    assert "drift.json of 2026-11-22, quality.json of 2026-11-22" in html


def test_the_auc_is_drawn_with_its_interval():
    days = {
        back(days_back): record(None, quality_document(auc=0.7 + days_back / 100)) for days_back in range(3)
    }

    html = history_page(days)

    assert "AUC by day with its interval, between 0.680 and 0.781" in html
    assert html.count('class="area"') == 1


@pytest.mark.parametrize(("days", "title"), [(1, "2026-11-23"), (2, "From 2026-11-22 to 2026-11-23")])
def test_a_single_day_is_a_dot_without_a_range(days, title):
    html = history_page(
        {back(before): record(drift_document(back(before)), quality_document()) for before in range(days)}
    )

    assert f"<h2>{title}</h2>" in html
    assert bool(re.search(r'class="line dot" d="M[\d. ]+h0"', html)) is (days == 1)
    assert bool(re.search(r'class="whisker" d="M[\d. ]+L[\d. ]+"', html)) is (days == 1)


@pytest.mark.parametrize(("days", "few"), [(15, True), (16, False)])
def test_pictures_of_few_days_share_a_row(days, few):
    html = history_page({DAY: record(drift_document()), back(days - 1): record(drift_document())})

    assert ('<div class="strips few">' in html) is few


def test_without_rows_there_is_no_picture_of_rows():
    html = history_page({DAY: record(None, quality_document())})

    assert "Rows by day" not in html
    assert "AUC by day" in html
    assert "Wait for the daily run or invoke it." in html


def test_run_names_are_escaped():
    drift = drift_document(drifted_columns=[HOSTILE, "\u202e" + "x" * 10_000], run=HOSTILE)
    html = history_page({DAY: record(drift)})

    assert "<script" not in html
    assert "\u202e" not in html
    assert "&lt;script&gt;" in html
    assert len(html) < 30_000


def test_charts_have_dates_and_the_gates_line():
    days = {back(place): record(drift_document(back(place)), quality_document()) for place in range(30)}
    html = history_page(days)

    ticks = re.findall(r'<span style="left:([\d.]+)%">([^<]+)</span>', html[: html.index("Columns by day")])
    assert [text for _, text in ticks[:6]] == ["23 Nov", "18 Nov", "13 Nov", "8 Nov", "3 Nov", "29 Oct"]
    places = [float(place) for place, _ in ticks[:6]]
    assert places == sorted(places, reverse=True)
    assert html.count('class="gate"') == 1
    assert "dashed: at the gate" in html


def test_another_models_first_day_is_marked_in_charts_and_table():
    days = {
        back(place): record(drift_document(back(place), run=RUN if place < 3 else EARLIER_RUN))
        for place in range(6)
    }
    html = history_page(days)

    assert html.count(f"<title>first day of run {RUN}</title>") == 2
    assert Page(html).text.count("2026-11-21 another model") == 1
    assert "first day of another model" in html
    assert "another model" not in history_page({DAY: record(drift_document())})


def test_the_heat_map_is_sorted_and_red_at_or_above_the_threshold():
    days = {
        DAY: record(drift_document(drifted=2)),
        back(1): record(drift_document(back(1), drifted=0)),
        back(2): record(drift_document(back(2), rows=10)),
    }
    html = history_page(days)
    heat = html[html.index("<h2>Columns by day") : html.index("<h2>Day by day")]

    assert re.findall(r'<th scope="row"><bdi>([^<]+)', heat)[:2] == ["euribor3m", "column_01"]
    assert re.findall(r"<title>([^<]+)", heat) == [
        "euribor3m on 2026-11-23: 5.6 × threshold",
        "column_01 on 2026-11-23: 3.5 × threshold",
    ]
    assert heat.count('href="date=2026-11-23/index.html" tabindex="-1"') == 2
    # Each of the 20 columns has one quiet day, the drifted ones beside their red one.
    assert [path.count("M") for path in re.findall(r'<path d="([^"]*)"', heat)] == [1, 1, *[2] * 18]
    assert "Columns by day" not in history_page({back(2): days[back(2)]})


def test_with_many_columns_the_worst_are_shown_and_the_others_counted():
    html = history_page({DAY: record(drift_document(columns=50))})

    assert "30 columns with smaller distances are not shown." in html


def test_every_run_is_listed_with_the_model_in_force_and_its_measure_since():
    days = {
        DAY: record(None, quality_document(auc=0.7, coverage=0.25)),
        back(1): record(None, quality_document(auc=0.8, coverage=0.75)),
        back(2): record(None, quality_document(auc=0.6, run=EARLIER_RUN)),
    }
    ended = {"status": "released", "trigger": "manual", "finished": "2026-11-01T07:31:12Z"}
    runs = [
        RunDocuments(EARLIER_RUN, ended, {"metrics": {"auc": 0.75}}),
        RunDocuments(RUN, ended, {"metrics": {"auc": 0.781}}),
        RunDocuments("20261201-000000-0000", {"status": "running", "trigger": "drift"}, None),
        RunDocuments("20261202-000000-0000", "not JSON", ["odd"]),
    ]
    html = history_page(days, (), runs, RUN)
    shown = Page(html).text.partition("Models Run")[2].partition("Day by day")[0]

    assert f"{RUN} in force released, by hand 2026-11-01 AUC 0.781 0.775 2 days" in shown
    assert f"{EARLIER_RUN} released, by hand 2026-11-01 AUC 0.750 0.600 1 day" in shown
    assert "20261201-000000-0000 running, by drift – – – – –" in shown
    assert shown.index("20261202") < shown.index("20261201") < shown.index(RUN)
    assert f'href="../models/{RUN}/report.html"' in html
    assert "models/20261201" not in html


def test_the_history_shows_the_error_of_regression():
    quality = {
        "decided_by": "rmse",
        "problem_type": "regression",
        "metrics": {"rmse": {"value": 1234.5, "lower": 1200.0, "upper": 1300.0}},
        "gate": {"rmse": 1100.0},
    }
    html = history_page({DAY: record(None, quality_document() | quality)})

    assert "RMSE by day with its interval, between 1,100 and 1,300" in html
    assert "1,234 gate 1,100" in Page(html).text
