"""The rules of UpdateEndpoint's DeploymentConfig that the service model lacks."""

from typing import Any

from sandbox.sagemaker.wire.errors import ValidationException

_LARGEST_STEP_PERCENT = 50
_STEP_MEMBERS = {"CANARY": "CanarySize", "LINEAR": "LinearStepSize"}


def check_deployment_config(config: dict[str, Any], variant: dict[str, Any]) -> None:
    """Refuses a deployment that SageMaker would not make for this production variant.

    Raises:
        ValidationException: names the member at fault.
    """
    if ("BlueGreenUpdatePolicy" in config) == ("RollingUpdatePolicy" in config):
        raise ValidationException(
            "DeploymentConfig must have either BlueGreenUpdatePolicy or RollingUpdatePolicy, and not both."
        )
    if "RollingUpdatePolicy" in config:
        if "ServerlessConfig" in variant:
            raise ValidationException("RollingUpdatePolicy is not supported on a serverless endpoint.")
        _check_step("MaximumBatchSize", config["RollingUpdatePolicy"]["MaximumBatchSize"], variant)
        return
    routing = config["BlueGreenUpdatePolicy"]["TrafficRoutingConfiguration"]
    expected = _STEP_MEMBERS.get(routing["Type"])
    for member in _STEP_MEMBERS.values():
        if (member in routing) != (member == expected):
            verb = "needs" if member == expected else "excludes"
            raise ValidationException(
                f"TrafficRoutingConfiguration of Type {routing['Type']} {verb} {member}."
            )
    if expected:
        _check_step(expected, routing[expected], variant)


def _check_step(member: str, size: dict[str, Any], variant: dict[str, Any]) -> None:
    if size["Type"] == "CAPACITY_PERCENT":
        percent = float(size["Value"])
    elif "ServerlessConfig" in variant:
        raise ValidationException(f"{member}: a serverless endpoint has no instances; use CAPACITY_PERCENT.")
    else:
        percent = 100 * size["Value"] / variant["InitialInstanceCount"]
    if percent > _LARGEST_STEP_PERCENT:
        raise ValidationException(f"{member} must be at most {_LARGEST_STEP_PERCENT} % of the fleet.")
