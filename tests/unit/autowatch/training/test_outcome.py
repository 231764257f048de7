from dataclasses import replace
from datetime import UTC, datetime

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.evaluation.figures import Confusion
from autowatch.records.champion import Champion, read_champion, write_champion
from autowatch.records.decision import GateDecision, JudgedModel, Latency, write_decision
from autowatch.records.keys import LATEST_KEY
from autowatch.records.run import Run, end_run, read_latest
from autowatch.records.threshold import DecisionThreshold
from autowatch.training.outcome import EndedExecution, RunOvertaken, clean_up_run, fail_run, finish_run
from autowatch.training.serving.endpoints import EndpointBusy
from tests.support.alert_topic import alert_topic
from tests.support.sagemaker_double import SageMaker
from tests.support.scoring_bucket import CONTRACT

BUCKET, ENDPOINT = "bank", "e"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RUN = Run(
    "new",
    "arn:execution",
    "running",
    "manual",
    ObjectVersion("training/x.csv", None, "e", 5),
    "2026-11-23T11:00:00Z",
)


@pytest.fixture
def aws():
    with mock_aws():
        session = boto3.Session()
        session.client("s3").create_bucket(Bucket=BUCKET)
        bucket = Bucket(session.client("s3"), BUCKET)
        bucket.write_json(LATEST_KEY, RUN)
        bucket.write_json("models/new/contract.json", replace(CONTRACT, positive_label_from="champion"))
        yield session


@pytest.fixture
def alerts(aws):
    return alert_topic(aws)


def finish(aws, alerts, passed, run="new", unknown_to_domino=None, challenger=None, left=None, **more):
    decision = GateDecision(
        "new", passed, "AUC 0.8000 on 100 hold-out rows.", 0.6, 100, {"auc": 0.8}, (), challenger
    )
    write_decision(Bucket(aws.client("s3"), BUCKET), "new", replace(decision, **more))
    sagemaker = SageMaker()
    sagemaker.models["e-new"] = sagemaker.configs["e-new"] = {}
    sagemaker.put_endpoint("e-candidate", "e-new")
    if left:
        sagemaker.put_endpoint(left, f"{left}-old")
    ended = finish_run(
        Bucket(aws.client("s3"), BUCKET),
        sagemaker,
        aws.client("sns"),
        run=run,
        endpoint_name=ENDPOINT,
        stack="autowatch",
        topic_arn=alerts.topic,
        keep_models=1,
        unknown_to_domino=unknown_to_domino,
        now=NOW,
    )
    return ended, sagemaker


def test_a_release_deletes_the_old_endpoint(aws, alerts):
    bucket = Bucket(aws.client("s3"), BUCKET)
    champion = Champion("new", ENDPOINT, "e-new", "e-new", "c", "b", "t", {}, left_endpoints=("left",))
    write_champion(bucket, champion, None)
    _, rejected = finish(aws, alerts, passed=False, left="left")
    assert rejected.endpoints["left"]["EndpointStatus"] == "InService"
    bucket.write_json(LATEST_KEY, RUN)
    _, released = finish(aws, alerts, passed=True, left="left")
    assert released.endpoints["left"]["EndpointStatus"] == "Deleting"


def fail(aws, alerts, run="new", cause="The training file has no column 'y'.", serving=None):
    sagemaker = SageMaker()
    if serving:
        sagemaker.put_endpoint(ENDPOINT, serving)
    fail_run(
        Bucket(aws.client("s3"), BUCKET),
        sagemaker,
        aws.client("sns"),
        run=run,
        endpoint_name=ENDPOINT,
        stack="bank",
        topic_arn=alerts.topic,
        tags={},
        error="TargetMissing",
        cause=cause,
        now=NOW,
    )


def test_a_released_run_is_recorded_announced_and_keeps_its_model(aws, alerts):
    ended, sagemaker = finish(aws, alerts, passed=True)
    assert (ended.status, ended.finished) == ("released", "2026-11-23T12:00:00Z")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)) == ended
    (message,) = alerts()
    assert message["Subject"] == "[autowatch] Model released: run new"
    assert "Endpoint e now serves the model of run new." in message["Message"]
    assert "AUC 0.8000" in message["Message"]
    assert (
        "y_probability is the probability of 'yes', as for the model in force before." in message["Message"]
    )
    assert "Report: s3://bank/models/new/report.html" in message["Message"]
    assert "e-new" in sagemaker.models


@pytest.mark.parametrize(
    ("threshold", "labels", "line"),
    [
        (
            DecisionThreshold(0.25, "f1"),
            (5, 5),
            "y is 'yes' if that is at least 0.25 (the largest F1 on the hold-out).",
        ),
        (
            None,
            (0, 0),
            "The model's own label is 'no' for every row of the hold-out. To choose the lowest probability",
        ),
        (None, (0, 1), None),
    ],
)
def test_the_mail_has_the_threshold(aws, alerts, threshold, labels, line):
    bucket = Bucket(aws.client("s3"), BUCKET)
    bucket.write_json("models/new/contract.json", replace(CONTRACT, decision_threshold=threshold))
    hits, false_alarms = labels
    confusion = Confusion(hits, false_alarms, 20 - hits, 80 - false_alarms)
    challenger = JudgedModel("new", 100, {}, (), (), Latency(1, 1.0, 1.0), threshold, confusion)
    finish(aws, alerts, passed=True, challenger=challenger)
    (message,) = alerts()
    if line:
        assert line in message["Message"]
    else:
        assert "DecisionThreshold" not in message["Message"]


def test_a_failed_registration_in_domino_is_reported_and_changes_nothing(aws, alerts):
    ended, _ = finish(aws, alerts, passed=True, unknown_to_domino="PUT … failed at every attempt.")
    assert ended.status == "released"
    (message,) = alerts()
    assert message["Subject"] == "[autowatch] Model released: run new"
    assert (
        "This model is not registered with Domino yet: PUT … failed at every attempt." in message["Message"]
    )


def test_a_rejected_run_ends_normally_and_leaves_nothing(aws, alerts):
    champion = Champion("old", ENDPOINT, "e-old", "e-old", "c", "b", "t", {})
    write_champion(Bucket(aws.client("s3"), BUCKET), champion, None)
    ended, sagemaker = finish(aws, alerts, passed=False)
    assert ended.status == "rejected"
    (message,) = alerts()
    assert message["Subject"] == "[autowatch] Model rejected: run new"
    assert "The model of run old keeps serving." in message["Message"]
    assert not sagemaker.models
    assert not sagemaker.configs


@pytest.mark.parametrize(
    ("metrics", "floors", "advice"),
    [
        ({"auc": 0.5}, {"auc": 0.6}, "columns, or lower MinimumAuc if"),
        ({"macro_auc": 0.7, "macro_f1": 0.3}, {"macro_auc": 0.6, "macro_f1": 0.4}, "lower MinimumMacroF1 if"),
        ({"rmse": 3.0}, {"r2": 0.0}, "columns, or lower MinimumR2 if"),
        ({"auc": 0.8}, {"auc": 0.6}, "train on more rows or better columns."),
    ],
    ids=["auc", "f1", "r2", "not a floor"],
)
def test_a_rejected_first_run_says_that_nothing_serves_and_what_to_do(aws, alerts, metrics, floors, advice):
    finish(aws, alerts, passed=False, metrics=metrics, floors=floors)
    (message,) = alerts()
    assert "No model has been released yet, so no file is scored" in message["Message"]
    assert "models/new/report.html" in message["Message"]
    assert advice in message["Message"]
    assert "keeps serving" not in message["Message"]


def test_a_promotions_mail_names_the_serving_model(aws, alerts):
    promotion = replace(RUN, run="later", trigger="promote", promotes="new")
    Bucket(aws.client("s3"), BUCKET).write_json(LATEST_KEY, promotion)
    ended, sagemaker = finish(aws, alerts, passed=True, run="later")
    assert (ended.run, ended.status, ended.model_run) == ("later", "released", "new")
    (message,) = alerts()
    assert "Endpoint e now serves the model of run new." in message["Message"]
    assert "Model: that of run new, released again" in message["Message"]
    assert "e-new" in sagemaker.models


def test_a_failed_run_is_recorded_and_reported_with_its_cause(aws, alerts):
    fail(aws, alerts)
    latest = read_latest(Bucket(aws.client("s3"), BUCKET))
    assert (latest.status, latest.reason) == ("failed", "The training file has no column 'y'.")
    (message,) = alerts()
    assert message["Subject"] == "[bank] Training run failed: run new"
    assert "no column 'y'" in message["Message"]
    assert "No model has been released yet" in message["Message"]
    assert "arn:execution" in message["Message"]
    page = aws.client("s3").get_object(Bucket=BUCKET, Key="models/new/report.html")["Body"].read().decode()
    assert "The training file has no column &#39;y&#39;." in page


def test_a_failed_runs_mail_names_the_serving_champion(aws, alerts):
    champion = Champion("old", ENDPOINT, "e-old", "e-old", "c", "b", "t", {})
    write_champion(Bucket(aws.client("s3"), BUCKET), champion, None)
    fail(aws, alerts, serving="e-old")
    assert "The model of run old keeps serving." in alerts()[0]["Message"]


def test_a_refused_run_does_not_affect_the_one_in_progress(aws, alerts):
    fail(aws, alerts, run="refused", cause="Run new has not ended yet.")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)) == RUN
    (message,) = alerts()
    assert message["Subject"] == "[bank] Training run refused"
    assert "Run new has not ended yet." in message["Message"]


def test_a_refused_first_run_is_reported(aws, alerts):
    aws.client("s3").delete_object(Bucket=BUCKET, Key=LATEST_KEY)
    fail(aws, alerts, cause="There is no .csv under s3://bank/training/.")
    assert "no .csv" in alerts()[0]["Message"]


def test_an_overtaken_run_ends_nothing(aws, alerts):
    Bucket(aws.client("s3"), BUCKET).write_json(LATEST_KEY, replace(RUN, run="later"))
    with pytest.raises(RunOvertaken, match="Run later has begun"):
        finish(aws, alerts, passed=True)
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "running"
    assert not alerts()


@pytest.mark.parametrize("passed", [True, False])
def test_warnings_about_the_data_are_in_the_mail(aws, alerts, passed):
    Bucket(aws.client("s3"), BUCKET).write_json(
        "models/new/data.json", {"warnings": ["The column 'x' leaks."]}
    )
    finish(aws, alerts, passed)
    (message,) = alerts()
    assert "The column 'x' leaks." in message["Message"].splitlines()


def clean_up(aws, alerts, sagemaker, execution="arn:execution", wait=lambda seconds: None):
    clean_up_run(
        Bucket(aws.client("s3"), BUCKET),
        sagemaker,
        aws.client("sns"),
        EndedExecution(execution, "ABORTED", "Somebody was in doubt."),
        endpoint_name=ENDPOINT,
        stack="bank",
        topic_arn=alerts.topic,
        tags={},
        now=lambda: NOW,
        wait=wait,
    )


def put_champion(aws, **changes):
    champion = Champion("old", ENDPOINT, "e-old", "e-old", "c", "b", "t", {}, **changes)
    write_champion(Bucket(aws.client("s3"), BUCKET), champion, None)


def released_half_way():
    """SageMaker as a run leaves it that is stopped while the endpoint goes over to its model."""
    sagemaker = SageMaker()
    for name in ("e-old", "e-new"):
        sagemaker.models[name] = sagemaker.configs[name] = {}
    sagemaker.put_job("autowatch-new", "InProgress", "TrainingModels")
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    sagemaker.put_endpoint("e-candidate", "e-new")
    sagemaker.update_endpoint(EndpointName=ENDPOINT, EndpointConfigName="e-new")
    return sagemaker


def test_a_stopped_run_leaves_the_champion_serving_and_nothing_behind(aws, alerts):
    put_champion(aws, releasing="e-new", releases=3)
    sagemaker = released_half_way()

    def wait(seconds):
        for name in list(sagemaker.endpoints):
            sagemaker.settle(name)

    clean_up(aws, alerts, sagemaker, wait=wait)
    wait(0)
    champion = read_champion(Bucket(aws.client("s3"), BUCKET))
    assert (champion.run, champion.releasing, champion.releases) == ("old", None, 3)
    assert sagemaker.endpoints == {ENDPOINT: {"EndpointStatus": "InService", "EndpointConfigName": "e-old"}}
    assert sagemaker.models.keys() == sagemaker.configs.keys() == {"e-old"}
    assert sagemaker.jobs["autowatch-new"]["AutoMLJobStatus"] == "Stopping"
    latest = read_latest(Bucket(aws.client("s3"), BUCKET))
    assert (latest.status, latest.reason) == ("failed", "Its execution ended ABORTED. Somebody was in doubt.")
    (message,) = alerts()
    assert message["Subject"] == "[bank] Training run ended from outside: run new"
    assert "The model of run old keeps serving. What the run made was deleted." in message["Message"]


def test_a_clean_up_out_of_time_is_resumed(aws, alerts):
    """It continues where it stopped: one mail is sent when all is done."""
    put_champion(aws, releasing="e-new")
    sagemaker = released_half_way()

    def no_time(seconds):
        raise EndpointBusy("no time")

    with pytest.raises(EndpointBusy):
        clean_up(aws, alerts, sagemaker, wait=no_time)
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "ending"
    assert alerts() == []
    clean_up(
        aws,
        alerts,
        sagemaker,
        wait=lambda seconds: [sagemaker.settle(name) for name in list(sagemaker.endpoints)],
    )
    assert read_latest(Bucket(aws.client("s3"), BUCKET)).status == "failed"
    assert len(alerts()) == 1


def test_a_failed_run_is_not_reported_twice(aws, alerts):
    """But resources that its own clean-up could not delete are deleted now."""
    put_champion(aws)
    bucket = Bucket(aws.client("s3"), BUCKET)
    end_run(bucket, RUN, "failed", "The file has no column 'y'.", NOW)
    sagemaker = SageMaker()
    sagemaker.put_endpoint(ENDPOINT, "e-old")
    sagemaker.put_endpoint("e-candidate", "e-new")
    clean_up(aws, alerts, sagemaker)
    sagemaker.settle("e-candidate")
    assert sagemaker.endpoints.keys() == {ENDPOINT}
    assert read_latest(bucket).reason == "The file has no column 'y'."
    assert alerts() == []


@pytest.mark.parametrize("begun", [False, True], ids=["the last run", "another has begun"])
def test_a_run_that_its_last_state_still_ends_is_reported_once(aws, alerts, begun):
    """Stopping an execution does not stop the function of the state Finish, which sends the ordinary mail."""
    put_champion(aws)
    bucket, sagemaker = Bucket(aws.client("s3"), BUCKET), SageMaker()
    sagemaker.put_endpoint(ENDPOINT, "e-old")

    def finish_meanwhile(_):
        end_run(bucket, RUN, "rejected", "AUC 0.5 is below the floor.", NOW)
        if begun:
            other = replace(RUN, run="newer", execution="arn:newer")
            bucket.write_json("models/latest.json", other)

    clean_up(aws, alerts, sagemaker, wait=finish_meanwhile)
    assert read_latest(bucket).status == ("running" if begun else "rejected")
    assert alerts() == []


def test_an_execution_without_the_lock_has_nothing_to_clean_up(aws, alerts):
    clean_up(aws, alerts, None, execution="arn:another")
    assert read_latest(Bucket(aws.client("s3"), BUCKET)) == RUN
    assert alerts() == []
