"""The whole loop end to end, on the real template, on a few thousand generated rows; then bad input."""

import json
import re
import time
from urllib.parse import unquote

import pytest

from sandbox.client import running_sandbox
from sandbox.demo.keep import harm, keep_story
from sandbox.demo.progress import Progress
from sandbox.demo.spans import cut_spans
from sandbox.demo.story import PARAMETERS, play
from sandbox.demo.synthetic import write_bank_marketing
from sandbox.faults import Fault
from tests.support.mail_text import text_of
from tests.support.repository import OWN_KEY

pytestmark = pytest.mark.sandbox


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    parameters = PARAMETERS | {"KmsKeyArn": OWN_KEY}
    with running_sandbox(parameters=parameters, state_dir=tmp_path_factory.mktemp("loop")) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def story(sandbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_bank_marketing(folder / "bank.csv", 6000, 3)
    early, late = cut_spans(folder / "bank.csv", folder, 800)
    return play(sandbox, early, late, Progress())


@pytest.fixture
def s3(sandbox):
    return sandbox.client("s3")


@pytest.fixture
def bucket(sandbox):
    return sandbox.outputs["DataBucketName"]


def read_json(s3, bucket, key):
    return json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read())


def keys(s3, bucket, prefix=""):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not (result := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return result


class TestBeforeAnyModel:
    """Runs first, on a newly deployed stack."""

    def test_a_file_before_the_first_model_is_refused_with_the_remedy(self, sandbox, s3, bucket):
        s3.put_object(Bucket=bucket, Key="inference/früh + zu früh.csv", Body=b"age;job\n30;admin.\n")
        (key,) = wait_for(lambda: keys(s3, bucket, "rejected/"))
        error = read_json(s3, bucket, key)
        assert key.endswith(".error.json")
        assert "früh + zu früh" in key
        assert (error["error"], error["input"]["key"]) == ("NoChampion", "inference/früh + zu früh.csv")
        assert "start a training run" in error["reason"]
        assert not keys(s3, bucket, "predictions/")
        assert wait_for(lambda: "NoChampion" in sandbox.logs("InvokeEndpointFunction"))
        s3.delete_object(Bucket=bucket, Key=key)

    @pytest.mark.parametrize(
        ("body", "error", "words"),
        [
            (b"age;job\n" + b"30;admin.\n" * 600, "TargetMissing", "no column 'y'"),
            (b"age;duration;y\n" + b"30;9;no\n" * 600, "WrongClasses", "the same label in all rows"),
            (b"", "EmptyFile", "empty"),
            (b"\x89PNG\r\n\x1a\n\x00\x00\xff", "NotUtf8", "UTF-8"),
        ],
        ids=["no target", "one class", "empty", "no csv"],
    )
    def test_an_unfit_training_file_fails_in_prepare_and_creates_nothing(
        self, sandbox, s3, bucket, body, error, words
    ):
        s3.put_object(Bucket=bucket, Key="training/unfit.csv", Body=body)
        mails = len(sandbox.mailbox.messages())
        stepfunctions = sandbox.client("stepfunctions")
        arn = stepfunctions.start_execution(
            stateMachineArn=sandbox.outputs["TrainStateMachineArn"],
            input='{"training_key": "training/unfit.csv"}',
        )["executionArn"]
        wait_for(lambda: stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
        answer = stepfunctions.describe_execution(executionArn=arn)
        assert (answer["status"], answer["error"]) == ("FAILED", error)
        assert words in answer["cause"]
        assert words in text_of(sandbox.mailbox.messages()[mails])
        sagemaker = sandbox.client("sagemaker")
        assert not sagemaker.list_auto_ml_jobs()["AutoMLJobSummaries"]
        assert not sagemaker.list_models()["Models"]
        assert not sagemaker.list_endpoints()["Endpoints"]
        assert not any(key.endswith((".csv", "contract.json")) for key in keys(s3, bucket, "models/"))
        assert read_json(s3, bucket, "models/latest.json")["status"] == "failed"


class TestStory:
    def test_the_first_model_is_trained_judged_and_released(self, story):
        assert story.first_release.trigger == "manual"
        assert story.first_release.holdout_auc >= float(PARAMETERS["MinimumAuc"])

    def test_every_row_of_every_batch_is_scored(self, story):
        for scored in (story.early_batch, story.late_batch, story.late_batch_again):
            assert (scored.rows_in, scored.scored, scored.rejected) == (800, 800, 0)

    def test_the_early_batch_does_not_drift_and_the_late_one_does(self, story):
        assert story.first_day.verdict == "no drift"
        assert story.second_day.verdict == "drift"
        assert {"euribor3m", "emp.var.rate", "nr.employed"} <= set(story.second_day.drifted_columns)
        assert story.last_day.verdict == "no drift"

    def test_labels_say_how_good_the_early_batch_was(self, story):
        labels = story.early_labels
        assert (labels.rows_scored, labels.rows_labelled) == (800, 800)
        assert labels.auc == pytest.approx(story.early_batch.fit.auc)
        assert labels.lower < labels.auc < labels.upper

    def test_drift_retrained_and_the_new_model_is_better(self, story):
        assert story.second_release.trigger == "drift"
        assert story.late_batch.run == story.first_release.run
        assert story.late_batch_again.run == story.second_release.run
        assert story.late_batch_again.fit.auc > story.late_batch.fit.auc + 0.05

    def test_domino_has_every_file_once(self, story):
        assert len(set(story.registered_with_domino)) == len(story.registered_with_domino) == 3

    def test_people_were_notified(self, story):
        subjects = [mail.subject for mail in story.mails]
        assert sum("Model released" in subject for subject in subjects) == 2
        assert sum("Drift on" in subject for subject in subjects) == 1
        assert any(subject.startswith("Data drift in model") for subject in subjects)

    def test_only_the_endpoint_is_left_and_it_serves_the_champion(self, story, sandbox, s3, bucket):
        sagemaker = sandbox.client("sagemaker")
        champion = read_json(s3, bucket, "models/champion.json")
        assert champion["run"] == story.second_release.run
        (endpoint,) = sagemaker.list_endpoints()["Endpoints"]
        described = sagemaker.describe_endpoint(EndpointName=endpoint["EndpointName"])
        assert described["EndpointConfigName"] == champion["endpoint_config"]

    def test_autopilots_explanation_is_kept_in_the_contract(self, story, s3, bucket):
        run = story.first_release.run
        found = read_json(s3, bucket, f"models/{run}/importance.json")
        contract = read_json(s3, bucket, f"models/{run}/contract.json")
        assert (found["method"], found["note"]) == ("autopilot", "")
        assert contract["importance"] == {column["name"]: column["share"] for column in found["columns"]}
        assert set(contract["importance"]) == {feature["name"] for feature in contract["features"]}
        assert sum(contract["importance"].values()) == pytest.approx(1, abs=0.01)
        page = s3.get_object(Bucket=bucket, Key=f"models/{run}/report.html")["Body"].read().decode()
        assert "explanation of the model: each column" in page

    def test_the_report_names_the_drifted_columns(self, story):
        page = story.second_day.reports[story.second_day.page].decode()
        assert "euribor3m" in page
        assert "of what the model uses" in page
        assert "<script" not in page

    def test_each_daily_runs_report_is_saved_with_working_links(self, story, tmp_path):
        pages = keep_story(story, tmp_path, "generated rows").days
        assert [page.relative_to(tmp_path / "reports").parts[0] for page in pages] == [
            "1-no-drift",
            "2-drift",
            "3-no-drift",
        ]
        for page in (tmp_path / "reports").rglob("index.html"):
            links = re.findall(r'href="([^"#]+)"', page.read_text())
            assert links
            assert [link for link in links if not (page.parent / link).is_file()] == []

    def test_one_page_links_to_everything_kept(self, story, tmp_path):
        kept = keep_story(story, tmp_path, "generated rows")
        links = re.findall(r'href="([^"]+)"', kept.index.read_text())
        targets = {(tmp_path / unquote(link)).resolve() for link in links}
        assert targets == {path.resolve() for path in (*kept.days, *kept.runs, *kept.mails)}
        assert all(path.is_file() for path in targets)
        assert len(kept.runs) == 2
        assert "<h1" in kept.runs[0].read_text()
        assert any("Subject: [autowatch] Drift on" in path.read_text() for path in kept.mails)
        assert not any("=\n" in path.read_text() for path in kept.mails)

    def test_the_harm_of_the_drift_shows_in_calibration_and_in_the_best_tenth(self, story):
        before, after = story.late_batch.fit, story.late_batch_again.fit
        assert abs(before.promised - before.came_true) > 2 * abs(after.promised - after.came_true)
        assert after.best_tenth_won > before.best_tenth_won
        assert f"{after.best_tenth_won:,} of its {after.best_tenth_rows:,} best" in harm(story)

    def test_metrics_carry_the_stacks_name(self, story, sandbox):
        metrics = sandbox.client("cloudwatch").list_metrics(Namespace="Autowatch")["Metrics"]
        named = {metric["MetricName"]: metric["Dimensions"] for metric in metrics}
        assert {"Name": "Stack", "Value": "autowatch"} in named["RowsScored"]
        assert {"Name": "Stack", "Value": "autowatch"} in named["DominoRegistered"]

    def test_no_function_logged_a_row(self, story, sandbox):
        logs = "".join(sandbox.logs(function) for function in sandbox.functions)
        assert "file scored" in logs
        assert "university.degree" not in logs
        secret = sandbox.client("secretsmanager").get_secret_value(SecretId="sandbox/domino-token")
        assert secret["SecretString"] not in logs


@pytest.mark.usefixtures("story")
class TestAfterwards:
    @pytest.mark.parametrize(
        ("name", "body", "error", "words"),
        [
            ("empty.csv", b"", "EmptyFile", "empty"),
            ("no header.csv", b"30;1;999\n31;2;999\n", "NoHeader", "names of the columns"),
            ("lacks columns.csv", b"age;job\n30;admin.\n", "MissingColumns", "euribor3m"),
            ("latin 1.csv", "age;gr\xf6\xdfe\n30;1\n".encode("latin-1"), "NotUtf8", "UTF-8"),
            ("ü+ö & co.csv", b"", "EmptyFile", "empty"),
        ],
    )
    def test_an_unreadable_inference_file_is_refused_with_one_clear_reason(
        self, s3, bucket, name, body, error, words
    ):
        before = keys(s3, bucket)
        s3.put_object(Bucket=bucket, Key=f"inference/{name}", Body=body)
        stem = name.removesuffix(".csv")
        (key,) = wait_for(
            lambda: {key for key in keys(s3, bucket, "rejected/") - before if f"/{stem}-" in key}
        )
        document = read_json(s3, bucket, key)
        assert (document["error"], document["input"]["key"]) == (error, f"inference/{name}")
        assert words in document["reason"]
        assert keys(s3, bucket, "predictions/") <= before

    def test_a_second_drift_run_waits_for_the_cooldown_with_a_reason(self, sandbox):
        mails = len(sandbox.mailbox.messages())
        stepfunctions = sandbox.client("stepfunctions")
        arn = stepfunctions.start_execution(
            stateMachineArn=sandbox.outputs["TrainStateMachineArn"], input='{"trigger": "drift"}'
        )["executionArn"]
        wait_for(lambda: stepfunctions.describe_execution(executionArn=arn)["status"] != "RUNNING")
        assert stepfunctions.describe_execution(executionArn=arn)["status"] == "SUCCEEDED"
        (mail,) = sandbox.mailbox.messages()[mails:]
        assert mail.subject == "[autowatch] Drift, but no training run"

    def test_the_daily_run_works_without_an_event(self, sandbox):
        answer = sandbox.client("lambda").invoke(FunctionName=sandbox.outputs["DetectDriftFunctionName"])
        assert "FunctionError" not in answer

    def test_a_range_and_a_raw_file_are_judged_on_demand(self, sandbox, s3, bucket):
        def ask(event):
            name = sandbox.outputs["DetectDriftFunctionName"]
            answer = sandbox.client("lambda").invoke(FunctionName=name, Payload=json.dumps(event).encode())
            return json.loads(answer["Payload"].read())

        day = next(key for key in keys(s3, bucket, "predictions/")).split("/")[1].removeprefix("date=")
        of_range = ask({"from": day, "to": day})["window"]
        of_file = ask({"raw_key": "inference/late batch again.csv"})["window"]
        assert (of_range["verdict"], of_range["rows"]) == ("no drift", 800)
        assert (of_file["verdict"], of_file["rows"], of_file["alarms"]) == ("no drift", 800, 0)
        for window in (of_range, of_file):
            assert {window["report_key"], window["page_key"]} <= keys(s3, bucket, "reports/")
        assert ask({"from": day})["errorType"] == "InvalidRequest"

    def test_a_token_refused_by_domino_fails_the_run(self, sandbox, s3, bucket):
        """The secret is changed without the loader's knowledge; the next daily run must fail."""
        secrets = sandbox.client("secretsmanager")
        (secret,) = secrets.list_secrets()["SecretList"]
        secrets.put_secret_value(SecretId=secret["ARN"], SecretString="another token")
        for key in keys(s3, bucket, "monitoring/domino/"):
            s3.delete_object(Bucket=bucket, Key=key)
        # A process may continue with the old token in its memory, so it is ended here.
        sandbox.faults(
            Fault("GetObject", "kill_before", begins="monitoring/", times=1, function="LoadDmmFunction")
        )
        sandbox.client("lambda").invoke(FunctionName=sandbox.outputs["LoadDmmFunctionName"], Payload=b"{}")
        sandbox.faults()
        answer = sandbox.client("lambda").invoke(
            FunctionName=sandbox.outputs["LoadDmmFunctionName"], Payload=b"{}"
        )
        assert answer["FunctionError"] == "Unhandled"
        document = json.loads(answer["Payload"].read())
        assert "DmmTokenSecretArn" in document["errorMessage"]
        assert "another token" not in sandbox.logs("LoadDmmFunction")
        assert not keys(s3, bucket, "monitoring/domino/predictions/")


def test_a_request_that_aws_would_refuse_is_refused_here(sandbox):
    sagemaker = sandbox.client("sagemaker")
    with pytest.raises(sagemaker.exceptions.ClientError, match="ValidationException"):
        sagemaker.create_endpoint(EndpointName="x", EndpointConfigName="does-not-exist")
