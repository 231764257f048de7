"""How an endpoint switches to another model: SageMaker's deployment guardrails.

Also checks, before anything is trained, that the existing endpoint can become what the parameters ask for.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from autowatch.errors import AutowatchError
from autowatch.settings import Network
from autowatch.training.serving.endpoints import describe_endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_SHORTEST_LIMIT, _LONGEST_LIMIT = 600, 28_800
"""The range of MaximumExecutionTimeoutInSeconds."""


@dataclass(frozen=True)
class Deployment:
    """The user's settings for an update.

    Attributes:
        instances: the number of instances; 0 for a serverless endpoint.
        alarms: names of CloudWatch alarms; if one of them goes off, SageMaker rolls back to the previous model.
        bake_seconds: how long SageMaker watches the alarms after each step.
        limit_seconds: how long the whole update may take before SageMaker rolls back.
    """

    instances: int
    alarms: tuple[str, ...]
    bake_seconds: int
    limit_seconds: int


def deployment_config(deployment: Deployment) -> dict[str, Any]:
    """UpdateEndpoint's DeploymentConfig: blue/green.

    With two or more instances, one instance of the new fleet takes its share of the requests first: a canary, which is
    never more than the half of the fleet that SageMaker allows. Otherwise all requests switch at once. In both cases
    the old fleet is kept while the new one bakes.
    """
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE"}
    if deployment.instances > 1:
        routing = {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {**routing, "WaitIntervalInSeconds": deployment.bake_seconds},
            "TerminationWaitInSeconds": deployment.bake_seconds,
            "MaximumExecutionTimeoutInSeconds": _within_bounds(deployment.limit_seconds),
        }
    }
    if deployment.alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in deployment.alarms]}
    return config


_SERVERLESS, _INSTANCES = "serverless", "on instances"


class ServingRefused(AutowatchError):
    """SageMaker would refuse to serve the trained model with these parameters."""


def check_deployment(bake_seconds: int, limit_seconds: int) -> None:
    """Checks that SageMaker accepts the times of an update, which the first release does not use yet.

    Raises:
        ServingRefused: SageMaker would refuse them.
    """
    baking, limit = 2 * bake_seconds, _within_bounds(limit_seconds)
    if baking >= limit:
        raise ServingRefused(
            f"BakeSeconds is {bake_seconds}, and an update watches for twice as long, {baking} s, which must be "
            f"less than its limit of {limit} s. Lower BakeSeconds, or raise MaxEndpointSeconds."
        )


def _within_bounds(limit_seconds: int) -> int:
    return min(max(limit_seconds, _SHORTEST_LIMIT), _LONGEST_LIMIT)


def check_serving(sagemaker: "SageMakerClient", endpoint_name: str, instance_type: str, mode: str) -> None:
    """Checks that a model trained in this mode can be released at the endpoint.

    Args:
        sagemaker: the boto3 client.
        endpoint_name: the endpoint of the champion, which need not exist yet.
        instance_type: the type of the instances to serve it; empty for serverless.
        mode: Autopilot's mode, ENSEMBLING or HYPERPARAMETER_TUNING. The latter produces a chain of three containers,
            but a serverless endpoint takes only one.

    Raises:
        ServingRefused: SageMaker would refuse it.
    """
    wanted = _INSTANCES if instance_type else _SERVERLESS
    if mode == "HYPERPARAMETER_TUNING" and wanted == _SERVERLESS:
        raise ServingRefused(
            "A model of the mode HYPERPARAMETER_TUNING has three containers, and a serverless endpoint takes one. "
            "Set the parameter InstanceType, or AutopilotMode to ENSEMBLING."
        )
    endpoint = describe_endpoint(sagemaker, endpoint_name)
    # The release deletes a failed endpoint and creates a new one, which may be of either kind.
    if endpoint is None or endpoint.status in ("Failed", "Deleting"):
        return
    present = _kind(sagemaker, endpoint_name, endpoint.config)
    if present != wanted:
        raise ServingRefused(
            f"The endpoint {endpoint_name} serves {present}, the parameters ask for it {wanted}, and SageMaker "
            "cannot change an endpoint from one to the other. Set a new EndpointName, or set InstanceType back."
        )


def check_network(instance_type: str, network: Network) -> None:
    """Checks that a model can be served in the network that the parameters ask for.

    Raises:
        ServingRefused: serverless endpoints support neither a VPC nor network isolation; or a VPC lacks security
            groups.
    """
    if not instance_type and (network.subnets or network.isolated):
        raise ServingRefused(
            "Serverless endpoints support neither a VPC nor network isolation. "
            "Set the parameter InstanceType, or empty SubnetIds and set NetworkIsolation to false."
        )
    if network.subnets and not network.security_groups:
        raise ServingRefused("A VPC also needs security groups. Set the parameter SecurityGroupIds.")


def _kind(sagemaker: "SageMakerClient", endpoint_name: str, config: str) -> str:
    try:
        answer = sagemaker.describe_endpoint_config(EndpointConfigName=config)
    except ClientError as error:
        if "Could not find" not in error.response["Error"]["Message"]:
            raise
        raise ServingRefused(
            f"The endpoint config {config} of the endpoint {endpoint_name} was deleted, so SageMaker can no longer "
            "change the endpoint. Delete the endpoint, or set a new EndpointName."
        ) from error
    variants = answer["ProductionVariants"]
    return _SERVERLESS if any("ServerlessConfig" in variant for variant in variants) else _INSTANCES
