"""SageMaker's control plane and runtime as one WSGI application."""

import json
import re
import traceback
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from sandbox.limits import CurrentLimits
from sandbox.sagemaker.autopilot.automl import AutoMLJobs
from sandbox.sagemaker.batch.transform import TransformJobs
from sandbox.sagemaker.platform import Credentials, Platform, any_key
from sandbox.sagemaker.serving.endpoint_configs import EndpointConfigs
from sandbox.sagemaker.serving.endpoints import Endpoints
from sandbox.sagemaker.serving.models import Models
from sandbox.sagemaker.serving.runtime import Invocation, Runtime
from sandbox.sagemaker.wire.errors import (
    InternalFailure,
    SageMakerError,
    UnknownOperationException,
    ValidationError,
    ValidationException,
    error_answer,
)
from sandbox.sagemaker.wire.tags import Tags
from sandbox.sagemaker.wire.validation import check_request, load_service_model, shape_response

_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
_TARGET_PREFIX = "SageMaker."
_CONTROL_CONTENT_TYPE = "application/x-amz-json-1.1"
_ENDPOINT_NAME = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")

Environ = dict[str, Any]
Answer = tuple[int, dict[str, str], bytes]


class SageMaker:
    """Answers boto3's `sagemaker` and `sagemaker-runtime` clients; `close` ends its processes.

    `endpoint_url` is S3's URL for training and serving, `model_python` the interpreter of the model environment, and
    `state_dir` gets the working files and `logs/`. `credentials` assumes a role, for S3.
    """

    def __init__(
        self,
        state_dir: Path,
        endpoint_url: str,
        region: str,
        account_id: str,
        model_python: Path,
        credentials: Credentials = any_key,
        limits: CurrentLimits | None = None,
    ) -> None:
        platform = Platform(
            state_dir, endpoint_url, region, account_id, model_python, credentials, limits or CurrentLimits()
        )
        self._tags = tags = Tags()
        models = Models(platform, tags)
        self._configs = configs = EndpointConfigs(platform, tags, models)
        self._jobs = AutoMLJobs(platform, tags)
        self._endpoints = Endpoints(platform, tags, models, configs)
        self._transforms = TransformJobs(platform, tags, models)
        self._runtime = Runtime(platform, self._endpoints)
        self._service_model = load_service_model("sagemaker")
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "CreateAutoMLJobV2": self._jobs.create,
            "DescribeAutoMLJobV2": self._jobs.describe,
            "ListCandidatesForAutoMLJob": self._jobs.list_candidates,
            "StopAutoMLJob": self._jobs.stop,
            "ListAutoMLJobs": self._jobs.list_jobs,
            "CreateModel": models.create,
            "DescribeModel": models.describe,
            "DeleteModel": models.delete,
            "ListModels": models.list_models,
            "CreateEndpointConfig": configs.create,
            "DescribeEndpointConfig": configs.describe,
            "DeleteEndpointConfig": configs.delete,
            "ListEndpointConfigs": configs.list_configs,
            "CreateEndpoint": self._endpoints.create,
            "DescribeEndpoint": self._endpoints.describe,
            "UpdateEndpoint": self._endpoints.update,
            "DeleteEndpoint": self._endpoints.delete,
            "ListEndpoints": self._endpoints.list_endpoints,
            "CreateTransformJob": self._transforms.create,
            "DescribeTransformJob": self._transforms.describe,
            "StopTransformJob": self._transforms.stop,
            "ListTransformJobs": self._transforms.list_jobs,
            "AddTags": tags.add_tags,
            "ListTags": tags.list_tags,
        }

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one WSGI request (PEP 3333)."""
        request_id = str(uuid.uuid4())
        try:
            status, headers, body = self._answer(environ, request_id)
        except SageMakerError as error:
            status, headers, body = error_answer(error)
        except Exception as error:  # noqa: BLE001 - a server answers InternalFailure and lives on
            traceback.print_exc(file=environ["wsgi.errors"])
            status, headers, body = error_answer(InternalFailure(f"{type(error).__name__}: {error}"))
        headers |= {"x-amzn-RequestId": request_id, "Content-Length": str(len(body))}
        start_response(f"{status} {'OK' if status == 200 else 'Error'}", list(headers.items()))
        return [body]

    def pace_deployments(self, pace: float) -> None:
        """Has blue/green deployments shift, bake and roll back, with `pace` real seconds per second; 0: none."""
        self._endpoints.pace = pace

    def tags_of(self, arn: str) -> dict[str, str]:
        """The tags of a resource; empty if it does not exist."""
        return self._tags.get(arn)

    def key_of_endpoint_config(self, name: str) -> str | None:
        """The KMS key of an endpoint configuration; None if it has none or does not exist."""
        return self._configs.key_of(name)

    def close(self) -> None:
        """Ends every training, transform and model process."""
        self._jobs.close()
        self._transforms.close()
        self._endpoints.close()

    def _answer(self, environ: Environ, request_id: str) -> Answer:
        invocation = _INVOCATIONS.fullmatch(environ["PATH_INFO"])
        if environ["REQUEST_METHOD"] != "POST":
            raise UnknownOperationException("SageMaker accepts only POST requests.")
        if invocation:
            return self._invoke(environ, invocation[1], request_id)
        return self._control(environ)

    def _control(self, environ: Environ) -> Answer:
        operation = environ.get("HTTP_X_AMZ_TARGET", "").removeprefix(_TARGET_PREFIX)
        if operation not in self._operations:
            raise UnknownOperationException(
                f"The operation {operation or '(none)'} is not offered in the sandbox."
            )
        try:
            request = json.loads(_read_body(environ) or b"{}")
        except ValueError as error:
            raise ValidationException("The request's body is not JSON.") from error
        model = self._service_model.operation_model(operation)
        answer = self._operations[operation](check_request(model.input_shape, request))
        shaped = shape_response(model.output_shape, answer) if model.output_shape else None
        body = b"" if shaped is None else json.dumps(shaped, allow_nan=False).encode()
        return 200, {"Content-Type": _CONTROL_CONTENT_TYPE}, body

    def _invoke(self, environ: Environ, endpoint_name: str, request_id: str) -> Answer:
        if not _ENDPOINT_NAME.fullmatch(endpoint_name):
            raise ValidationError(f"Value '{endpoint_name}' at 'endpointName' is not an endpoint's name.")
        answer, variant = self._runtime.invoke(
            Invocation(
                endpoint_name,
                _read_body(environ),
                environ.get("CONTENT_TYPE", ""),
                environ.get("HTTP_ACCEPT", "*/*"),
                request_id,
                environ.get("HTTP_X_AMZN_SAGEMAKER_TARGET_VARIANT"),
            )
        )
        headers = {"Content-Type": answer.content_type, "x-Amzn-Invoked-Production-Variant": variant}
        return 200, headers, answer.body


def _read_body(environ: Environ) -> bytes:
    if environ.get("wsgi.input_terminated"):
        return bytes(environ["wsgi.input"].read())
    return bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
