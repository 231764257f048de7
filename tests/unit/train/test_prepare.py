import json

import pytest
from moto import mock_aws

from autowatch.aws.clients import client
from autowatch.settings import InvalidSetting
from autowatch.training.data.files import NoTrainingFile
from autowatch.training.data.reference import ReferenceUnfit
from autowatch.training.serving.deployment import ServingRefused
from autowatch.training.start import InvalidInput, RunInProgress
from tests.support.lambda_context import Context
from train.prepare import lambda_handler

BUCKET = "bank"
ROWS = "age,duration,y\n" + "".join(f"{n},7,{'yes' if n % 5 == 0 else 'no'}\n" for n in range(650))


@pytest.fixture
def s3(monkeypatch):
    variables = {
        "S3_BUCKET": BUCKET,
        "STACK_NAME": "bank",
        "PREDICTIONS_PREFIX": "predictions/",
        "METRICS_NAMESPACE": "Autowatch",
        "TARGET_COLUMN": "y",
        "POSITIVE_LABEL": "",
        "DROP_COLUMNS": " duration ,",
        "ID_COLUMN": "",
        "HOLDOUT_PERCENT": "20",
        "HOLDOUT_BY": "random",
        "TRAINING_KEY": "",
        "RETRAIN_COOLDOWN_HOURS": "20",
        "AUDIT_LOCK_DAYS": "0",
        "ENDPOINT_NAME": "bank",
        "INSTANCE_TYPE": "",
        "AUTOPILOT_MODE": "ENSEMBLING",
        "BAKE_SECONDS": "300",
        "MAX_ENDPOINT_SECONDS": "2400",
        "SUBNET_IDS": "",
        "SECURITY_GROUP_IDS": "",
        "NETWORK_ISOLATION": "false",
        "DECISION_THRESHOLD": "model",
        "COST_OF_MISS": "",
        "COST_OF_ALARM": "",
        "PROBLEM_TYPE": "auto",
        "PROBABILITY_OF_EACH_CLASS": "false",
        "OBJECTIVE_METRIC": "auto",
        "MINIMUM_AUC": "0.6",
        "MINIMUM_MACRO_F1": "0",
        "MINIMUM_R2": "0",
        "AUC_TOLERANCE": "0",
        "ERROR_TOLERANCE_PERCENT": "0",
        "MAX_AUC_DROP": "0.05",
        "MAX_ERROR_RISE_PERCENT": "20",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with mock_aws():
        s3 = client("s3")
        s3.create_bucket(Bucket=BUCKET)
        s3.put_object(Bucket=BUCKET, Key="training/x.csv", Body=ROWS.encode())
        yield s3


def prepare(request, name="one", started="2026-11-23T07:15:00.123Z"):
    execution = f"arn:aws:states:us-east-1:123456789012:execution:train:{name}"
    return lambda_handler({"execution": execution, "started": started, "input": request}, Context())


def end(s3, status):
    latest = json.loads(s3.get_object(Bucket=BUCKET, Key="models/latest.json")["Body"].read())
    s3.put_object(Bucket=BUCKET, Key="models/latest.json", Body=json.dumps({**latest, "status": status}))


def test_an_invalid_threshold_is_rejected_before_the_run_takes_the_lock(s3, monkeypatch):
    monkeypatch.setenv("COST_OF_MISS", "10")
    with pytest.raises(InvalidSetting, match="CostOfMiss is set and CostOfAlarm is not"):
        prepare({})
    assert "models/latest.json" not in [
        item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())
    ]


def test_the_reference_is_prepared_with_the_run_or_stops_it(s3, monkeypatch):
    monkeypatch.setenv("REFERENCE_HOLDOUT", "reference/x.csv")
    with pytest.raises(ReferenceUnfit, match="reference/x.csv does not exist"):
        prepare({})
    s3.put_object(Bucket=BUCKET, Key="reference/x.csv", Body=ROWS.encode())
    run = prepare({})["run"]
    written = s3.get_object(Bucket=BUCKET, Key=f"models/{run}/reference.csv")["Body"].read()
    assert written.splitlines()[:2] == [b"age,y", b"0,yes"]


def test_a_run_is_prepared_again_when_the_state_is_retried(s3):
    first = prepare({})
    assert (first["decision"], first["rows"]) == ("train", 650)
    assert prepare({}) == first
    contract = json.loads(
        s3.get_object(Bucket=BUCKET, Key=f"models/{first['run']}/contract.json")["Body"].read()
    )
    assert [feature["name"] for feature in contract["features"]] == ["age"]
    assert contract["dropped_columns"] == ["duration"]


def test_an_invalid_input_is_rejected(s3):
    with pytest.raises(InvalidInput, match="training_key"):
        prepare({"key": "training/x.csv"})


def test_a_missing_file_is_named(s3):
    with pytest.raises(NoTrainingFile, match="training/gone.csv"):
        prepare({"training_key": "training/gone.csv"})


def test_drift_trains_on_new_data_and_skips_with_a_reason_otherwise(s3):
    assert prepare({"trigger": "drift"})["decision"] == "train"
    end(s3, "rejected")
    assert "model was rejected" in prepare({"trigger": "drift"}, "two")["reason"]
    s3.put_object(Bucket=BUCKET, Key="training/y.csv", Body=(ROWS + "1,1,no\n").encode())
    cooling = prepare({"trigger": "drift"}, "three", "2026-11-23T20:00:00Z")
    assert cooling["decision"] == "skip"
    assert "may start from 2026-11-24T03:15:00Z" in cooling["reason"]
    assert prepare({"trigger": "drift"}, "four", "2026-11-24T03:15:00Z")["decision"] == "train"


def test_drift_does_not_repeat_a_run_that_failed_at_full_cost_until_there_are_new_rows(s3):
    prepare({"trigger": "drift"})
    end(s3, "failed")
    after_the_cool_down = "2026-11-25T12:00:00Z"
    again = prepare({"trigger": "drift"}, "two", after_the_cool_down)
    assert (again["decision"], "which failed. Fix the cause" in again["reason"]) == ("skip", True)
    s3.put_object(Bucket=BUCKET, Key="training/y.csv", Body=(ROWS + "1,1,no\n").encode())
    assert prepare({"trigger": "drift"}, "three", after_the_cool_down)["decision"] == "train"


def contract_of(s3, answer):
    return json.loads(
        s3.get_object(Bucket=BUCKET, Key=f"models/{answer['run']}/contract.json")["Body"].read()
    )


@pytest.mark.parametrize(
    ("parameter", "request_", "trained_on"),
    [
        ("", {}, "training/z.csv"),
        ("training/x.csv", {}, "training/x.csv"),
        ("training/2026/", {}, "training/2026/"),
        ("training/x.csv", {"training_key": "training/2026/"}, "training/2026/"),
        ("training/2026/", {"trigger": "drift"}, "training/2026/"),
    ],
)
def test_the_data_come_from_the_input_the_parameter_or_the_newest_file(
    s3, monkeypatch, parameter, request_, trained_on
):
    for name in ("2026/01.csv", "2026/02.csv", "z.csv"):
        s3.put_object(Bucket=BUCKET, Key=f"training/{name}", Body=ROWS.encode())
    monkeypatch.setenv("TRAINING_KEY", parameter)
    answer = prepare(request_)
    assert contract_of(s3, answer)["training"]["key"] == trained_on
    assert answer["rows"] == (1300 if trained_on == "training/2026/" else 650)


@pytest.mark.parametrize(
    ("name", "value"), [("AUTOPILOT_MODE", "HYPERPARAMETER_TUNING"), ("BAKE_SECONDS", "1200")]
)
def test_a_deployment_that_cannot_succeed_is_rejected_before_the_run_begins(s3, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ServingRefused):
        prepare({})
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix="models/")["KeyCount"] == 0


def test_the_newest_rows_are_held_out_if_the_parameter_says_so(s3, monkeypatch):
    monkeypatch.setenv("HOLDOUT_BY", "newest")
    run = prepare({})["run"]
    holdout = s3.get_object(Bucket=BUCKET, Key=f"models/{run}/holdout.csv")["Body"].read().decode()
    assert holdout.splitlines()[1:] == [f"{n},{'yes' if n % 5 == 0 else 'no'}" for n in range(520, 650)]


@pytest.mark.parametrize("trigger", ["manual", "drift"])
def test_a_run_in_progress_stops_a_person_with_an_error_and_drift_with_a_reason(s3, trigger):
    first = {"execution": start_execution(), "started": "2026-11-23T07:15:00Z", "input": {}}
    run = lambda_handler(first, Context())["run"]
    second = {**first, "execution": "arn:aws:states:us-east-1:123456789012:execution:train:two"}
    second["input"] = {"trigger": trigger}
    if trigger == "manual":
        with pytest.raises(RunInProgress, match=f"Run {run}"):
            lambda_handler(second, Context())
    else:
        answer = lambda_handler(second, Context())
        assert answer["decision"] == "skip"
        assert f"Run {run}" in answer["reason"]


def start_execution():
    """The ARN of a running execution; in moto it runs forever."""
    stepfunctions = client("stepfunctions")
    machine = stepfunctions.create_state_machine(
        name="train",
        definition='{"StartAt": "S", "States": {"S": {"Type": "Succeed"}}}',
        roleArn="arn:aws:iam::123456789012:role/train",
    )
    return stepfunctions.start_execution(stateMachineArn=machine["stateMachineArn"])["executionArn"]


def test_a_network_for_a_serverless_endpoint_is_rejected_before_training(s3, monkeypatch):
    monkeypatch.setenv("NETWORK_ISOLATION", "true")
    with pytest.raises(ServingRefused, match="network isolation"):
        prepare({})


@pytest.mark.parametrize(
    ("variable", "words"),
    [
        ("MINIMUM_R2", "MinimumR2 is '0.3'.*Set MinimumAuc"),
        ("ERROR_TOLERANCE_PERCENT", "ErrorTolerancePercent is '0.3'.*Set AucTolerance"),
        ("MAX_ERROR_RISE_PERCENT", "MaxErrorRisePercent is '0.3'.*Set MaxAucDrop"),
        ("MINIMUM_MACRO_F1", "MinimumMacroF1 is '0.3'.*Set MinimumAuc"),
    ],
)
def test_a_parameter_of_another_problem_type_is_rejected_before_training(s3, monkeypatch, variable, words):
    monkeypatch.setenv(variable, "0.3")
    with pytest.raises(InvalidSetting, match=words):
        prepare({})
