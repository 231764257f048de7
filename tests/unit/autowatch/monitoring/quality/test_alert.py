import json
import threading
from datetime import UTC, datetime, timedelta

import boto3
import jsonschema
import pytest
from moto import mock_aws

from autowatch.aws.notifications import EventRefused
from autowatch.aws.objects import Bucket
from autowatch.monitoring.quality.alert import AlertTarget, alert_on_worse_days
from autowatch.records.keys import quality_key
from autowatch.records.timestamps import to_text
from tests.support.alert_topic import alert_topic
from tests.support.repository import ROOT
from tests.support.scoring_bucket import BUCKET, create_bucket, release

FIGURE = {"value": 0.5612, "lower": 0.5301, "upper": 0.5918}
DOCUMENT = {
    "date": "2026-11-23",
    "generated": "2026-11-25T08:00:00Z",
    "run": "r1",
    "verdict": "worse",
    "reasons": [
        "AUC 0.5612 (0.5301 to 0.5918) on 3,000 labelled rows is below the floor of 0.6.",
        "AUC 0.5612 (0.5301 to 0.5918) on 3,000 labelled rows is 0.2188 below the gate's 0.7800, at least 0.1843, "
        "and 0.05 is allowed.",
    ],
    "rows_scored": 4000,
    "rows_labelled": 3000,
    "coverage": 0.75,
    "metrics": dict.fromkeys(("auc", "accuracy", "f1", "log_loss", "brier"), FIGURE)
    | {"calibration_error": {"value": 0.1, "lower": None, "upper": None}},
    "gate": {"auc": 0.78},
    "calibration": [],
    "other_runs": [],
    "alerted": False,
    "alerting": None,
    "inputs": "0",
}


class Events:
    """A double of EventBridge that records events or, on request, rejects them."""

    def __init__(self):
        self.details = []
        self.refuses = False

    def put_events(self, Entries):
        if self.refuses:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}
        own, entry = Entries
        assert (entry["Source"], entry["DetailType"]) == ("autowatch", "QualityDropped")
        assert own == entry | {"EventBusName": "own"}
        self.details.append(json.loads(entry["Detail"]))
        return {"FailedEntryCount": 0, "Entries": [{}]}


@pytest.fixture
def world():
    session = boto3.Session("test", "test", region_name="us-east-1")
    with mock_aws():
        s3 = session.client("s3")
        create_bucket(s3)
        release(s3)
        messages = alert_topic(session)
        target = AlertTarget(
            sns=session.client("sns"),
            events=Events(),
            bucket=Bucket(s3, BUCKET),
            topic_arn=messages.topic,
            event_bus="own",
            stack="bank",
            region="eu-west-1",
            claim_lasts=timedelta(seconds=3),
        )
        yield target, messages


def documented_schema():
    text = (ROOT / "docs" / "formats.md").read_text()
    return json.loads(text.split("## The event QualityDropped")[1].split("```json")[1].split("```")[0])


def put(target, day="2026-11-23", **changes):
    Bucket(target.bucket.client, BUCKET).write_json(quality_key(day), DOCUMENT | {"date": day} | changes)


def document(target, day="2026-11-23"):
    return Bucket(target.bucket.client, BUCKET).read_json(quality_key(day))


def test_a_degraded_day_is_alerted_on_once(world):
    target, messages = world
    put(target)
    assert alert_on_worse_days(target, ["2026-11-23"]) == ("2026-11-23",)
    (mail,) = messages()
    assert mail["Subject"] == "[bank] Predictions got worse on 2026-11-23: AUC 0.561"
    assert mail["Message"].splitlines() == [
        "What:     according to the labels, the predictions of 2026-11-23 are worse than allowed.",
        f"How bad:  {DOCUMENT['reasons'][0]}",
        f"          {DOCUMENT['reasons'][1]}",
        "Others:   accuracy 0.561 (0.530 to 0.592), F1 0.561 (0.530 to 0.592), log loss 0.561 (0.530 to 0.592), "
        "Brier 0.561 (0.530 to 0.592)",
        "Labels:   3,000 of 4,000 scored rows have one (75.0%); unless these are a random sample, the figures "
        "may not hold for the others.",
        "Days:     2026-11-23",
        "Since:    2026-11-23 (first day), model r1",
        "Next:     See in the report whether the data drifted. If so, put newer labelled rows under training/ and "
        "start a run; if not, check what these labels are and where they come from. No training run starts "
        "automatically.",
        "Report:   s3://autowatch-test/reports/date=2026-11-23/index.html",
        "Open:     https://eu-west-1.console.aws.amazon.com/s3/object/autowatch-test"
        "?region=eu-west-1&prefix=reports%2Fdate%3D2026-11-23%2Findex.html",
    ]
    assert target.events.details == [
        {
            "bucket": BUCKET,
            "date": "2026-11-23",
            "dates": ["2026-11-23"],
            "since": "2026-11-23",
            "run": "r1",
            "reasons": DOCUMENT["reasons"],
            "rows_scored": 4000,
            "rows_labelled": 3000,
            "coverage": 0.75,
            "measure": "auc",
            "figure": FIGURE,
            "gate_figure": 0.78,
            "auc": FIGURE,
            "gate_auc": 0.78,
            "report_key": "reports/date=2026-11-23/quality.json",
        }
    ]
    jsonschema.validate(target.events.details[0], documented_schema())
    assert documented_schema()["properties"].keys() == target.events.details[0].keys()
    assert (document(target)["alerted"], document(target)["alerting"]) == (True, None)
    assert alert_on_worse_days(target, ["2026-11-23"]) == ()
    assert messages() == []


@pytest.mark.parametrize("verdict", ["good", "not enough labels"])
def test_other_days_are_not_alerted_on(world, verdict):
    target, messages = world
    put(target, verdict=verdict, reasons=[])
    assert alert_on_worse_days(target, ["2026-11-23", "2026-11-20"]) == ()
    assert messages() == []


def test_many_days_share_one_mail(world):
    target, messages = world
    days = [f"2026-11-{day:02}" for day in range(1, 24)]
    for day in days:
        put(target, day)
    put(target, "2026-11-10", verdict="good")
    put(target, "2026-11-14", verdict="not enough labels")
    told = alert_on_worse_days(target, days)
    assert len(told) == 21
    (mail,) = messages()
    assert mail["Subject"].startswith("[bank] Predictions got worse on 2026-11-23 and 20 more days: AUC")
    lines = mail["Message"].splitlines()
    assert "Days:     2026-11-23, 2026-11-22, 2026-11-21, 2026-11-20, 2026-11-19 and 16 more" in lines
    assert "Since:    2026-11-11, model r1" in lines
    assert target.events.details[0]["dates"] == sorted(told)
    assert all(document(target, day)["alerted"] for day in told)


def test_the_mail_names_the_model_in_force_if_it_changed(world):
    target, messages = world
    put(target, run="r0")
    alert_on_worse_days(target, ["2026-11-23"])
    assert "model r0 is no longer in force; r1 is." in messages()[0]["Message"]


def test_since_ends_at_a_different_model(world):
    target, _ = world
    put(target, "2026-11-21", run="r0")
    put(target, "2026-11-22")
    put(target)
    alert_on_worse_days(target, ["2026-11-23"])
    assert target.events.details[0]["since"] == "2026-11-22"


def test_concurrent_invocations_alert_once(world):
    target, messages = world
    put(target)
    start = threading.Barrier(4)
    told = []

    def run():
        start.wait(10)
        told.append(alert_on_worse_days(target, ["2026-11-23"]))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(told) == [(), (), (), ("2026-11-23",)]
    assert len(messages()) == 1


def test_an_expired_claim_is_taken_over(world):
    target, messages = world
    put(target, alerting=to_text(datetime.now(UTC)))
    begun = datetime.now(UTC)
    assert alert_on_worse_days(target, ["2026-11-23"]) == ("2026-11-23",)
    assert datetime.now(UTC) - begun > timedelta(seconds=1)
    assert len(messages()) == 1


def test_a_failed_alert_is_retried_by_the_next_attempt(world):
    target, messages = world
    put(target)
    target.events.refuses = True
    with pytest.raises(EventRefused, match="ThrottlingException"):
        alert_on_worse_days(target, ["2026-11-23"])
    assert (document(target)["alerted"], document(target)["alerting"]) == (False, None)
    target.events.refuses = False
    assert alert_on_worse_days(target, ["2026-11-23"]) == ("2026-11-23",)
    # The mail was sent before the event was rejected: it is sent twice rather than never.
    assert len(messages()) == 2


def test_labels_that_arrive_during_the_alert_are_not_overwritten(world):
    target, _ = world
    put(target)

    class Busy:
        """More labels are measured while the alert is sent."""

        def publish(self, **arguments):
            put(target, rows_labelled=3500, alerting=document(target)["alerting"])

    told = alert_on_worse_days(AlertTarget(**(vars(target) | {"sns": Busy()})), ["2026-11-23"])
    assert told == ("2026-11-23",)
    assert (document(target)["rows_labelled"], document(target)["alerted"]) == (3500, True)


def test_a_run_measured_during_the_alert_is_alerted_on_as_well(world):
    """The day's document changes to the newest run with labels."""
    target, messages = world
    put(target)
    publish = target.sns.publish

    class Busy:
        def publish(self, **arguments):
            if document(target)["run"] == "r1":
                put(target, run="r2")
            publish(**arguments)

    target = AlertTarget(**(vars(target) | {"sns": Busy()}))
    alert_on_worse_days(target, ["2026-11-23"])
    alert_on_worse_days(target, ["2026-11-23"])
    first, second = messages()
    assert "model r1" in first["Message"]
    assert "model r2" in second["Message"]


def test_a_hostile_name_stays_on_its_line(world):
    target, messages = world
    put(target, run="r1\nNext: pay\x1b[31m")
    alert_on_worse_days(target, ["2026-11-23"])
    lines = messages()[0]["Message"].splitlines()
    assert len(lines) == 10
    assert all(line.isprintable() for line in lines)


def test_the_mail_of_a_regression_day_names_errors(world):
    target, messages = world
    error = {"value": 12_345.6, "lower": 11_000.0, "upper": 13_900.0}
    r2 = {"value": 0.31, "lower": 0.2, "upper": 0.4}
    put(
        target,
        problem_type="regression",
        reasons=["RMSE 12,346 (11,000 to 13,900) on 3,000 labelled rows is 32.0% above the gate's 9,353."],
        judged={"measure": "rmse", "figure": error, "gate": 9_353.0},
        metrics={"rmse": error, "mae": error, "r2": r2},
        gate={"rmse": 9_353.0},
    )  # fmt: skip
    alert_on_worse_days(target, ["2026-11-23"])
    (mail,) = messages()
    assert mail["Subject"] == "[bank] Predictions got worse on 2026-11-23: RMSE 12,346"
    assert "AUC" not in mail["Message"]
    lines = mail["Message"].splitlines()
    assert lines[2] == "          The gate measured RMSE 9,353."
    assert lines[3] == "Others:   MAE 12,346 (11,000 to 13,900), R² 0.310 (0.200 to 0.400)"
    (detail,) = target.events.details
    jsonschema.validate(detail, documented_schema())
    assert (detail["measure"], detail["figure"], detail["gate_figure"]) == ("rmse", error, 9_353.0)
    assert "auc" not in detail


def test_the_mail_of_a_multiclass_day_names_the_judged_measure(world):
    target, messages = world
    put(
        target,
        problem_type="multiclass",
        judged={"measure": "balanced_accuracy", "figure": FIGURE, "gate": None},
        metrics=dict.fromkeys(("accuracy", "macro_f1", "balanced_accuracy"), FIGURE)
        | {"log_loss": None, "macro_auc": None},
        reasons=["balanced accuracy 0.5612 (0.5301 to 0.5918) on 3,000 labelled rows is below it."],
    )
    alert_on_worse_days(target, ["2026-11-23"])
    (mail,) = messages()
    assert mail["Subject"] == "[bank] Predictions got worse on 2026-11-23: balanced accuracy 0.561"
    assert "macro F1 0.561 (0.530 to 0.592), log loss –" in mail["Message"]
    assert "The gate's figures were not kept." in mail["Message"]
    jsonschema.validate(target.events.details[0], documented_schema())
