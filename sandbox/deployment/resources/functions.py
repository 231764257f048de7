"""AWS::Lambda: functions, layers, permissions and asynchronous invocation."""

import io
import zipfile
from typing import Any

from sandbox.deployment.resources.kind import Context, Kind, Made, Replaced, Request, tags_of, take
from sandbox.errors import TemplateError
from sandbox.functions.lambda_api import LOGICAL_ID_TAG, STACK_NAME_TAG

_CODE_ARGUMENTS = ("S3Bucket", "S3Key", "S3ObjectVersion", "ZipFile")
# UpdateFunctionConfiguration resets these when the template no longer sets them.
_DEFAULTS = {
    "Description": "",
    "Environment": {"Variables": {}},
    "Layers": [],
    "LoggingConfig": {"LogFormat": "Text"},
    "MemorySize": 128,
    "Timeout": 3,
}


class Function(Kind):
    """AWS::Lambda::Function."""

    name_property = "FunctionName"
    replaced_by = frozenset({"PackageType"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the function and reserve its concurrency."""
        properties, reserved = self._arguments(request)
        arn = context.call("lambda", "create_function", FunctionName=request.name, **properties)[
            "FunctionArn"
        ]
        if reserved is not None:
            self._reserve(context, request.name, reserved)
        return Made(request.name, {"Arn": arn}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change the code, the configuration, the reserved concurrency and the tags, each only if it differs."""
        properties, reserved = self._arguments(request)
        code, tags = properties.pop("Code"), properties.pop("Tags")
        if request.properties["Code"] != before["Code"]:
            context.call("lambda", "update_function_code", FunctionName=made.name, **code)
        properties.pop("Architectures", None)
        properties.pop("PackageType", None)
        forgotten = {
            name: value for name, value in _DEFAULTS.items() if name in before and name not in properties
        }
        context.call(
            "lambda", "update_function_configuration", FunctionName=made.name, **forgotten, **properties
        )
        if reserved is not None:
            self._reserve(context, made.name, reserved)
        elif "ReservedConcurrentExecutions" in before:
            context.call("lambda", "delete_function_concurrency", FunctionName=made.name)
        context.call("lambda", "tag_resource", Resource=made.attributes["Arn"], Tags=tags)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the function."""
        context.call("lambda", "delete_function", FunctionName=made.name)

    @staticmethod
    def _reserve(context: Context, name: str, reserved: Any) -> None:
        context.call(
            "lambda", "put_function_concurrency", FunctionName=name, ReservedConcurrentExecutions=reserved
        )

    @staticmethod
    def _arguments(request: Request) -> tuple[dict[str, Any], Any]:
        properties = {name: value for name, value in request.properties.items() if name != "FunctionName"}
        if properties.get("TracingConfig", {}).get("Mode") == "Active":
            raise TemplateError(
                f"{request.logical_id} sends traces to X-Ray, which the sandbox does not have."
            )
        reserved = properties.pop("ReservedConcurrentExecutions", None)
        code = take(properties["Code"], request.logical_id, *_CODE_ARGUMENTS)
        if "ZipFile" in code:
            code["ZipFile"] = _zipped(code["ZipFile"])
        tags = tags_of(request) | {LOGICAL_ID_TAG: request.logical_id, STACK_NAME_TAG: request.stack_name}
        return {**properties, "Code": code, "Tags": tags}, reserved


def _zipped(source: str) -> bytes:
    """The text of a function's module, as CloudFormation zips it."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr(zipfile.ZipInfo("index.py"), source)
    return content.getvalue()


class Layer(Replaced):
    """AWS::Lambda::LayerVersion."""

    name_property = "LayerName"
    longest_name = 140

    def create(self, context: Context, request: Request) -> Made:
        """Publish the layer's next version."""
        properties = {name: value for name, value in request.properties.items() if name != "LayerName"}
        arn = context.call("lambda", "publish_layer_version", LayerName=request.name, **properties)[
            "LayerVersionArn"
        ]
        return Made(arn, {"LayerVersionArn": arn}, request.name)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete this version."""
        version = int(made.physical_id.rsplit(":", 1)[1])
        context.call("lambda", "delete_layer_version", LayerName=made.name, VersionNumber=version)


class Permission(Replaced):
    """AWS::Lambda::Permission."""

    longest_name = 100

    def create(self, context: Context, request: Request) -> Made:
        """Add the statement to the function's policy."""
        context.call("lambda", "add_permission", StatementId=request.name, **request.properties)
        return Made(request.name, {"Id": request.name}, request.name)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Remove the statement."""
        context.call(
            "lambda",
            "remove_permission",
            FunctionName=request.properties["FunctionName"],
            StatementId=made.name,
        )


class EventInvokeConfig(Kind):
    """AWS::Lambda::EventInvokeConfig, of the unqualified function."""

    replaced_by = frozenset({"FunctionName", "Qualifier"})

    def create(self, context: Context, request: Request) -> Made:
        """Set the retries, the maximum age and the destinations."""
        properties = dict(request.properties)
        properties.pop("Qualifier", None)
        context.call("lambda", "put_function_event_invoke_config", **properties)
        return Made(f"{properties['FunctionName']}|$LATEST")

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set them again."""
        return self.create(context, request)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Restore the service's defaults."""
        context.call(
            "lambda", "delete_function_event_invoke_config", FunctionName=request.properties["FunctionName"]
        )
