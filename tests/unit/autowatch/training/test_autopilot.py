from datetime import UTC, datetime, timedelta

import pytest

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.records.contract import Contract, Feature
from autowatch.settings import Network
from autowatch.training.autopilot import (
    AutopilotFailed,
    AutopilotOverdue,
    Limits,
    best_containers,
    describe_job,
    job_name,
    read_leaderboard,
    start_job,
    stop_job,
)
from tests.support.sagemaker_double import SageMaker

RUN = "20261123-071500-d822"
NAME = job_name(RUN)
BEST = {
    "CandidateName": "best",
    "FinalAutoMLJobObjectiveMetric": {"MetricName": "AUC", "Value": 0.8},
    "InferenceContainers": [{"Image": "i", "ModelDataUrl": "s3://m", "Environment": {"A": "1"}}],
}


@pytest.fixture
def sagemaker():
    return SageMaker()


NOWHERE = Network()


def start(sagemaker, mode="ENSEMBLING", kms_key="", network=NOWHERE, objective="AUC", problem_type="binary"):
    contract = Contract(
        RUN,
        "y",
        ("no", "yes"),
        "yes",
        (Feature("age", "numeric"),),
        (),
        600,
        1,
        ObjectVersion("k", None, "e", 1),
        problem_type=problem_type,
    )
    return start_job(
        sagemaker,
        Bucket(None, "bank"),
        contract,
        role_arn="arn:aws:iam::123456789012:role/sagemaker-role",
        mode=mode,
        objective=objective,
        limits=Limits(5, 600),
        kms_key=kms_key,
        network=network,
        tags={"autowatch:run": RUN},
    )


def describe(sagemaker, now=None):
    return describe_job(sagemaker, NAME, limit_seconds=600, poll_seconds=30, now=now or datetime.now(UTC))


def test_the_name_fits_and_names_the_run():
    assert len(NAME) <= 32
    assert RUN in NAME


def test_the_job_is_created_once_from_the_parameters(sagemaker):
    assert start(sagemaker) == start(sagemaker) == NAME
    request = sagemaker.jobs[NAME]["request"]
    job = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert (job["TargetAttributeName"], job["Mode"], job["ProblemType"]) == (
        "y",
        "ENSEMBLING",
        "BinaryClassification",
    )
    assert job["CompletionCriteria"] == {"MaxCandidates": 5, "MaxAutoMLJobRuntimeInSeconds": 600}
    assert request["AutoMLJobObjective"] == {"MetricName": "AUC"}
    (channel,) = request["AutoMLJobInputDataConfig"]
    assert channel["DataSource"]["S3DataSource"]["S3Uri"] == f"s3://bank/models/{RUN}/train.csv"
    assert "SecurityConfig" not in request
    assert "KmsKeyId" not in request["OutputDataConfig"]


@pytest.mark.parametrize(
    ("problem_type", "objective", "asked_for"),
    [
        ("binary", "auto", ("BinaryClassification", "AUC")),
        ("multiclass", "auto", ("MulticlassClassification", "F1macro")),
        ("multiclass", "BalancedAccuracy", ("MulticlassClassification", "BalancedAccuracy")),
        ("regression", "auto", ("Regression", "RMSE")),
        ("regression", "MAE", ("Regression", "MAE")),
    ],
)
def test_each_problem_type_has_its_own_kind_of_job_and_objective(
    sagemaker, problem_type, objective, asked_for
):
    start(sagemaker, objective=objective, problem_type=problem_type)
    request = sagemaker.jobs[NAME]["request"]
    job = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    assert (job["ProblemType"], request["AutoMLJobObjective"]["MetricName"]) == asked_for


def test_the_containers_of_a_model_that_predicts_numbers_are_left_as_they_are(sagemaker):
    containers = [
        {"Image": name, "ModelDataUrl": f"s3://{name}", "Environment": {"SAGEMAKER_PROGRAM": "serve"}}
        for name in ("features", "algorithm")
    ]
    start(sagemaker, objective="auto", problem_type="regression")
    asked = sagemaker.jobs[NAME]["request"]["AutoMLProblemTypeConfig"]
    sagemaker.put_job(NAME, "Completed", "Completed", {**BEST, "InferenceContainers": containers})
    sagemaker.jobs[NAME]["AutoMLProblemTypeConfig"] = asked
    assert best_containers(sagemaker, NAME) == containers


def test_mode_and_key_come_from_the_parameters(sagemaker):
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    start(sagemaker, "HYPERPARAMETER_TUNING", key)
    request = sagemaker.jobs[NAME]["request"]
    assert request["AutoMLProblemTypeConfig"]["TabularJobConfig"]["Mode"] == "HYPERPARAMETER_TUNING"
    assert request["OutputDataConfig"]["KmsKeyId"] == request["SecurityConfig"]["VolumeKmsKeyId"] == key


def test_a_job_runs_in_the_given_network(sagemaker):
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    start(sagemaker, kms_key=key, network=Network(("subnet-1",), ("sg-1",)))
    security = sagemaker.jobs[NAME]["request"]["SecurityConfig"]
    vpc = {"Subnets": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}
    assert security == {"VolumeKmsKeyId": key, "VpcConfig": vpc}


def test_a_running_job_is_not_done(sagemaker):
    sagemaker.put_job(NAME, "InProgress", "TrainingModels")
    progress = describe(sagemaker)
    assert (progress.done, progress.status, progress.best_candidate) == (False, "TrainingModels", None)
    assert progress.wait_seconds == 30


@pytest.mark.parametrize("secondary", ["Completed", "MaxAutoMLJobRuntimeReached", "MaxCandidatesReached"])
def test_a_completed_job_is_done_even_at_a_limit(sagemaker, secondary):
    sagemaker.put_job(NAME, "Completed", secondary, BEST)
    progress = describe(sagemaker)
    assert (progress.done, progress.best_candidate, progress.best_value) == (True, "best", 0.8)


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_failed_job_ends_the_run_with_sagemakers_reason(sagemaker, status):
    sagemaker.put_job(NAME, status, status, reason="The dataset has too few rows.")
    with pytest.raises(AutopilotFailed, match=f"{status}: The dataset has too few rows."):
        describe(sagemaker)


def test_a_job_that_completed_without_a_candidate_ends_the_run(sagemaker):
    sagemaker.put_job(NAME, "Completed", "MaxAutoMLJobRuntimeReached")
    with pytest.raises(AutopilotFailed, match="MaxAutoMLJobRuntimeReached"):
        describe(sagemaker)


def test_a_job_far_past_its_limit_ends_the_run(sagemaker):
    now = datetime.now(UTC)
    sagemaker.put_job(NAME, "InProgress", "TrainingModels", created=now - timedelta(seconds=4200))
    assert not describe(sagemaker, now).done
    with pytest.raises(AutopilotOverdue, match="limit is 600 s"):
        describe(sagemaker, now + timedelta(seconds=1))


def test_a_job_far_past_its_limit_that_only_explains_its_best_candidate_is_done(sagemaker):
    now = datetime.now(UTC)
    created = now - timedelta(seconds=4201)
    sagemaker.put_job(NAME, "InProgress", "GeneratingExplainabilityReport", BEST, created=created)
    assert describe(sagemaker, now).done
    assert not describe(sagemaker, now - timedelta(seconds=1)).done


@pytest.mark.parametrize("secondary", ["ExplainabilityError", "ModelInsightsError"])
def test_a_job_that_only_failed_to_explain_its_best_candidate_is_done(sagemaker, secondary):
    sagemaker.put_job(NAME, "Failed", secondary, BEST, reason="No permission.")
    assert describe(sagemaker).done


def test_autopilots_partial_failures_are_kept_with_the_leaderboard(sagemaker):
    sagemaker.put_job(NAME, "Completed", "Completed", BEST)
    sagemaker.jobs[NAME]["PartialFailureReasons"] = [{"PartialFailureMessage": "No insights."}, {}]
    assert read_leaderboard(sagemaker, NAME).partial_failures == ("No insights.",)


def test_the_model_returns_all_four_outputs_in_order(sagemaker):
    sagemaker.put_job(NAME, "Completed", "Completed", BEST)
    (container,) = best_containers(sagemaker, NAME)
    outputs = "predicted_label,probability,probabilities,labels"
    assert container == {
        "Image": "i",
        "ModelDataUrl": "s3://m",
        "Environment": {"A": "1", "SAGEMAKER_INFERENCE_OUTPUT": outputs},
    }


def test_each_container_of_a_chain_knows_the_previous_ones_output(sagemaker):
    """The environments are those that Autopilot's candidates of the mode HYPERPARAMETER_TUNING come with."""
    supported = {
        "prepare": None,
        "predict": "predicted_label, probability, probabilities",
        "labels": "predicted_label,labels,probability,probabilities",
    }
    chain = [
        {
            "Image": image,
            "ModelDataUrl": "s3://m",
            "Environment": {"SAGEMAKER_INFERENCE_SUPPORTED": names} if names else {},
        }
        for image, names in supported.items()
    ]
    sagemaker.put_job(NAME, "Completed", "Completed", BEST | {"InferenceContainers": chain})
    asked = [container["Environment"] for container in best_containers(sagemaker, NAME)]
    assert asked[0] == {}
    assert "SAGEMAKER_INFERENCE_INPUT" not in asked[1]
    assert asked[1]["SAGEMAKER_INFERENCE_OUTPUT"] == "predicted_label,probability,probabilities"
    assert asked[2]["SAGEMAKER_INFERENCE_INPUT"] == "predicted_label,probability,probabilities"
    assert asked[2]["SAGEMAKER_INFERENCE_OUTPUT"] == "predicted_label,probability,probabilities,labels"


def test_only_a_running_job_is_stopped(sagemaker):
    stop_job(sagemaker, NAME)
    sagemaker.put_job(NAME, "Completed", "Completed", BEST)
    stop_job(sagemaker, NAME)
    assert "StopAutoMLJob" not in sagemaker.calls
    sagemaker.put_job(NAME, "InProgress", "TrainingModels")
    stop_job(sagemaker, NAME)
    assert sagemaker.jobs[NAME]["AutoMLJobStatus"] == "Stopping"
