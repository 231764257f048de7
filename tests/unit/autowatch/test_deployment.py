import pytest
from botocore.session import Session
from botocore.validate import validate_parameters

from autowatch.deployment import Deployment, deployment_config

_SHAPE = Session().get_service_model("sagemaker").operation_model("UpdateEndpoint").input_shape


def configure(instances=0, alarms=("errors", "latency"), bake=300, limit=2400):
    config = deployment_config(Deployment(instances, alarms, bake, limit))
    validate_parameters({"EndpointName": "e", "EndpointConfigName": "c", "DeploymentConfig": config}, _SHAPE)
    return config


@pytest.mark.parametrize("instances", [0, 1])
def test_what_cannot_be_divided_goes_over_at_once_and_bakes(instances):
    policy = configure(instances)["BlueGreenUpdatePolicy"]
    assert policy["TrafficRoutingConfiguration"] == {"Type": "ALL_AT_ONCE", "WaitIntervalInSeconds": 300}
    assert policy["TerminationWaitInSeconds"] == 300


@pytest.mark.parametrize("instances", [2, 10])
def test_of_several_instances_one_goes_first(instances):
    routing = configure(instances)["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    assert routing["Type"] == "CANARY"
    assert routing["CanarySize"] == {"Type": "INSTANCE_COUNT", "Value": 1}


def test_the_alarms_roll_back():
    assert configure()["AutoRollbackConfiguration"] == {
        "Alarms": [{"AlarmName": "errors"}, {"AlarmName": "latency"}]
    }
    assert "AutoRollbackConfiguration" not in configure(alarms=())


@pytest.mark.parametrize(("limit", "expected"), [(60, 600), (2400, 2400), (90_000, 28_800)])
def test_the_limit_is_one_that_sagemaker_takes(limit, expected):
    assert configure(limit=limit)["BlueGreenUpdatePolicy"]["MaximumExecutionTimeoutInSeconds"] == expected
