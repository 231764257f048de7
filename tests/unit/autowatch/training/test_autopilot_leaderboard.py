from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket
from autowatch.records.keys import leaderboard_key
from autowatch.training.autopilot import keep_leaderboard, read_leaderboard
from tests.support.sagemaker_double import SageMaker

START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def candidate(name, value, seconds=60, status="Completed"):
    objective = {"FinalAutoMLJobObjectiveMetric": {"MetricName": "AUC", "Value": value}} if value else {}
    metrics = [
        {"MetricName": "AUC", "StandardMetricName": "AUC", "Value": value, "Set": "Validation"},
        {"StandardMetricName": "LogLoss", "Value": 0.3, "Set": "Train"},
    ]
    return objective | {
        "CandidateName": name,
        "CandidateStatus": status,
        "CreationTime": START,
        **({"EndTime": START + timedelta(seconds=seconds)} if seconds else {}),
        "CandidateProperties": {"CandidateMetrics": metrics if value else []},
    }


@pytest.fixture
def sagemaker():
    sagemaker = SageMaker()
    best = candidate("best", 0.8)
    locations = {"Explainability": "s3://b/explainability", "ModelInsights": "s3://b/insights"}
    best["CandidateProperties"]["CandidateArtifactLocations"] = locations
    sagemaker.put_job("job", "Completed", "Completed", best)
    sagemaker.jobs["job"]["AutoMLJobArtifacts"] = {"DataExplorationNotebookLocation": "s3://b/notebook"}
    sagemaker.candidates = [
        candidate("failed", None, seconds=None, status="Failed"),
        candidate("middle", 0.7, seconds=30),
        # Autopilot may prefer another one at the same value: what it calls best stands first.
        candidate("as good", 0.8),
        best,
    ]
    return sagemaker


def test_every_candidate_of_every_page_is_listed_best_first(sagemaker):
    board = read_leaderboard(sagemaker, "job")
    assert [item.name for item in board.candidates] == ["best", "as good", "middle", "failed"]
    assert (board.best_candidate, board.objective) == ("best", "AUC")
    assert board.candidates[2].seconds == 30
    assert (board.candidates[3].value, board.candidates[3].seconds) == (None, None)
    assert board.candidates[0].metrics == {"AUC (Validation)": 0.8, "LogLoss (Train)": 0.3}
    assert board.artefacts == {
        "Explainability": "s3://b/explainability",
        "ModelInsights": "s3://b/insights",
        "DataExplorationNotebookLocation": "s3://b/notebook",
    }


def test_the_leaderboard_is_kept_with_the_run(sagemaker):
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="bank")
        keep_leaderboard(Bucket(s3, "bank"), sagemaker, "r", "job")
        document = Bucket(s3, "bank").read_json(leaderboard_key("r"))
    assert document["candidates"][0]["name"] == "best"
    assert document["job_name"] == "job"
