"""How an endpoint goes over to another model: what SageMaker calls deployment guardrails."""

from dataclasses import dataclass
from typing import Any

_SHORTEST_LIMIT, _LONGEST_LIMIT = 600, 28_800
"""Seconds that MaximumExecutionTimeoutInSeconds may be."""


@dataclass(frozen=True)
class Deployment:
    """What the user wants of an update.

    Attributes:
        instances: how many serve; 0 where the endpoint is serverless.
        alarms: names of CloudWatch alarms; when one of them goes off, SageMaker goes back to the model before.
        bake_seconds: for how long the alarms are watched, after each step.
        limit_seconds: how long the whole may take before SageMaker goes back.
    """

    instances: int
    alarms: tuple[str, ...]
    bake_seconds: int
    limit_seconds: int


def deployment_config(deployment: Deployment) -> dict[str, Any]:
    """UpdateEndpoint's DeploymentConfig: blue/green.

    Where two or more instances serve, one of the new fleet takes its share of the requests first: a canary, and never
    more than the half of the fleet that SageMaker allows. Otherwise all requests go over at once. Either way the old
    fleet stays while the new one bakes.
    """
    routing: dict[str, Any] = {"Type": "ALL_AT_ONCE"}
    if deployment.instances > 1:
        routing = {"Type": "CANARY", "CanarySize": {"Type": "INSTANCE_COUNT", "Value": 1}}
    limit = min(max(deployment.limit_seconds, _SHORTEST_LIMIT), _LONGEST_LIMIT)
    config: dict[str, Any] = {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {**routing, "WaitIntervalInSeconds": deployment.bake_seconds},
            "TerminationWaitInSeconds": deployment.bake_seconds,
            "MaximumExecutionTimeoutInSeconds": limit,
        }
    }
    if deployment.alarms:
        config["AutoRollbackConfiguration"] = {"Alarms": [{"AlarmName": name} for name in deployment.alarms]}
    return config
