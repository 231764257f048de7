"""Models: an image, an artefact and an environment under a name."""

import re
import threading
import time
from typing import Any

from botocore.exceptions import ClientError

from sandbox.sagemaker.platform import Platform, split_s3_uri
from sandbox.sagemaker.wire.errors import ValidationException
from sandbox.sagemaker.wire.listing import page, select
from sandbox.sagemaker.wire.tags import Tags

_VARIABLES = re.compile(r"(SAGEMAKER|AUTOML|AUTOGLUON|TS|MMS|STUB)_[A-Z0-9_]+|(LOG|METRICS)_LOCATION")
_NOT_OFFERED = (
    "ModelDataSource",
    "AdditionalModelDataSources",
    "ModelPackageName",
    "InferenceSpecificationName",
    "MultiModelConfig",
)


class Models:
    """CreateModel, DescribeModel, DeleteModel and ListModels."""

    def __init__(self, platform: Platform, tags: Tags) -> None:
        self._platform = platform
        self._tags = tags
        self._lock = threading.Lock()
        self._models: dict[str, dict[str, Any]] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateModel.

        Raises:
            ValidationException: the name is taken, the artefact does not exist, or the sandbox lacks the container.
        """
        if ("PrimaryContainer" in request) == ("Containers" in request):
            raise ValidationException(
                "A model must have either PrimaryContainer or Containers, and not both."
            )
        for container in containers_of(request):
            self._check_container(container, request.get("ExecutionRoleArn", ""))
        name = request["ModelName"]
        arn = self._platform.arn("model", name)
        with self._lock:
            if name in self._models:
                raise ValidationException(f'Cannot create already existing model "{arn}".')
            self._models[name] = {**request, "ModelArn": arn, "CreationTime": time.time()}
        self._tags.start(arn, request.get("Tags"))
        return {"ModelArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeModel.

        Raises:
            ValidationException: the model does not exist.
        """
        return self.find(request["ModelName"])

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteModel: the artefact and servers that run it remain."""
        with self._lock:
            model = self._models.pop(request["ModelName"], None)
        if model is None:
            raise self._missing(request["ModelName"])
        self._tags.forget(model["ModelArn"])
        return {}

    def list_models(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListModels."""
        with self._lock:
            models = list(self._models.values())
        return page(select(models, request, "Model"), request, "Models")

    def find(self, name: str) -> dict[str, Any]:
        """The model of this name.

        Raises:
            ValidationException: it does not exist.
        """
        with self._lock:
            if name not in self._models:
                raise self._missing(name)
            return self._models[name]

    def _missing(self, name: str) -> ValidationException:
        return ValidationException(f'Could not find model "{self._platform.arn("model", name)}".')

    def _check_container(self, container: dict[str, Any], role_arn: str) -> None:
        for member in _NOT_OFFERED:
            if member in container:
                raise ValidationException(f"{member} is not offered in the sandbox.")
        if container.get("Image") not in self._platform.images:
            raise ValidationException(
                f"The image {container.get('Image')} cannot be pulled. The sandbox has"
                f" {' and '.join(self._platform.images)}."
            )
        check_environment(container.get("Environment", {}))
        uri = container.get("ModelDataUrl", "")
        if not uri.startswith("s3://"):
            raise ValidationException("ModelDataUrl must be the s3:// URI of a model.tar.gz.")
        bucket, key = split_s3_uri(uri)
        try:
            self._platform.s3(role_arn).head_object(Bucket=bucket, Key=key)
        except ClientError as error:
            raise ValidationException(f"Could not find model data at {uri}.") from error


def check_environment(environment: dict[str, str]) -> None:
    """Rejects variables that the containers here do not know.

    A container is a process of this machine here, and a variable such as PYTHONSTARTUP would run anything in it.

    Raises:
        ValidationException: there are such variables.
    """
    if others := sorted(name for name in environment if not _VARIABLES.fullmatch(name)):
        raise ValidationException(
            f"The sandbox's containers take no variable {', '.join(others)}; they take SAGEMAKER_*, AUTOML_*, TS_*"
            " and the like."
        )


def container_to_serve(model: dict[str, Any]) -> dict[str, Any]:
    """A model's container, with the role that reads its artefact."""
    return {**containers_of(model)[0], "ExecutionRoleArn": model.get("ExecutionRoleArn", "")}


def containers_of(model: dict[str, Any]) -> list[dict[str, Any]]:
    """A model's containers, in either form of the request."""
    return [model["PrimaryContainer"]] if "PrimaryContainer" in model else model["Containers"]
