import boto3
import pytest
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectsNotDeleted
from autowatch.records.champion import Champion, write_champion
from autowatch.records.keys import run_key
from autowatch.training.release.retention import remove_old_models
from tests.support.sagemaker_double import SageMaker

BUCKET, ENDPOINT = "bank", "e"
RUNS = [f"2026112{day}-071500-d822" for day in range(1, 8)]
RECORDS = {"run.json", "contract.json", "gate.json"}


@pytest.fixture
def s3():
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket=BUCKET)
        yield s3


@pytest.fixture
def sagemaker():
    return SageMaker()


def add_run(s3, sagemaker, run, status="released"):
    for name in ("train.csv", "holdout.csv", "autopilot/model.tar.gz", "contract.json", "gate.json"):
        s3.put_object(Bucket=BUCKET, Key=f"models/{run}/{name}", Body=b"x")
    Bucket(s3, BUCKET).write_json(run_key(run), {"status": status})
    if status == "released":
        sagemaker.models[f"e-{run}"] = sagemaker.configs[f"e-{run}"] = {}


def champion(s3, run, previous=None):
    write_champion(
        Bucket(s3, BUCKET), Champion(run, ENDPOINT, f"e-{run}", f"e-{run}", "c", "b", "t", {}, previous), None
    )


def names(s3, run):
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=f"models/{run}/")
    return {item["Key"].split("/", 2)[2] for page in pages for item in page.get("Contents", [])}


def kept(s3):
    return [run for run in RUNS if "autopilot/model.tar.gz" in names(s3, run)]


def remove(s3, sagemaker, keep):
    return remove_old_models(Bucket(s3, BUCKET), sagemaker, ENDPOINT, keep)


@pytest.mark.parametrize("keep", [1, 3, 7, 100])
def test_the_newest_are_kept_and_of_the_others_the_records(s3, sagemaker, keep):
    for run in RUNS:
        add_run(s3, sagemaker, run)
    champion(s3, RUNS[-1])
    sagemaker.put_endpoint(ENDPOINT, f"e-{RUNS[-1]}")
    removed = remove(s3, sagemaker, keep)
    assert removed == RUNS[:-keep]
    assert kept(s3) == RUNS[-keep:]
    assert set(sagemaker.models) == set(sagemaker.configs) == {f"e-{run}" for run in RUNS[-keep:]}
    assert all(names(s3, run) == RECORDS for run in removed)
    assert remove(s3, sagemaker, keep) == []


def test_what_is_in_use_stays_however_old(s3, sagemaker):
    for run in RUNS:
        add_run(s3, sagemaker, run)
    champion(s3, RUNS[0], previous=RUNS[1])
    sagemaker.put_endpoint(ENDPOINT, f"e-{RUNS[2]}")
    remove(s3, sagemaker, 1)
    assert kept(s3) == [*RUNS[:3], RUNS[-1]]


def test_rejected_and_failed_runs_take_no_place_and_leave_their_records(s3, sagemaker):
    for run, status in zip(RUNS[:4], ["released", "released", "rejected", "failed"], strict=True):
        add_run(s3, sagemaker, run, status)
    champion(s3, RUNS[1], previous=RUNS[0])
    remove(s3, sagemaker, 2)
    assert kept(s3) == RUNS[:2]
    assert names(s3, RUNS[2]) == RECORDS


def test_a_run_of_more_objects_than_one_request_takes_goes_whole(s3, sagemaker):
    add_run(s3, sagemaker, RUNS[0], "rejected")
    for number in range(1001):
        s3.put_object(Bucket=BUCKET, Key=f"models/{RUNS[0]}/autopilot/{number}", Body=b"")
    remove(s3, sagemaker, 1)
    assert names(s3, RUNS[0]) == RECORDS


def test_an_object_that_s3_keeps_is_no_success(s3, sagemaker, monkeypatch):
    add_run(s3, sagemaker, RUNS[0], "rejected")
    answer = {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: answer)
    with pytest.raises(ObjectsNotDeleted, match="k: AccessDenied"):
        remove(s3, sagemaker, 1)
