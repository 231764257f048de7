from contextlib import nullcontext

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.stub import Stubber
from botocore.validate import validate_parameters

from autowatch.settings import Network
from autowatch.training.serving.deployment import (
    Deployment,
    ServingRefused,
    check_deployment,
    check_network,
    check_serving,
    deployment_config,
)

_SHAPE = Session().get_service_model("sagemaker").operation_model("UpdateEndpoint").input_shape


def configure(instances=0, alarms=("errors", "latency"), bake=300, limit=2400):
    config = deployment_config(Deployment(instances, alarms, bake, limit))
    validate_parameters({"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}, _SHAPE)
    return config


@pytest.mark.parametrize("instances", [0, 1])
def test_indivisible_fleets_shift_at_once_and_bake(instances):
    policy = configure(instances)["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}
    assert policy["TerminationWaitInSeconds"] == 300


@pytest.mark.parametrize("instances", [2, 10])
def test_one_of_several_instances_shifts_first(instances):
    routing = configure(instances)["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}


def test_the_alarms_roll_back():
    assert configure()["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]
    }
    assert "AutoRollbackConfiguration" not in configure(alarms=())


@pytest.mark.parametrize(("limit", "expected"), [(60, 600), (2400, 2400), (90_000, 28_800)])
def test_the_time_limit_is_accepted_by_sagemaker(limit, expected):
    assert configure(limit=limit)["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == expected


@pytest.mark.parametrize(("bake", "limit", "fits"), [(299, 60, True), (300, 60, False), (1200, 2400, False)])
def test_a_bake_time_that_sagemaker_would_refuse_is_refused_before_training(bake, limit, fits):
    """The old fleet is watched after the switch and once more before it ends."""
    with nullcontext() if fits else pytest.raises(ServingRefused, match="Lower BakeSeconds"):
        check_deployment(bake, limit)


SERVERLESS = ""


INSTANCES = "ml.m5.large"


VARIANTS = {
    "serverless": {"ServerlessConfig": {"MemorySizeInMB": 4096, "MaxConcurrency": 4}},
    "instances": {"InstanceType": "ml.m5.large", "InitialInstanceCount": 1},
}


@pytest.fixture
def sagemaker():
    client = boto3.client("sagemaker", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    with Stubber(client) as stubber:
        client.expect = stubber
        yield client
        stubber.assert_no_pending_responses()


def serve(sagemaker, kind, status="InService"):
    times = {"CreationTime": 0, "LastModifiedTime": 0}
    sagemaker.expect.add_response(
        "describe_endpoint",
        {
            "EndpointName": "bank",
            "EndpointArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint/bank",
            "EndpointConfigName": "bank-1",
            "EndpointStatus": status,
            **times,
        },
        {"EndpointName": "bank"},
    )
    if kind:
        sagemaker.expect.add_response(
            "describe_endpoint_config",
            {
                "EndpointConfigName": "bank-1",
                "EndpointConfigArn": "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/bank-1",
                "ProductionVariants": [{"VariantName": "champion", "ModelName": "m", **VARIANTS[kind]}],
                "CreationTime": 0,
            },
            {"EndpointConfigName": "bank-1"},
        )


@pytest.mark.parametrize("wanted", [SERVERLESS, INSTANCES])
def test_without_an_endpoint_either_kind_is_accepted(sagemaker, wanted):
    sagemaker.expect.add_client_error(
        "describe_endpoint", "ValidationException", 'Could not find endpoint "bank".', http_status_code=400
    )
    check_serving(sagemaker, "bank", wanted, "ENSEMBLING")


@pytest.mark.parametrize(("there", "wanted"), [("serverless", SERVERLESS), ("instances", INSTANCES)])
def test_an_endpoint_of_the_same_kind_is_accepted(sagemaker, there, wanted):
    serve(sagemaker, there)
    check_serving(sagemaker, "bank", wanted, "ENSEMBLING")


@pytest.mark.parametrize(
    ("there", "wanted", "words"),
    [
        ("serverless", INSTANCES, "serves serverless, the parameters ask for it on instances"),
        ("instances", SERVERLESS, "serves on instances, the parameters ask for it serverless"),
    ],
)
def test_an_endpoint_of_the_other_kind_is_refused_with_the_remedy(sagemaker, there, wanted, words):
    serve(sagemaker, there)
    with pytest.raises(ServingRefused, match=words) as caught:
        check_serving(sagemaker, "bank", wanted, "ENSEMBLING")
    assert "new EndpointName" in str(caught.value)


@pytest.mark.parametrize("status", ["Failed", "Deleting"])
def test_an_endpoint_that_will_be_recreated_may_change_its_kind(sagemaker, status):
    serve(sagemaker, None, status)
    check_serving(sagemaker, "bank", INSTANCES, "ENSEMBLING")


def test_an_endpoint_without_its_config_is_refused(sagemaker):
    serve(sagemaker, None)
    sagemaker.expect.add_client_error(
        "describe_endpoint_config", "ValidationException", 'Could not find endpoint configuration "bank-1".'
    )
    with pytest.raises(ServingRefused, match="bank-1 of the endpoint bank was deleted"):
        check_serving(sagemaker, "bank", SERVERLESS, "ENSEMBLING")


def test_a_serverless_chain_of_containers_is_refused_without_a_request(sagemaker):
    with pytest.raises(ServingRefused, match="three containers"):
        check_serving(sagemaker, "bank", SERVERLESS, "HYPERPARAMETER_TUNING")


def test_a_chain_of_containers_may_serve_on_instances(sagemaker):
    serve(sagemaker, "instances")
    check_serving(sagemaker, "bank", INSTANCES, "HYPERPARAMETER_TUNING")


def test_an_unrelated_error_is_raised_unchanged(sagemaker):
    sagemaker.expect.add_client_error("describe_endpoint", "AccessDeniedException", "no")
    with pytest.raises(ClientError, match="AccessDenied"):
        check_serving(sagemaker, "bank", SERVERLESS, "ENSEMBLING")


@pytest.mark.parametrize(
    ("instance_type", "network", "words"),
    [
        ("", Network(("subnet-1",), ("sg-1",)), "Set the parameter InstanceType"),
        ("", Network(isolated=True), "Set the parameter InstanceType"),
        ("ml.m5.large", Network(("subnet-1",)), "SecurityGroupIds"),
    ],
)
def test_a_network_that_sagemaker_would_refuse_is_refused_before_training(instance_type, network, words):
    with pytest.raises(ServingRefused, match=words):
        check_network(instance_type, network)


@pytest.mark.parametrize(
    ("instance_type", "network"),
    [("", Network()), ("ml.m5.large", Network(("subnet-1",), ("sg-1",), isolated=True))],
)
def test_a_valid_network_is_accepted(instance_type, network):
    check_network(instance_type, network)
