import json
import re
from collections import Counter
from dataclasses import asdict, replace
from html.parser import HTMLParser

import boto3
import numpy as np
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.evaluation.figures import Confusion, Costs
from autowatch.evaluation.intervals import share_estimate
from autowatch.evaluation.threshold import trade_off_curve
from autowatch.records.decision import Check
from autowatch.records.importance import ColumnImportance, ModelImportance
from autowatch.records.threshold import DecisionThreshold
from autowatch.reports.pages import run_page
from autowatch.reports.publish import write_run_report
from autowatch.reports.run.data import data_view
from autowatch.reports.run.gate import gate_view
from autowatch.reports.run.view import duration
from autowatch.reports.text import percent, visible
from tests.support.run_documents import (
    ENDED as RUN,
)
from tests.support.run_documents import (
    class_rows,
    data,
    gate,
    judged,
    judged_decision,
    leaderboard,
    number_rows,
)

BUCKET = "bank"
HOSTILE = "<script>alert('x')</script>&\"'\u202e"


class Page(HTMLParser):
    """Parses a page: its elements, and its text with single spaces."""

    VOID = ("meta", "link", "br", "img")

    def __init__(self, html):
        super().__init__()
        self.tags = Counter()
        self.attributes = []
        self.open = []
        self.text = ""
        self.feed(html)
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs
        self.text += " " if tag == "small" else ""
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        self.text += " " if tag in ("th", "td", "dt", "dd", "p", "li") else ""

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data


def full():
    return run_page(
        RUN, json.loads(json.dumps({"gate": gate(), "leaderboard": leaderboard("A", "B"), "data": data()}))
    )


def test_the_outcome_comes_first_followed_by_every_section():
    page = Page(full())
    assert page.open == []
    assert page.tags["h1"] == 1
    order = [
        "Released",
        "AUC 0.8000 is not below the floor.",
        "16 min 12 s",
        "The gate",
        "candidates",
        "The data",
    ]
    places = [page.text.index(text) for text in order]
    assert places == sorted(places)


def test_both_models_are_drawn_within_the_frame():
    html = full()
    lines = re.findall(r'<path class="line (\w+)" d="M([^"]+)"', html)
    assert [kind for kind, _ in lines] == ["champion", "challenger"] * 2
    points = [tuple(map(float, point.split())) for _, line in lines for point in line.split("L")]
    assert min(x for x, _ in points) == 48
    assert max(x for x, _ in points) <= 348
    assert min(y for _, y in points) == 8
    assert max(y for _, y in points) <= 288


def test_the_better_model_is_marked_for_either_direction_of_the_measure():
    challenger, champion = judged("new", 1), judged("old", 1)
    better = {"auc": 0.9, "log_loss": 0.2}
    worse = {"auc": 0.8, "log_loss": 0.4}
    document = gate(
        challenger=replace(challenger, metrics=better),
        champion=replace(champion, metrics=worse),
        metrics=better,
    )
    html = run_page(RUN, {"gate": document})
    assert re.findall(r'<td class="better">([^<]+)', html) == ["0.9000", "0.2000"]
    assert "log loss (lower is better)" in Page(html).text


def test_the_gates_checks_and_the_interval_are_shown():
    text = Page(full()).text
    assert "AUC on the hold-out 0.7835 at least 0.6 passed Not below." in text
    assert "Median batch 0.41 s at most 30 s not passed Took 31 s." in text
    assert "1 of 2 checks of the gate passed; AUC 0.7835 on 500 hold-out rows. Took 31 s." in text
    assert "+0.1000, between +0.0500 and +0.1500, each end with 95 % confidence" in text


def test_without_a_champion_the_page_says_why():
    document = gate(champion=None, comparison=None, champion_skipped="Judged without a champion: none yet.")
    html = run_page(RUN, {"gate": document})
    assert "Judged without a champion: none yet." in Page(html).text
    assert 'class="line champion"' not in html


def test_the_data_are_shown_with_their_anomalies():
    text = Page(full()).text
    assert "age numeric about 70,000 12.5% 0.6000" in text
    assert "0.9000 dropped, likely leak" in text
    assert "fixed numeric 5 – 0.6000 constant" in text
    assert "hold-out, the newest rows 200 180 (90.0%) 20 (10.0%)" in text
    assert "12 rows are exact copies of another row." in text
    assert "3 rows without a label were left out." in text


def test_gain_and_lift_are_shown():
    challenger, champion = judged(RUN.run, 1), judged("20261101-200005-77aa", 2)
    text = Page(full()).text
    assert f"Challenger (lift of the best tenth {challenger.lift_of_tenth:.4f})" in text
    assert f"lift of the best tenth {challenger.lift_of_tenth:.4f} {champion.lift_of_tenth:.4f}" in text
    earlier = gate(
        challenger=replace(challenger, gain=(), lift_of_tenth=None), champion=None, comparison=None
    )
    assert "lift" not in Page(run_page(RUN, {"gate": earlier})).text


def uses(*columns, method="permutation", **changes):
    found = ModelImportance(RUN.run, method, columns, measure="auc", rows=1500, note="Autopilot did not.")
    return asdict(replace(found, **changes))


def test_the_used_columns_are_shown_with_their_shares():
    document = uses(
        ColumnImportance("age", 0.06, 0.75, 0.05, 0.07),
        ColumnImportance(HOSTILE, 0.02, 0.25),
        ColumnImportance("idle", -0.001, 0.0),
    )
    html = run_page(RUN, {"importance": document})
    text = Page(html).text
    assert "Measured on 1,500 hold-out rows" in text
    assert "Autopilot did not." in text
    assert "age 75%" in text
    assert "Loss of AUC" in text
    assert "0.06 (0.05 to 0.07)" in text
    assert "1 more column has no measurable effect." in text
    assert re.findall(r'<i style="width:([\d.]+)%', html) == ["100.0", "33.3"]
    assert "<script" not in html


def test_for_regression_the_rise_of_the_error_is_shown():
    document = uses(ColumnImportance("age", 12.5, 1.0, 10.0, 15.0), measure="rmse")
    text = Page(run_page(RUN, {"importance": document})).text
    assert "Rise of RMSE" in text
    assert "12.5 (10 to 15)" in text


def test_with_many_columns_the_most_important_are_shown():
    columns = [ColumnImportance(f"c{place}", 1 / 40, 1 / 40) for place in range(40)]
    text = Page(run_page(RUN, {"importance": uses(*columns, method="autopilot")})).text
    assert "From Autopilot's explanation of the model" in text
    assert "c29 " in text
    assert "c30 " not in text
    assert "10 less important ones are not shown" in text


def test_without_a_known_use_the_page_says_why():
    page = Page(run_page(RUN, {"importance": uses(method=None, note="The time ran out.")}))
    assert "It is not known which columns the model uses. The time ran out." in page.text
    assert page.tags["table"] == 0


def test_candidates_have_dashes_for_missing_metrics_and_short_names():
    text = Page(run_page(RUN, {"leaderboard": leaderboard(f"autowatch-{RUN.run}-A", "B")})).text
    assert "A best 1 min 1 s 0.8000 – B 1 min 1 s 0.7990 0.4000" in text
    assert "Model insights: s3://bank/insights.json" in text
    assert "Autopilot failed partially: No explainability report: access denied." in text


def test_with_hundreds_of_candidates_the_best_are_shown_and_the_others_counted():
    text = Page(run_page(RUN, {"leaderboard": leaderboard(*(f"model{place}" for place in range(250)))})).text
    assert "model49 " in text
    assert "model50 " not in text
    assert "200 weaker ones are not shown." in text


def test_the_page_is_self_contained():
    html = full()
    page = Page(html)
    assert page.tags["script"] == page.tags["link"] == page.tags["img"] == 0
    assert not re.search(r"https?://|url\(|@import", html)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    links = [value for name, value in page.attributes if name == "href"]
    assert links == [
        "../../reports/index.html",
        "../../models/20261101-200005-77aa/report.html",
    ]


def test_inferred_and_dropped_columns_come_before_the_gate():
    page = Page(
        run_page(RUN, {"gate": gate(), "data": data(positive_label="yes", positive_label_from="rarer")})
    )
    top = page.text[: page.text.index("The gate")]
    assert "Predicts y: one of two labels" in top
    assert "Positive label yes, the rarer label of the file; set PositiveLabel to choose" in top
    assert "Dropped duration" in top
    assert "Likely leaks duration" in top
    assert "Hold-out 200 of 1,000 rows, the newest" in top
    assert "The column 'duration' predicts the target almost alone." in top


def test_calibration_has_counts_and_intervals_and_no_line_through_thin_bins():
    (challenger, _) = gate_view(gate()).curves
    for dot in challenger.calibration:
        expected = share_estimate(round(dot.at[1] * dot.rows), dot.rows)
        assert (dot.lower, dot.upper) == pytest.approx((expected.lower, expected.upper), abs=1e-6)
    html = full()
    assert html.count('class="whisker challenger"') == len(challenger.calibration)
    point = challenger.calibration[0]
    figures = Page(html).text.partition("In figures")[2]
    assert f"{percent(point.at[0])} {percent(point.at[1])} " in figures
    assert f"{percent(point.lower)} to {percent(point.upper)} {point.rows} " in figures


def test_multiclass_has_a_table_of_labels_and_a_confusion_matrix():
    rows = class_rows()
    html = run_page(RUN, json.loads(json.dumps({"gate": judged_decision(rows, RUN.run)})))
    text = Page(html).text
    assert "Hold-out macro AUC" in text
    assert "macro AUC on the hold-out" in text
    assert html.count('class="right"') == 4
    right = [int(count) for count in re.findall(r'class="right"[^>]*>([\d,]+)', html)]
    assert sum(right) == int((rows.actual == rows.predicted).sum())
    assert "Calibration of the label given" in html
    assert "ROC curve" not in html


def test_regression_shows_predicted_against_actual_and_residuals():
    html = run_page(RUN, json.loads(json.dumps({"gate": judged_decision(number_rows(), RUN.run)})))
    text = Page(html).text
    assert "Hold-out RMSE" in text
    assert "R² on the hold-out" in text
    counted = [
        int(found.replace(",", "")) for found in re.findall(r"actual [^<]*?: ([\d,]+) rows</title>", html)
    ]
    assert sum(counted) == 600
    assert "Share of rows 1.0% 5.0% 25% 50% 75% 95% 99.0% Error" in text
    assert "Calibration" not in text


def test_a_malformed_confusion_matrix_hides_only_the_gate():
    document = judged_decision(class_rows(), RUN.run)
    document["challenger"]["classes"]["confusion"] = [[1, 2]]
    assert "The gate of this run could not be read" in Page(run_page(RUN, {"gate": document})).text


def test_hostile_names_and_values_are_escaped():
    hostile_data = data(classes={HOSTILE: 1000}, train={"rows": 800, "classes": {HOSTILE: 800}})
    hostile_data["holdout"] = {"by": "random", "rows": 200, "classes": {HOSTILE: 200}}
    hostile_data["columns"][0]["name"] = HOSTILE
    documents = {
        "gate": gate(checks=(Check("floor", True, HOSTILE),)),
        "leaderboard": leaderboard(HOSTILE),
        "data": hostile_data,
    }
    html = run_page(replace(RUN, reason=HOSTILE), documents)
    assert "<script" not in html
    assert Page(html).text.count(visible(HOSTILE)) == 6


@pytest.mark.parametrize(
    ("status", "headline"), [("rejected", "Not released: rejected by the gate"), ("failed", "Failed")]
)
def test_a_failed_run_has_a_page_of_its_objects(status, headline):
    page = Page(run_page(replace(RUN, status=status, reason="No column 'y'."), {}))
    assert f"{headline} No column 'y'." in page.text
    assert "5,000 bytes training/x.csv" in page.text
    assert page.tags["svg"] == page.tags["table"] == 0


def test_an_object_in_an_unknown_form_hides_only_its_section():
    page = Page(run_page(RUN, {"gate": gate(), "data": {"rows": "many"}, "leaderboard": []}))
    assert "The leaderboard of this run could not be read and is left out." in page.text
    assert "The data of this run could not be read and is left out." in page.text
    assert page.tags["svg"] == 3


def test_the_gates_record_of_an_earlier_version_is_shown():
    document = {name: gate()[name] for name in ("run", "passed", "reason", "minimum_auc", "rows", "metrics")}
    page = Page(run_page(RUN, {"gate": document}))
    assert "On the 500 hold-out rows Challenger AUC" in page.text
    assert page.tags["svg"] == 0


def with_threshold(threshold, confusion, costs=None, **changes):
    random = np.random.default_rng(1)
    positive = random.random(500) < 0.1
    probability = np.clip(0.05 + 0.05 * positive + random.normal(0, 0.03, 500), 0, 0.19)
    return gate(
        challenger=replace(judged(RUN.run, 1), threshold=threshold, confusion=confusion),
        champion=replace(judged("old", 2), threshold=DecisionThreshold(0.4, "parameter")),
        trade_off=trade_off_curve(positive, probability, costs),
        **changes,
    )


def test_the_threshold_is_shown_with_trade_off_and_labels():
    costs = Costs(10.0, 1.0)
    document = with_threshold(DecisionThreshold(0.1, "cost", costs), Confusion(40, 60, 10, 1390), costs)
    labels = {"positive_label": "yes", "positive_label_from": "rarer"}
    html = run_page(RUN, json.loads(json.dumps({"gate": document, "data": data(**labels)})))
    text = Page(html).text
    assert (
        "Label positive from 0.1 the lowest cost on the hold-out, at 10 per miss and 1 per false alarm"
        in text
    )
    assert "A row is yes if its probability is at least 0.1: the lowest cost on the hold-out" in text
    assert "The champion's labels: positive from 0.4." in text
    assert "Hold-out rows get yes get no are yes 40 10 are no 60 1,390" in text
    assert "these rows, so this table and the curves are slightly optimistic" in text
    lines = re.findall(r'<path class="line trade(\d)" d="M([^"]+)"', html)
    assert [number for number, _ in lines] == ["1", "2", "3", "4"]
    points = [tuple(map(float, point.split())) for _, line in lines for point in line.split("L")]
    assert all(48 <= x <= 348 and 8 <= y <= 288 for x, y in points)
    # The axis ends at 0.2, so that the threshold stands in the middle of it.
    assert re.search(r'class="at" d="M198\.0 ', html)
    assert "cost (at most" in text


def test_a_threshold_set_by_parameter_is_not_called_optimistic():
    text = Page(
        run_page(RUN, {"gate": with_threshold(DecisionThreshold(0.1, "parameter"), Confusion(1, 2, 3, 4))})
    ).text
    assert "A row is positive if its probability is at least 0.1: set by the parameter" in text
    assert "are positive 1 3 are negative 2 4" in text
    assert "flatter" not in text


def test_a_warning_says_if_all_labels_are_the_same():
    html = run_page(RUN, {"gate": with_threshold(None, Confusion(0, 0, 50, 450))})
    text = Page(html).text
    assert "Label the model's own" in text
    assert "Every row gets negative. To set the lowest probability at which a row is positive, use" in text
    assert 'class="at"' not in html
    seen = Page(run_page(RUN, {"gate": with_threshold(None, Confusion(1, 0, 49, 450))})).text
    assert "Every row gets" not in seen


def test_a_threshold_that_no_probability_reaches_is_named_but_not_drawn():
    html = run_page(
        RUN, {"gate": with_threshold(DecisionThreshold(0.9, "parameter"), Confusion(0, 0, 50, 450))}
    )
    assert "Every row gets negative." in Page(html).text
    assert "To set the lowest probability" not in Page(html).text
    assert 'class="at"' not in html


@mock_aws
def test_the_page_is_written_beside_the_runs_objects():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    Bucket(s3, BUCKET).write_json(f"models/{RUN.run}/gate.json", gate())
    key = write_run_report(Bucket(s3, BUCKET), RUN)
    answer = s3.get_object(Bucket=BUCKET, Key=key)
    assert key == f"models/{RUN.run}/report.html"
    assert answer["ContentType"] == "text/html; charset=utf-8"
    assert "ROC curve" in answer["Body"].read().decode()


@mock_aws
def test_a_rollback_shows_the_restored_model():
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    Bucket(s3, BUCKET).write_json("models/earlier/leaderboard.json", leaderboard("Forest"))
    key = write_run_report(Bucket(s3, BUCKET), replace(RUN, trigger="promote", promotes="earlier"))
    text = Page(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()).text
    assert "back to an earlier model" in text
    assert "Model of run earlier" in text
    assert "Forest best" in text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "–"), (0, "0 s"), (59.6, "1 min 0 s"), (3599.4, "59 min 59 s"), (12_000, "3 h 20 min")],
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


def test_the_key_is_marked_among_the_columns():
    key = {**data()["columns"][0], "name": "customer", "role": "key"}
    (row,) = data_view(data(columns=[key])).columns
    assert (row.name, row.note) == ("customer", "key")
