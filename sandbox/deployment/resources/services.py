"""AWS::StepFunctions, AWS::SSM and AWS::SecretsManager."""

import json
import re
from typing import Any

from sandbox.deployment.intrinsics import as_text
from sandbox.deployment.resources.kind import Context, Kind, Made, Request, tag_list, tags_of, take
from sandbox.errors import TemplateError

_PLACE = re.compile(r"\$\{([A-Za-z0-9_]+)\}")


class StateMachine(Kind):
    """AWS::StepFunctions::StateMachine."""

    name_property = "StateMachineName"
    longest_name = 80
    replaced_by = frozenset({"StateMachineType"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the machine."""
        arguments = self._arguments(context, request)
        context.decisions.world.check_trust(request.properties["RoleArn"], "states.amazonaws.com")
        kind = request.properties.get("StateMachineType", "STANDARD")
        tags = tag_list(request, "key", "value")
        arn = context.call(
            "stepfunctions", "create_state_machine", name=request.name, type=kind, tags=tags, **arguments
        )["stateMachineArn"]
        return Made(arn, {"Arn": arn, "Name": request.name}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Give the machine another definition or role; running executions continue with theirs."""
        arguments = self._arguments(context, request)
        context.call("stepfunctions", "update_state_machine", stateMachineArn=made.physical_id, **arguments)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the machine."""
        context.call("stepfunctions", "delete_state_machine", stateMachineArn=made.physical_id)

    def _arguments(self, context: Context, request: Request) -> dict[str, Any]:
        names = (
            "Definition",
            "DefinitionS3Location",
            "DefinitionString",
            "DefinitionSubstitutions",
            "LoggingConfiguration",
            "RoleArn",
            "StateMachineName",
            "StateMachineType",
            "Tags",
            "TracingConfiguration",
        )
        properties = take(request.properties, request.logical_id, *names)
        arguments = {"definition": self._definition(context, request), "roleArn": properties["RoleArn"]}
        if logging := properties.get("LoggingConfiguration"):
            arguments["loggingConfiguration"] = _lower_first(logging)
        if tracing := properties.get("TracingConfiguration"):
            arguments["tracingConfiguration"] = _lower_first(tracing)
        return arguments

    @staticmethod
    def _definition(context: Context, request: Request) -> str:
        properties = request.properties
        if location := properties.get("DefinitionS3Location"):
            where = {"Bucket": location["Bucket"], "Key": location["Key"]}
            if "Version" in location:
                where["VersionId"] = location["Version"]
            definition = context.call("s3", "get_object", **where)["Body"].read().decode()
        elif "DefinitionString" in properties:
            definition = properties["DefinitionString"]
        else:
            definition = json.dumps(properties["Definition"], allow_nan=False)
        values = properties.get("DefinitionSubstitutions", {})

        def substitute(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise TemplateError(
                    f"{request.logical_id} has no DefinitionSubstitution for ${{{match[1]}}}."
                )
            return as_text(values[match[1]])

        return _PLACE.sub(substitute, definition)


def _lower_first(value: Any) -> Any:
    """The members of a structure in the spelling of Step Functions' API."""
    if isinstance(value, dict):
        return {name[0].lower() + name[1:]: _lower_first(item) for name, item in value.items()}
    return [_lower_first(item) for item in value] if isinstance(value, list) else value


class Parameter(Kind):
    """AWS::SSM::Parameter."""

    name_property = "Name"
    longest_name = 1011

    def create(self, context: Context, request: Request) -> Made:
        """Create the parameter."""
        tags = tag_list(request)
        options = {"Tags": tags} if tags else {}
        context.call("ssm", "put_parameter", **self._arguments(request), Name=request.name, **options)
        return self._made(request, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Overwrite the parameter."""
        context.call("ssm", "put_parameter", **self._arguments(request), Name=made.name, Overwrite=True)
        return self._made(request, made.name)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the parameter."""
        context.call("ssm", "delete_parameter", Name=made.name)

    @staticmethod
    def _arguments(request: Request) -> dict[str, Any]:
        properties = {
            name: value for name, value in request.properties.items() if name not in ("Name", "Tags")
        }
        return take(properties, request.logical_id, "AllowedPattern", "Description", "Tier", "Type", "Value")

    @staticmethod
    def _made(request: Request, name: str) -> Made:
        return Made(name, {"Type": request.properties["Type"], "Value": request.properties["Value"]}, name)


class Secret(Kind):
    """AWS::SecretsManager::Secret."""

    name_property = "Name"
    longest_name = 512

    def create(self, context: Context, request: Request) -> Made:
        """Create the secret."""
        arguments = {**request.properties, "Name": request.name}
        if tags_of(request):
            arguments["Tags"] = tag_list(request)
        arn = context.call("secretsmanager", "create_secret", **arguments)["ARN"]
        return Made(arn, {"Id": arn}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change the description, the key or the text."""
        arguments = {
            name: value for name, value in request.properties.items() if name not in ("Name", "Tags")
        }
        context.call("secretsmanager", "update_secret", SecretId=made.physical_id, **arguments)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the secret permanently, as CloudFormation does."""
        context.call(
            "secretsmanager", "delete_secret", SecretId=made.physical_id, ForceDeleteWithoutRecovery=True
        )
