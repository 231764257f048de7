"""Staging and making again, against a SageMaker whose states the test sets, and a real (local) S3."""

import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectMissing, ObjectVersion
from autowatch.records.keys import LATEST_KEY, leaderboard_key
from autowatch.records.run import Run, RunEnded, begin_ending, read_latest
from autowatch.training.serving.endpoints import CandidateStillThere, Serving
from autowatch.training.serving.model_record import read_model_record
from autowatch.training.serving.staging import (
    release,
    restore_model,
    stage_challenger,
)
from tests.support.sagemaker_double import SageMaker

BUCKET, RUN, LATER = "bank", "20261123-071500-d822", "20261124-071500-d822"


MODEL = f"e-{RUN}"


HOW = {
    "endpoint_name": "e",
    "serving": Serving("", 1, 4096, 4),
    "role_arn": "arn:aws:iam::123456789012:role/sagemaker-role",
    "tags": {"autowatch:run": RUN},
}


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        run = Run(RUN, "arn", "running", "manual", ObjectVersion("training/x.csv", None, "e", 5), "t")
        Bucket(s3, BUCKET).write_json(LATEST_KEY, run)
        yield s3


@pytest.fixture
def sagemaker():
    sagemaker = SageMaker()
    containers = [{"Image": "i", "ModelDataUrl": "s3://m", "Environment": {"A": "1"}}]
    sagemaker.put_job(
        "job", "Completed", "Completed", {"CandidateName": "best", "InferenceContainers": containers}
    )
    return sagemaker


def stage(s3, sagemaker):
    return stage_challenger(Bucket(s3, BUCKET), sagemaker, RUN, job_name="job", **HOW)


def test_a_challenger_is_staged_once_with_its_records(s3, sagemaker):
    assert stage(s3, sagemaker) == stage(s3, sagemaker) == "e-candidate"
    assert sagemaker.calls.count("CreateEndpoint") == 1
    assert sagemaker.endpoints["e-candidate"]["EndpointConfigName"] == MODEL
    assert Bucket(s3, BUCKET).read_json(leaderboard_key(RUN))["best_candidate"] == "best"
    (container,) = read_model_record(Bucket(s3, BUCKET), RUN).containers
    served = sagemaker.models[MODEL]["PrimaryContainer"]
    assert container == served | {"Environment": container["Environment"]}
    assert container["Environment"].items() <= served["Environment"].items()


def restore(s3, sagemaker, **how):
    restore_model(Bucket(s3, BUCKET), sagemaker, LATER, promoted=RUN, **(HOW | how))


def test_a_deleted_model_is_recreated_unchanged(s3, sagemaker):
    stage(s3, sagemaker)
    model, config = sagemaker.models.pop(MODEL), sagemaker.configs.pop(MODEL)
    restore(s3, sagemaker)
    restore(s3, sagemaker)
    assert (sagemaker.models, sagemaker.configs) == ({MODEL: model}, {f"e-{LATER}": config})


def test_an_existing_model_is_served_with_the_present_settings(s3, sagemaker):
    stage(s3, sagemaker)
    before = sagemaker.configs[MODEL]
    restore(s3, sagemaker, serving=Serving("", 1, 6144, 20))
    (variant,) = sagemaker.configs[f"e-{LATER}"]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 6144, "MaxConcurrency": 20}
    assert variant["ModelName"] == MODEL
    assert sagemaker.configs[MODEL] == before


def test_a_model_without_a_record_is_not_created(s3, sagemaker):
    with pytest.raises(ObjectMissing, match=r"model\.json"):
        restore(s3, sagemaker)
    assert not sagemaker.models


def test_nothing_is_created_for_a_stopped_run(s3, sagemaker):
    bucket = Bucket(s3, BUCKET)
    begin_ending(bucket, read_latest(bucket))
    with pytest.raises(RunEnded):
        stage(s3, sagemaker)
    assert not sagemaker.models
    assert not sagemaker.endpoints


def test_the_candidate_is_deleted_before_the_endpoint_grows(s3, sagemaker):
    stage(s3, sagemaker)
    sagemaker.settle("e-candidate")
    for _ in range(2):
        with pytest.raises(CandidateStillThere):
            release(sagemaker, "e", MODEL, {}, {})
    assert "e" not in sagemaker.endpoints
    sagemaker.settle("e-candidate")
    release(sagemaker, "e", MODEL, {}, {})
    assert set(sagemaker.endpoints) == {"e"}
