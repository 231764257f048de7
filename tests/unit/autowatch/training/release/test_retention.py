from dataclasses import replace

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from autowatch.aws.objects import Bucket, ObjectsNotDeleted
from autowatch.records.champion import Champion, write_champion
from autowatch.records.keys import run_key
from autowatch.training.release.retention import remove_left_endpoints, remove_old_models
from autowatch.training.serving.endpoints import EndpointBusy
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
    for name in (
        "train.csv",
        "holdout.csv",
        "reference.csv",
        "smoke.json",
        "autopilot/model.tar.gz",
        "contract.json",
        "gate.json",
    ):
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


def test_models_in_use_are_kept_at_any_age(s3, sagemaker):
    for run in RUNS:
        add_run(s3, sagemaker, run)
    champion(s3, RUNS[0], previous=RUNS[1])
    sagemaker.put_endpoint(ENDPOINT, f"e-{RUNS[2]}")
    remove(s3, sagemaker, 1)
    assert kept(s3) == [*RUNS[:3], RUNS[-1]]


def test_rejected_and_failed_runs_do_not_count_and_keep_their_records(s3, sagemaker):
    for run, status in zip(RUNS[:4], ["released", "released", "rejected", "failed"], strict=True):
        add_run(s3, sagemaker, run, status)
    champion(s3, RUNS[1], previous=RUNS[0])
    remove(s3, sagemaker, 2)
    assert kept(s3) == RUNS[:2]
    assert names(s3, RUNS[2]) == RECORDS


def test_a_run_with_more_objects_than_one_request_is_deleted_whole(s3, sagemaker):
    add_run(s3, sagemaker, RUNS[0], "rejected")
    for number in range(1001):
        s3.put_object(Bucket=BUCKET, Key=f"models/{RUNS[0]}/autopilot/{number}", Body=b"")
    remove(s3, sagemaker, 1)
    assert names(s3, RUNS[0]) == RECORDS


def test_an_object_that_s3_retains_is_an_error(s3, sagemaker, monkeypatch):
    add_run(s3, sagemaker, RUNS[0], "rejected")
    answer = {"Errors": [{"Key": "k", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: answer)
    with pytest.raises(ObjectsNotDeleted, match="k: AccessDenied"):
        remove(s3, sagemaker, 1)


LEFT = Champion(
    RUNS[2], "e", f"e-{RUNS[2]}", f"e-{RUNS[2]}", "c", "b", "t", {}, RUNS[1], left_endpoints=("old", "other")
)


@pytest.fixture
def moved(s3, sagemaker):
    """The stack serves at `e`, and has served at `old`, where two runs were in force; another stack has `other` now."""
    write_champion(Bucket(s3, BUCKET), LEFT, None)
    for endpoint, run in (("e", RUNS[2]), ("old", RUNS[1]), ("old-candidate", RUNS[1]), ("other", RUNS[1])):
        sagemaker.put_endpoint(endpoint, f"{endpoint}-{run}")
    served = [f"e-{RUNS[2]}", f"old-{RUNS[0]}", f"old-{RUNS[1]}", f"old-2-{RUNS[1]}", f"other-{RUNS[1]}"]
    for name in served:
        sagemaker.models[name] = sagemaker.configs[name] = {}
    sagemaker.owners = {"other": "another", f"other-{RUNS[1]}": "another"}
    return sagemaker


def leave(s3, sagemaker):
    remove_left_endpoints(Bucket(s3, BUCKET), sagemaker, "autowatch")


def test_an_old_endpoint_is_deleted_with_its_configs_and_models_only(s3, moved):
    leave(s3, moved)
    assert {name for name, state in moved.endpoints.items() if state["EndpointStatus"] != "Deleting"} == {
        "e",
        "other",
    }
    assert set(moved.configs) == {f"e-{RUNS[2]}", f"old-2-{RUNS[1]}", f"other-{RUNS[1]}"}
    # A large file may be half way through by the model that was in force before.
    assert set(moved.models) == {*moved.configs, f"old-{RUNS[1]}"}
    for name in ("old", "old-candidate"):
        moved.settle(name)
    calls = len(moved.calls)
    leave(s3, moved)
    assert "DeleteEndpoint" not in moved.calls[calls:]
    write_champion(Bucket(s3, BUCKET), replace(LEFT, previous_run=RUNS[2]), etag(s3))
    leave(s3, moved)
    assert f"old-{RUNS[1]}" not in moved.models


def etag(s3):
    return s3.head_object(Bucket=BUCKET, Key="models/champion.json")["ETag"]


def test_an_old_endpoint_that_is_changing_is_waited_for(s3, moved):
    moved.endpoints["old"]["EndpointStatus"] = "Updating"
    with pytest.raises(EndpointBusy, match="old is Updating"):
        leave(s3, moved)
    moved.endpoints["old"]["EndpointStatus"] = "InService"
    leave(s3, moved)
    assert moved.endpoints["old"]["EndpointStatus"] == "Deleting"


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_lost_response_is_distinguished_from_a_forbidden_deletion(s3, moved, took_effect):
    """The right depends on the tags: the second request for a thing that has gone is refused."""

    def refuse(ModelName):
        if took_effect:
            del moved.models[ModelName]
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DeleteModel")

    moved.__dict__["delete_model"] = refuse
    if took_effect:
        leave(s3, moved)
        assert f"old-{RUNS[0]}" not in moved.models
    else:
        with pytest.raises(ClientError, match="AccessDenied"):
            leave(s3, moved)


def test_a_stack_with_one_endpoint_makes_no_requests(s3, sagemaker):
    leave(s3, sagemaker)
    champion(s3, RUNS[0])
    leave(s3, sagemaker)
    assert sagemaker.calls == []
