"""Lambda's API. moto only stores requests; here every call is applied to the running functions.

Fields that moto drops are kept: logging, and every field of an update. Unsupported features are rejected by name.
"""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, LambdaFunction
from moto.awslambda_simple.models import LambdaSimpleBackend
from moto.core.exceptions import JsonRESTError

from sandbox.errors import NotFoundError, SandboxError, ThrottledError
from sandbox.functions.artefacts import Artefacts
from sandbox.functions.functions import Function, Functions
from sandbox.functions.invocations import AsynchronousConfiguration, Invocations

LOGICAL_ID_TAG = "aws:cloudformation:logical-id"
STACK_NAME_TAG = "aws:cloudformation:stack-name"
_UPDATABLE = {
    "Description": "description",
    "Handler": "handler",
    "MemorySize": "memory_size",
    "Role": "role",
    "Runtime": "run_time",
    "Timeout": "timeout",
}
_OFFERED = {
    *_UPDATABLE,
    "Architectures",
    "Code",
    "Environment",
    "EphemeralStorage",
    "FunctionName",
    "KMSKeyArn",
    "Layers",
    "LoggingConfig",
    "PackageType",
    "RevisionId",
    "Tags",
    "TracingConfig",
}
# https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
_RESERVED = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|LAMBDA_(TASK_ROOT|RUNTIME_DIR)|AWS_(DEFAULT_REGION|REGION|EXECUTION_ENV|ACCESS_KEY"
    r"|ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)"
    r"|AWS_LAMBDA_(FUNCTION_(NAME|MEMORY_SIZE|VERSION)|INITIALIZATION_TYPE|LOG_(GROUP|STREAM)_NAME|RUNTIME_API)"
)
_STEERING = re.compile(
    r"LD_.*|DYLD_.*|PYTHON(PATH|HOME|STARTUP|INSPECT|PLATLIBDIR|BREAKPOINT)|PATH|HOME|TMPDIR|AWS_ENDPOINT_URL.*"
)
_create = LambdaBackend.create_function
_delete = LambdaBackend.delete_function
_update_code = LambdaFunction.update_function_code
_configuration = LambdaFunction.get_configuration
_put_concurrency = LambdaBackend.put_function_concurrency
_delete_concurrency = LambdaBackend.delete_function_concurrency
_forget_invoke_config = LambdaBackend.delete_function_event_invoke_config
_put_invoke_config = LambdaBackend.put_function_event_invoke_config


def install(
    functions: Functions,
    invocations: Invocations,
    artefacts: Artefacts,
    check_role: Callable[[str], None],
) -> None:
    """Replace moto's methods in this process; `check_role` raises if Lambda may not assume a role."""

    def publish(backend: Any, name: str) -> LambdaFunction:
        """Apply moto's record of a function to the running function."""
        kept = backend.get_function(name)
        try:
            check_role(kept.role)
            functions.add(_function(backend, kept, artefacts))
        except SandboxError as error:
            raise InvalidParameterValueException(str(error)) from error
        return cast(LambdaFunction, kept)

    def create_function(backend: Any, spec: dict[str, Any]) -> LambdaFunction:
        _refuse_rest(spec)
        if spec.get("PackageType", "Zip") != "Zip" or "ImageUri" in spec["Code"]:
            raise InvalidParameterValueException("The sandbox has no container image functions; use a ZIP.")
        created = _create(backend, spec)
        cast(Any, created).logging_config = spec.get("LoggingConfig", {})
        try:
            publish(backend, created.function_name)
        except JsonRESTError:
            _delete(backend, created.function_name)
            raise
        return created

    def update_function_code(backend: Any, name: str, _: Any, body: dict[str, Any]) -> dict[str, Any]:
        kept = backend.get_function(name)
        if body.get("Publish"):
            raise InvalidParameterValueException("The sandbox has no function versions.")
        _update_code(kept, body)
        if not body.get("DryRun"):
            kept.code = {
                key: body[key] for key in ("ZipFile", "S3Bucket", "S3Key", "S3ObjectVersion") if key in body
            }
            publish(backend, name)
        return cast(dict[str, Any], kept.get_configuration())

    def update_function_configuration(
        backend: Any, name: str, _: Any, body: dict[str, Any]
    ) -> dict[str, Any]:
        kept = backend.get_function(name)
        _refuse_rest(body)
        for key, attribute in _UPDATABLE.items():
            if key in body:
                setattr(kept, attribute, body[key])
        if "Environment" in body:
            kept.environment_vars = body["Environment"].get("Variables", {})
        if "Layers" in body:
            kept.layers = kept._get_layers_data(body["Layers"])
        if "LoggingConfig" in body:
            kept.logging_config = body["LoggingConfig"]
        publish(backend, name)
        return cast(dict[str, Any], kept.get_configuration())

    def delete_function(backend: Any, name: str, qualifier: str | None = None) -> None:
        kept = backend.get_function(name)
        _delete(backend, name, qualifier)
        functions.remove(kept.function_name)

    def put_function_concurrency(backend: Any, name: str, reserved: Any) -> Any:
        answer = _put_concurrency(backend, name, reserved)
        publish(backend, name)
        return answer

    def delete_function_concurrency(backend: Any, name: str) -> Any:
        answer = _delete_concurrency(backend, name)
        publish(backend, name)
        return answer

    def put_invoke_config(backend: Any, name: str, config: dict[str, Any]) -> dict[str, Any]:
        kept = backend.get_function(name)
        kept.event_invoke_config = []
        answer = _put_invoke_config(backend, name, config)
        destinations = config.get("DestinationConfig", {})
        invocations.configure(
            kept.function_name,
            AsynchronousConfiguration(
                int(config.get("MaximumRetryAttempts", 2)),
                destinations.get("OnSuccess", {}).get("Destination"),
                destinations.get("OnFailure", {}).get("Destination"),
            ),
        )
        return answer

    def delete_invoke_config(backend: Any, name: str) -> None:
        _forget_invoke_config(backend, name)
        invocations.configure(name, AsynchronousConfiguration())

    replaced = cast(Any, LambdaBackend)
    replaced.create_function = create_function
    replaced.update_function_code = update_function_code
    replaced.update_function_configuration = update_function_configuration
    replaced.delete_function = delete_function
    replaced.put_function_concurrency = put_function_concurrency
    replaced.delete_function_concurrency = delete_function_concurrency
    replaced.put_function_event_invoke_config = put_invoke_config
    replaced.delete_function_event_invoke_config = delete_invoke_config
    cast(Any, LambdaFunction).get_configuration = _whole_configuration
    cast(Any, LambdaSimpleBackend).invoke = _invoker(functions, invocations)


def _check_variables(variables: dict[str, str]) -> None:
    """Rejects variables that Lambda reserves, and those that would affect processes of this machine."""
    if reserved := sorted(name for name in variables if _RESERVED.fullmatch(name)):
        raise InvalidParameterValueException(
            "Lambda was unable to configure your environment variables because the environment variables you have"
            " provided contains reserved keys that are currently not supported for modification. Reserved keys used"
            f" in this request: {', '.join(reserved)}"
        )
    if steering := sorted(name for name in variables if _STEERING.fullmatch(name)):
        raise InvalidParameterValueException(
            f"The sandbox's functions take no variable {', '.join(steering)}."
        )


def _refuse_rest(body: dict[str, Any]) -> None:
    if unknown := sorted(set(body) - _OFFERED):
        raise InvalidParameterValueException(f"The sandbox's functions have no {', '.join(unknown)}.")
    _check_variables(body.get("Environment", {}).get("Variables", {}))


def _function(backend: Any, kept: Any, artefacts: Artefacts) -> Function:
    logging_config = kept.logging_config
    reserved = kept.reserved_concurrency
    return Function(
        name=kept.function_name,
        logical_id=kept.tags.get(LOGICAL_ID_TAG, kept.function_name),
        arn=kept.function_arn,
        region=kept.region,
        handler=kept.handler,
        code=artefacts.of(kept.code),
        layers=tuple(_layer_folder(backend, layer["Arn"], artefacts) for layer in kept.layers),
        variables=kept.environment_vars,
        timeout_seconds=float(kept.timeout),
        memory_megabytes=int(kept.memory_size),
        log_group=logging_config.get("LogGroup", kept.logs_group_name),
        log_format=logging_config.get("LogFormat", "Text"),
        log_level=logging_config.get("ApplicationLogLevel"),
        reserved_concurrency=None if reserved is None else int(reserved),
    )


def _layer_folder(backend: Any, arn: str, artefacts: Artefacts) -> Path:
    return artefacts.of(backend.layers_versions_by_arn(arn).content) / "python"


def _whole_configuration(kept: Any, on_create: bool = False) -> dict[str, Any]:
    """The configuration with its logging, without empty fields, which clients cannot parse."""
    answer = _configuration(kept, on_create)
    chosen = kept.logging_config
    answer["LoggingConfig"] = {
        "LogFormat": chosen.get("LogFormat", "Text"),
        "LogGroup": chosen.get("LogGroup", kept.logs_group_name),
        **{level: chosen[level] for level in ("ApplicationLogLevel", "SystemLogLevel") if level in chosen},
    }
    return {name: value for name, value in answer.items() if value is not None}


def _invoker(functions: Functions, invocations: Invocations) -> Any:
    def invoke(
        _backend: Any,
        function_name: str,
        _qualifier: str | None,
        body: Any,
        headers: Any,
        response_headers: dict[str, str],
    ) -> bytes:
        payload = (body.encode() if isinstance(body, str) else body) or b"{}"
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        try:
            if kind == "RequestResponse":
                outcome = functions.invoke(function_name, payload)
                if outcome.is_error:
                    response_headers["x-amz-function-error"] = "Unhandled"
                response_headers["x-amz-log-result"] = outcome.encoded_log_tail
                return outcome.payload
            if kind == "Event":
                invocations.submit(function_name, payload)
            else:
                functions.get(function_name)
            return b""
        except NotFoundError as error:
            raise _lambda_error(404, "ResourceNotFoundException", str(error)) from error
        except ThrottledError as error:
            raise _lambda_error(429, "TooManyRequestsException", str(error)) from error

    return invoke


def _lambda_error(code: int, kind: str, message: str) -> JsonRESTError:
    error = JsonRESTError(kind, message)
    error.code = code
    return error
