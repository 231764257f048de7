from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from autowatch.settings import Network
from autowatch.training.serving.deployment import Deployment, deployment_config
from autowatch.training.serving.endpoints import (
    CandidateStillThere,
    EndpointBusy,
    EndpointFailed,
    EndpointOverdue,
    Serving,
    candidate_name,
    create_candidate,
    create_config,
    create_endpoint,
    create_model,
    delete_endpoint,
    delete_model,
    describe_endpoint,
    is_in_service,
    model_name,
    switch_endpoint,
)
from tests.support.sagemaker_double import SageMaker

SERVERLESS = Serving("", 1, 4096, 8)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CONTAINER = {"Image": "i", "ModelDataUrl": "s3://b/m.tar.gz", "Environment": {}}


@pytest.fixture
def sagemaker():
    return SageMaker()


def create(sagemaker, serving=SERVERLESS, containers=(CONTAINER,)):
    role = "arn:aws:iam::123456789012:role/sagemaker-role"
    create_model(sagemaker, "m", list(containers), serving, role_arn=role, tags={"a": "b"})
    create_config(sagemaker, "m", "m", serving, {"a": "b"})


def test_names_are_valid_for_sagemaker():
    longest = "e" * 32
    assert len(model_name(longest, "20261123-071500-d822")) <= 63
    assert len(candidate_name(longest)) <= 63


def test_creating_a_model_is_idempotent(sagemaker):
    create(sagemaker)
    create(sagemaker)
    assert set(sagemaker.models) == set(sagemaker.configs) == {"m"}
    (variant,) = sagemaker.configs["m"]["ProductionVariants"]
    assert variant["ServerlessConfig"] == {"MemorySizeInMB": 4096, "MaxConcurrency": 8}
    assert "InstanceType" not in variant


def test_instances_are_requested_by_type(sagemaker):
    create(sagemaker, Serving("ml.m5.large", 2, 4096, 8))
    (variant,) = sagemaker.configs["m"]["ProductionVariants"]
    assert (variant["InstanceType"], variant["InitialInstanceCount"]) == ("ml.m5.large", 2)
    assert "ServerlessConfig" not in variant


def test_a_key_is_used_for_instances_and_not_for_serverless(sagemaker):
    key = "arn:aws:kms:eu-west-1:123456789012:key/1"
    create(sagemaker, replace(SERVERLESS, kms_key=key))
    assert "KmsKeyId" not in sagemaker.configs.pop("m")
    create(sagemaker, Serving("ml.m5.large", 2, 4096, 8, key))
    assert sagemaker.configs["m"]["KmsKeyId"] == key


def test_a_model_is_served_in_the_given_network(sagemaker):
    create(sagemaker)
    assert not {"VpcConfig", "EnableNetworkIsolation"} & sagemaker.models.pop("m").keys()
    sagemaker.configs.pop("m")
    network = Network(("subnet-1", "subnet-2"), ("sg-1",), isolated=True)
    create(sagemaker, Serving("ml.m5.large", 2, 4096, 8, network=network))
    model = sagemaker.models["m"]
    assert model["VpcConfig"] == {"Subnets": ["subnet-1", "subnet-2"], "SecurityGroupIds": ["sg-1"]}
    assert model["EnableNetworkIsolation"] is True


def test_several_containers_become_a_pipeline(sagemaker):
    create(sagemaker, containers=(CONTAINER, CONTAINER))
    assert len(sagemaker.models["m"]["Containers"]) == 2
    assert "PrimaryContainer" not in sagemaker.models["m"]


def test_another_runs_candidate_is_removed_first(sagemaker):
    sagemaker.put_endpoint("c", "old")
    with pytest.raises(CandidateStillThere):
        create_candidate(sagemaker, "c", "new", {})
    with pytest.raises(CandidateStillThere):
        create_candidate(sagemaker, "c", "new", {})
    sagemaker.settle("c")
    create_candidate(sagemaker, "c", "new", {})
    create_candidate(sagemaker, "c", "new", {})
    assert describe_endpoint(sagemaker, "c").config == "new"
    assert sagemaker.calls.count("CreateEndpoint") == 1


def test_the_run_waits_for_another_runs_candidate_that_is_being_created(sagemaker):
    sagemaker.put_endpoint("c", "old", "Creating")
    with pytest.raises(CandidateStillThere):
        create_candidate(sagemaker, "c", "new", {})
    assert "DeleteEndpoint" not in sagemaker.calls


def test_an_endpoint_is_created_then_updated_and_unchanged_if_it_serves_already(sagemaker):
    switch_endpoint(sagemaker, "e", "one", {})
    with pytest.raises(EndpointBusy):
        switch_endpoint(sagemaker, "e", "two", {})
    sagemaker.settle("e")
    switch_endpoint(sagemaker, "e", "one", {})
    deployment = deployment_config(Deployment(0, ("errors",), 300, 2400))
    switch_endpoint(sagemaker, "e", "two", {}, deployment)
    assert sagemaker.endpoints["e"]["deployment"] == deployment
    sagemaker.settle("e")
    assert describe_endpoint(sagemaker, "e").config == "two"
    assert sagemaker.calls.count("UpdateEndpoint") == 1


@pytest.mark.parametrize("there", [True, False])
def test_an_update_whose_response_was_lost_is_resumed(sagemaker, there):
    """The state is tried again while its first call is being carried out."""
    if there:
        sagemaker.put_endpoint("e", "one")
    switch_endpoint(sagemaker, "e", "two", {})
    switch_endpoint(sagemaker, "e", "two", {})
    with pytest.raises(EndpointBusy):
        switch_endpoint(sagemaker, "e", "three", {})
    sagemaker.settle("e")
    switch_endpoint(sagemaker, "e", "two", {})
    assert describe_endpoint(sagemaker, "e").config == "two"
    assert sagemaker.calls.count("UpdateEndpoint") == there


def test_a_repeated_request_after_a_lost_response_is_recognised(sagemaker):
    """The repeated request meets what the first one made."""
    sagemaker.put_endpoint("e", "one", "Creating")
    with pytest.raises(EndpointBusy, match="already existing"):
        create_endpoint(sagemaker, "e", "one", {})


def test_a_new_config_may_not_be_visible_yet(sagemaker):
    sagemaker.unknown_configs = {"one"}
    with pytest.raises(EndpointBusy, match="Could not find endpoint configuration"):
        create_endpoint(sagemaker, "e", "one", {})
    sagemaker.unknown_configs = set()
    create_endpoint(sagemaker, "e", "one", {})


def test_a_serverless_container_has_one_worker_and_writes_to_tmp(sagemaker):
    create(sagemaker)
    environment = sagemaker.models.pop("m")["PrimaryContainer"]["Environment"]
    assert environment == {
        "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
        "LOG_LOCATION": "/tmp",
        "METRICS_LOCATION": "/tmp",
    }
    sagemaker.configs.clear()
    create(sagemaker, Serving("ml.m5.large", 2, 4096, 8))
    assert sagemaker.models["m"]["PrimaryContainer"]["Environment"] == {}


def test_an_endpoint_that_failed_is_replaced(sagemaker):
    sagemaker.put_endpoint("e", "one", "Failed", "no capacity")
    with pytest.raises(EndpointBusy, match="is being removed"):
        switch_endpoint(sagemaker, "e", "two", {})
    sagemaker.settle("e")
    switch_endpoint(sagemaker, "e", "two", {})
    assert describe_endpoint(sagemaker, "e").config == "two"


@pytest.mark.parametrize("status", ["Creating", "Updating", "Deleting"])
def test_a_changing_endpoint_is_not_in_service_and_finally_overdue(sagemaker, status):
    sagemaker.put_endpoint("e", "one", status)
    later = NOW + timedelta(seconds=600)
    assert not is_in_service(sagemaker, "e", NOW, later, 600)
    with pytest.raises(EndpointOverdue, match=f"still {status} after 600 s"):
        is_in_service(sagemaker, "e", NOW, later + timedelta(seconds=1), 600)


def test_a_failed_endpoint_reports_the_reason(sagemaker):
    sagemaker.put_endpoint("e", "one", "Failed", "The container did not answer the ping.")
    with pytest.raises(EndpointFailed, match="did not answer the ping"):
        is_in_service(sagemaker, "e", NOW, NOW, 600)
    with pytest.raises(EndpointFailed, match="was deleted by someone else"):
        is_in_service(sagemaker, "gone", NOW, NOW, 600)


@pytest.mark.parametrize("status", ["Creating", "Updating"])
def test_a_changing_endpoint_cannot_be_deleted_yet(sagemaker, status):
    sagemaker.put_endpoint("e", "one", status)
    with pytest.raises(EndpointBusy):
        delete_endpoint(sagemaker, "e")


def test_deleting_a_missing_resource_is_not_an_error(sagemaker):
    delete_endpoint(sagemaker, "e")
    delete_model(sagemaker, "m")
    create(sagemaker)
    delete_model(sagemaker, "m")
    assert not sagemaker.models
    assert not sagemaker.configs
