"""The local SageMaker as boto3 sees it: real trainings, and their models in use."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.support.local_sagemaker import (
    ACCOUNT,
    BUCKET,
    IMAGE,
    REGION,
    job_request,
    running,
    training_csv,
    until,
)
from tests.support.repository import ROOT

pytestmark = pytest.mark.sandbox

ALL_OUTPUTS = "predicted_label,probability,probabilities,labels"
DIGITS = ("0", "1", "2", "03")
LABELS_ALONE = "labels,predicted_label"
REFUSED = {
    "no-target": (
        training_csv(rows=600).replace(",y\n", ",z\n", 1),
        "target column 'y' is not in the training data",
    ),
    "too-few": (training_csv(rows=499), "499 rows; Autopilot needs at least 500"),
    "one-class": (training_csv(rows=600, labels=("no",)), "has only one class"),
    "not-csv": (b"\x1f\x8b\x00\xff" * 4000, "could not be read as a CSV"),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    with running(tmp_path_factory.mktemp("sagemaker")) as server:
        start_jobs(server)
        yield server


def start_jobs(server):
    """Starts all trainings of this module at once, so that they have ended when their tests need them."""
    create = server.sagemaker.create_auto_ml_job_v2
    create(**job_request("binary", server.put("binary/a.csv", training_csv())))
    server.put("digits/a.csv", training_csv(labels=DIGITS))
    server.put("digits/b.csv", training_csv(labels=DIGITS, seed=2))
    with_validation = job_request("digits", f"s3://{BUCKET}/digits/", problem=None, MaxCandidates=1)
    validation = job_request("", server.put("validation.csv", training_csv(300, labels=DIGITS, seed=3)))
    validation["AutoMLJobInputDataConfig"][0]["ChannelType"] = "validation"
    with_validation["AutoMLJobInputDataConfig"] += validation["AutoMLJobInputDataConfig"]
    create(**with_validation)
    numbers = server.put("numbers.csv", training_csv(700, labels=None))
    create(**job_request("numbers", numbers, problem="Regression", objective="RMSE", MaxCandidates=1))
    for name, (body, _) in REFUSED.items():
        create(**job_request(name, server.put(f"{name}.csv", body)))
    create(**job_request("out-of-time", server.put("x.csv", training_csv()), MaxAutoMLJobRuntimeInSeconds=1))


@pytest.fixture(scope="module")
def best(server):
    return server.wait_for_job("binary")["BestCandidate"]


@pytest.fixture(scope="module")
def endpoint(server, best):
    server.create_model("binary", best["InferenceContainers"][0]["ModelDataUrl"], ALL_OUTPUTS)
    server.create_config("binary", "binary")
    server.sagemaker.create_endpoint(EndpointName="binary", EndpointConfigName="binary")
    assert server.wait_for_endpoint("binary")["EndpointStatus"] == "InService"
    return "binary"


def test_a_job_shows_its_progress_and_can_be_stopped(server):
    uri = server.put("stop.csv", training_csv(rows=2000))
    server.sagemaker.create_auto_ml_job_v2(**job_request("stop-me", uri))
    under_way = server.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="stop-me")
    assert (under_way["AutoMLJobStatus"], under_way["AutoMLJobSecondaryStatus"]) == ("InProgress", "Starting")
    assert "BestCandidate" not in under_way

    server.sagemaker.stop_auto_ml_job(AutoMLJobName="stop-me")

    stopped = server.wait_for_job("stop-me")
    assert (stopped["AutoMLJobStatus"], stopped["AutoMLJobSecondaryStatus"]) == ("Stopped", "Stopped")
    assert stopped["EndTime"] >= stopped["CreationTime"]
    with pytest.raises(ClientError, match="the AutoML job is in status Stopped"):
        server.sagemaker.stop_auto_ml_job(AutoMLJobName="stop-me")


def test_a_running_job_names_the_best_candidate_so_far(server):
    def look():
        job = server.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="binary")
        return job if "BestCandidate" in job else None

    job = until(look, 120)
    assert job["AutoMLJobStatus"] == "InProgress"
    metric = job["BestCandidate"]["FinalAutoMLJobObjectiveMetric"]
    assert metric["MetricName"] == "AUC"
    assert 0.5 < metric["Value"] < 1.0


def test_a_job_has_a_leaderboard_with_measured_candidates(server, best):
    job = server.sagemaker.describe_auto_ml_job_v2(AutoMLJobName="binary")
    assert (job["AutoMLJobStatus"], job["AutoMLJobSecondaryStatus"]) == ("Completed", "Completed")
    assert job["ResolvedAttributes"]["AutoMLJobObjective"] == {"MetricName": "AUC"}

    candidates = server.sagemaker.list_candidates_for_auto_ml_job(
        AutoMLJobName="binary", SortBy="FinalObjectiveMetricValue"
    )["Candidates"]

    assert {c["CandidateName"] for c in candidates} >= {
        "LightGBM", "LightGBMXT", "XGBoost", "CatBoost", "RandomForest", "ExtraTrees", "LinearModel",
        "WeightedEnsemble-L2",
    }  # fmt: skip
    values = [c["FinalAutoMLJobObjectiveMetric"]["Value"] for c in candidates]
    assert values == sorted(values, reverse=True)
    assert candidates[0]["CandidateName"] == best["CandidateName"]
    assert 0.75 < values[0] < 1.0
    for candidate in candidates:
        metrics = {
            m["StandardMetricName"]: m["Value"] for m in candidate["CandidateProperties"]["CandidateMetrics"]
        }
        assert set(metrics) == {"AUC", "F1", "Accuracy", "BalancedAccuracy", "Precision", "Recall", "LogLoss"}
        assert metrics["AUC"] == candidate["FinalAutoMLJobObjectiveMetric"]["Value"]
        (container,) = candidate["InferenceContainers"]
        assert container["Image"] == IMAGE
        key = container["ModelDataUrl"].removeprefix(f"s3://{BUCKET}/")
        assert (
            key == f"autopilot/binary/sagemaker-automl-candidates/{candidate['CandidateName']}/model.tar.gz"
        )
        assert server.s3.head_object(Bucket=BUCKET, Key=key)["ContentLength"] > 1000


def test_the_best_candidate_is_explained_in_clarifys_form(server, best):
    place = best["CandidateProperties"]["CandidateArtifactLocations"]["Explainability"]
    assert (
        place == f"s3://{BUCKET}/autopilot/binary/documentation/explainability/output/{best['CandidateName']}"
    )
    key = f"{place.removeprefix(f's3://{BUCKET}/')}/analysis.json"
    analysis = json.loads(server.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read())
    ((label, found),) = analysis["explanations"]["kernel_shap"].items()
    header = next(csv.reader([training_csv(rows=1).splitlines()[0]]))
    assert label == "label0"
    assert set(found["global_shap_values"]) == set(header) - {"y"}
    assert max(found["global_shap_values"].values()) > 0
    others = server.sagemaker.list_candidates_for_auto_ml_job(AutoMLJobName="binary")["Candidates"]
    explained = [item for item in others if "CandidateArtifactLocations" in item["CandidateProperties"]]
    assert [item["CandidateName"] for item in explained] == [best["CandidateName"]]


def test_candidates_come_in_pages(server, best):
    pages = server.sagemaker.get_paginator("list_candidates_for_auto_ml_job").paginate(
        AutoMLJobName="binary", PaginationConfig={"PageSize": 3}
    )
    sizes = [len(page["Candidates"]) for page in pages]
    assert sizes == [3, 3, 2]


@pytest.mark.parametrize("name", REFUSED)
def test_data_unfit_to_train_on_fails_the_job_with_its_reason(server, name):
    job = server.wait_for_job(name)
    assert (job["AutoMLJobStatus"], job["AutoMLJobSecondaryStatus"]) == ("Failed", "Failed")
    assert REFUSED[name][1] in job["FailureReason"]


def test_a_job_without_time_for_a_candidate_fails(server):
    job = server.wait_for_job("out-of-time")
    assert job["AutoMLJobStatus"] == "Failed"
    assert "Give the job more time" in job["FailureReason"]


def test_a_job_without_data_fails(server):
    server.sagemaker.create_auto_ml_job_v2(**job_request("nothing", f"s3://{BUCKET}/not/there"))
    job = server.wait_for_job("nothing")
    assert (job["AutoMLJobStatus"], job["FailureReason"]) == (
        "Failed",
        f"There is no data under s3://{BUCKET}/not/there.",
    )


def test_a_row_returns_a_line_with_the_outputs_in_the_requested_order(server, endpoint):
    _, *rows = training_csv(rows=300, seed=5).splitlines(keepends=True)
    body = "".join(re.sub(r",[^,]*\n", "\r\n", row) for row in rows)

    lines = list(csv.reader(io.StringIO(server.invoke(endpoint, body))))

    assert len(lines) == 300
    assert {line[0] for line in lines} == {"no", "yes"}
    for label, probability, probabilities, labels in lines:
        assert labels == "['no', 'yes']"
        assert re.fullmatch(r"\[\d\.\d+, \d\.\d+\]", probabilities)
        both = [float(text) for text in probabilities.strip("[]").split(", ")]
        assert sum(both) == pytest.approx(1, abs=1e-5)
        assert float(probability) == both[("no", "yes").index(label)] == max(both)


def test_rows_get_the_same_scores_alone_and_together(server, endpoint):
    rows = ["20,admin.,-2.0\n", '80,"teacher, ""retired""",2\n', "50,never seen,\n"]
    together = server.invoke(endpoint, "".join(rows)).splitlines()
    assert [server.invoke(endpoint, row).strip() for row in rows] == together


@pytest.mark.parametrize(
    ("body", "options", "status", "message"),
    [
        ("37,admin.,1.0\n37,admin.\n", {}, 400, "Row 2 has 2 fields; the model takes 3."),
        ("37,admin.,1.0\n\n37,admin.,1.0\n", {}, 400, "Row 2 has 0 fields"),
        ("37,admin.,secret\n", {}, 400, "Row 1: the value of column 'rate' is not a number."),
        ('37,"admin.,1.0\n', {}, 400, "The body is not a CSV"),
        (b"37,\xff,1.0\n", {}, 400, "The body is not UTF-8."),
        (b"", {}, 400, "The body has no rows."),
        (b"{}", {"ContentType": "application/json"}, 415, "Content type 'application/json' is not supported"),
        ("37,admin.,1.0\n", {"Accept": "application/json"}, 406, "the answer is text/csv"),
    ],
)
def test_the_container_refuses_unreadable_requests(server, endpoint, body, options, status, message):
    with pytest.raises(server.runtime.exceptions.ModelError) as raised:
        server.invoke(endpoint, body, **options)
    answer = raised.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 424
    assert answer["OriginalStatusCode"] == status
    assert message in answer["OriginalMessage"]
    assert f"Received client error ({status}) from primary" in answer["Error"]["Message"]
    assert "secret" not in str(raised.value)


def test_a_serverless_endpoint_accepts_exactly_4_mib(server, endpoint):
    row = b'37,"teacher, retired",1.234567890123456789012345678901234567890\n'
    rows, rest = divmod(4 * 1024 * 1024, len(row))
    body = row * (rows - 1) + row[:-1] + b"0" * rest + b"\n"
    assert len(body) == 4 * 1024 * 1024
    assert server.invoke(endpoint, body).count("\n") == rows
    with pytest.raises(ClientError, match="has oversize body") as raised:
        server.invoke(endpoint, body + b"0")
    assert raised.value.response["Error"]["Code"] == "ValidationError"


def test_a_serverless_endpoint_throttles_beyond_its_concurrency(server, endpoint):
    body = "37,admin.,1.0\n" * 30_000
    gate = threading.Barrier(8)

    def invoke(_):
        gate.wait(10)
        try:
            return server.invoke(endpoint, body).count("\n")
        except ClientError as error:
            return error.response["Error"]["Code"]

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(invoke, range(8)))
    assert set(answers) == {30_000, "ThrottlingException"}
    assert server.invoke(endpoint, "37,admin.,1.0\n").count("\n") == 1


def test_a_regression_returns_only_a_number(server):
    job = server.wait_for_job("numbers")
    best = job["BestCandidate"]
    metrics = {m["StandardMetricName"]: m["Value"] for m in best["CandidateProperties"]["CandidateMetrics"]}
    assert set(metrics) == {"MSE", "RMSE", "MAE", "R2"}
    objective = best["FinalAutoMLJobObjectiveMetric"]
    assert (objective["MetricName"], objective["Type"]) == ("RMSE", "Minimize")
    assert objective["Value"] == metrics["RMSE"] == pytest.approx(metrics["MSE"] ** 0.5)
    assert 0.4 < metrics["RMSE"] < 0.8  # what is drawn on top of the columns has a deviation of 0.5
    (container,) = best["InferenceContainers"]
    assert container["Environment"] == {}
    server.create_model("numbers", container["ModelDataUrl"], "predicted_label")
    server.create_config("numbers", "numbers", InstanceType="ml.m5.large", InitialInstanceCount=1)
    server.sagemaker.create_endpoint(EndpointName="numbers", EndpointConfigName="numbers")
    server.wait_for_endpoint("numbers")
    low, high = map(float, server.invoke("numbers", "20,unknown,-2.0\n90,admin.,2.0\n").splitlines())
    assert (low, high) == (pytest.approx(0, abs=0.5), pytest.approx(3, abs=0.5))


def test_labels_that_look_like_numbers_are_returned_as_written(server):
    job = server.wait_for_job("digits")
    assert job["AutoMLJobStatus"] == "Completed"
    resolved = job["ResolvedAttributes"]
    assert resolved["AutoMLProblemTypeResolvedAttributes"] == {
        "TabularResolvedAttributes": {"ProblemType": "MulticlassClassification"}
    }
    assert job["BestCandidate"]["CandidateName"] == "LightGBM"
    server.create_model(
        "digits", job["BestCandidate"]["InferenceContainers"][0]["ModelDataUrl"], LABELS_ALONE
    )
    server.create_config("digits", "digits", InstanceType="ml.m5.large", InitialInstanceCount=1)
    server.sagemaker.create_endpoint(EndpointName="digits", EndpointConfigName="digits")
    server.wait_for_endpoint("digits")
    lines = list(csv.reader(io.StringIO(server.invoke("digits", "20,unknown,-3.0\n90,admin.,3.0\n"))))
    assert lines == [["['0', '03', '1', '2']", "0"], ["['0', '03', '1', '2']", "03"]]
    server.sagemaker.delete_endpoint(EndpointName="digits")
    with pytest.raises(ClientError, match=f"Endpoint digits of account {ACCOUNT} not found"):
        server.invoke("digits", "20,unknown,-3.0\n")
    with pytest.raises(
        ClientError, match=f'Could not find endpoint "arn:aws:sagemaker:{REGION}:{ACCOUNT}:endpoint/digits"'
    ):
        server.sagemaker.describe_endpoint(EndpointName="digits")


def test_an_update_switches_without_losing_a_request(server, best, endpoint):
    server.create_model("labels", best["InferenceContainers"][0]["ModelDataUrl"])
    server.create_config("labels", "labels")
    server.sagemaker.create_endpoint(EndpointName="switched", EndpointConfigName="binary")
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        server.sagemaker.delete_endpoint(EndpointName="switched")
    with pytest.raises(ClientError, match="not found"):
        server.invoke("switched", "37,admin.,1.0\n")
    server.wait_for_endpoint("switched")

    server.sagemaker.update_endpoint(EndpointName="switched", EndpointConfigName="labels")

    during = server.sagemaker.describe_endpoint(EndpointName="switched")
    assert (during["EndpointStatus"], during["EndpointConfigName"]) == ("Updating", "binary")
    assert during["PendingDeploymentSummary"]["EndpointConfigName"] == "labels"
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        server.sagemaker.update_endpoint(EndpointName="switched", EndpointConfigName="binary")
    widths = []

    def switched():
        widths.append(len(next(csv.reader([server.invoke("switched", "37,admin.,1.0\n")]))))
        return server.sagemaker.describe_endpoint(EndpointName="switched")["EndpointStatus"] == "InService"

    until(switched, 60)
    widths.append(len(next(csv.reader([server.invoke("switched", "37,admin.,1.0\n")]))))
    assert widths == sorted(widths, reverse=True)
    assert {widths[0], widths[-1]} == {4, 1}
    after = server.sagemaker.describe_endpoint(EndpointName="switched")
    assert after["EndpointConfigName"] == "labels"
    assert "FailureReason" not in after


def test_an_update_that_fails_leaves_the_old_configuration_in_service(server, endpoint):
    server.create_model("broken", server.put("broken/model.tar.gz", b"no archive"))
    server.create_config("broken", "broken")
    server.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName="broken")
    rolled_back = server.wait_for_endpoint(endpoint)
    assert (rolled_back["EndpointStatus"], rolled_back["EndpointConfigName"]) == ("InService", "binary")
    assert "not a readable model.tar.gz" in rolled_back["FailureReason"]
    assert server.invoke(endpoint, "37,admin.,1.0\n").count("\n") == 1


def test_an_endpoint_whose_container_does_not_start_fails(server, best):
    server.create_model(
        "unknown-output", best["InferenceContainers"][0]["ModelDataUrl"], "predicted_label,magic"
    )
    server.create_config("unknown-output", "unknown-output")
    server.sagemaker.create_endpoint(EndpointName="unknown-output", EndpointConfigName="unknown-output")
    failed = server.wait_for_endpoint("unknown-output")
    assert failed["EndpointStatus"] == "Failed"
    assert "did not pass the ping health check" in failed["FailureReason"]
    log = Path(re.search(r"its log, (.*)\.$", failed["FailureReason"])[1])
    assert "magic is none of" in log.read_text()
    with pytest.raises(ClientError, match="Cannot update failed endpoint"):
        server.sagemaker.update_endpoint(EndpointName="unknown-output", EndpointConfigName="binary")
    server.sagemaker.delete_endpoint(EndpointName="unknown-output")


@pytest.mark.parametrize(
    ("name", "variant", "capacity", "message"),
    [
        ("renamed", "Other", {}, "must have the production variant AllTraffic"),
        (
            "instances",
            "AllTraffic",
            {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
            "cannot change between serverless and instances",
        ),
    ],
)
def test_an_update_that_sagemaker_would_refuse_is_refused(server, endpoint, name, variant, capacity, message):
    server.create_config(name, "binary", variant=variant, **capacity)
    with pytest.raises(ClientError, match=message):
        server.sagemaker.update_endpoint(EndpointName=endpoint, EndpointConfigName=name)
    assert server.sagemaker.describe_endpoint(EndpointName=endpoint)["EndpointStatus"] == "InService"


def test_children_end_when_their_parent_is_killed(server, tmp_path):
    script = f"""
import sys
from pathlib import Path
from sandbox.install import environments
from sandbox.sagemaker.children import Child
from tests.support.repository import ROOT
child = Child(environments().model_python, "train.py", [{str(tmp_path)!r}], {{}}, Path({str(tmp_path / "log")!r}))
print(child.pid, flush=True)
sys.stdin.read()
"""
    # A job file that nobody ever fills keeps the training busy reading until it is ended.
    os.mkfifo(tmp_path / "job.json")
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    )
    child = int(parent.stdout.readline())
    os.kill(child, 0)
    parent.send_signal(signal.SIGKILL)
    parent.wait(10)
    until(lambda: not running_process(child), 10)
    parent.stdin.close()
    parent.stdout.close()


def running_process(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # Nobody may be there to collect an orphan; it has ended all the same.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
