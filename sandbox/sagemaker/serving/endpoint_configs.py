"""Endpoint configurations: which model serves on which capacity."""

import threading
import time
from typing import Any

from sandbox.sagemaker.platform import Platform
from sandbox.sagemaker.serving.models import Models, containers_of
from sandbox.sagemaker.wire.errors import ValidationException
from sandbox.sagemaker.wire.listing import page, select
from sandbox.sagemaker.wire.tags import Tags

_SERVERLESS_MEMORY_MB = (1024, 2048, 3072, 4096, 5120, 6144)
_NOT_OFFERED = ("AsyncInferenceConfig", "ExplainerConfig", "ShadowProductionVariants")
_NOT_OFFERED_IN_VARIANT = ("InstancePools", "ManagedInstanceScaling", "CapacityReservationConfig")
_NOT_FOR_SERVERLESS = ("DataCaptureConfig", "VpcConfig", "KmsKeyId")


class EndpointConfigs:
    """CreateEndpointConfig, DescribeEndpointConfig, DeleteEndpointConfig and ListEndpointConfigs."""

    def __init__(self, platform: Platform, tags: Tags, models: Models) -> None:
        self._platform = platform
        self._tags = tags
        self._models = models
        self._lock = threading.Lock()
        self._configs: dict[str, dict[str, Any]] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateEndpointConfig.

        Raises:
            ValidationException: the name is taken, the model does not exist, or the variant is invalid.
        """
        name = request["EndpointConfigName"]
        arn = self._platform.arn("endpoint-config", name)
        self._check(request)
        with self._lock:
            if name in self._configs:
                raise ValidationException(f'Cannot create already existing endpoint configuration "{arn}".')
            self._configs[name] = {
                **request,
                "ProductionVariants": [
                    {"InitialVariantWeight": 1.0, **variant} for variant in request["ProductionVariants"]
                ],
                "EndpointConfigArn": arn,
                "CreationTime": time.time(),
            }
        self._tags.start(arn, request.get("Tags"))
        return {"EndpointConfigArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeEndpointConfig.

        Raises:
            ValidationException: the configuration does not exist.
        """
        return self.find(request["EndpointConfigName"])

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteEndpointConfig: an endpoint that uses it keeps serving, as in SageMaker."""
        with self._lock:
            config = self._configs.pop(request["EndpointConfigName"], None)
        if config is None:
            raise self._missing(request["EndpointConfigName"])
        self._tags.forget(config["EndpointConfigArn"])
        return {}

    def list_configs(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListEndpointConfigs."""
        with self._lock:
            configs = list(self._configs.values())
        return page(select(configs, request, "EndpointConfig"), request, "EndpointConfigs")

    def find(self, name: str) -> dict[str, Any]:
        """The configuration of this name.

        Raises:
            ValidationException: it does not exist.
        """
        with self._lock:
            if name not in self._configs:
                raise self._missing(name)
            return self._configs[name]

    def find_to_serve(self, name: str) -> dict[str, Any]:
        """The configuration of this name as an endpoint sees it: a new one only after a while.

        Raises:
            ValidationException: it does not exist, or is not visible yet.
        """
        config = self.find(name)
        if time.time() - config["CreationTime"] < self._platform.limits.now.config_seconds:
            raise self._missing(name)
        return config

    def key_of(self, name: str) -> str | None:
        """The KMS key of a configuration; None if it has none or does not exist."""
        with self._lock:
            return self._configs.get(name, {}).get("KmsKeyId")

    def _missing(self, name: str) -> ValidationException:
        arn = self._platform.arn("endpoint-config", name)
        return ValidationException(f'Could not find endpoint configuration "{arn}".')

    def _check(self, request: dict[str, Any]) -> None:
        for member in _NOT_OFFERED:
            if member in request:
                raise ValidationException(f"{member} is not offered in the sandbox.")
        if len(request["ProductionVariants"]) != 1:
            raise ValidationException("More than one production variant is not offered in the sandbox.")
        variant = request["ProductionVariants"][0]
        for member in _NOT_OFFERED_IN_VARIANT:
            if member in variant:
                raise ValidationException(f"{member} is not offered in the sandbox.")
        if "ModelName" not in variant:
            raise ValidationException("A production variant without ModelName is not offered in the sandbox.")
        model = self._models.find(variant["ModelName"])
        serverless = variant.get("ServerlessConfig")
        if serverless is None:
            self._check_instances(variant)
        else:
            self._check_serverless(request, variant, serverless)
        if len(containers_of(model)) > 1:
            raise ValidationException(
                "A serverless endpoint can have one container only."
                if serverless
                else "More than one container in a model is not offered in the sandbox."
            )

    def _check_instances(self, variant: dict[str, Any]) -> None:
        for member in ("InstanceType", "InitialInstanceCount"):
            if member not in variant:
                raise ValidationException(
                    f"Production variant {variant['VariantName']} lacks {member}; give it"
                    " InstanceType and InitialInstanceCount, or ServerlessConfig."
                )

    def _check_serverless(
        self, request: dict[str, Any], variant: dict[str, Any], serverless: dict[str, Any]
    ) -> None:
        for member in ("InstanceType", "InitialInstanceCount"):
            if member in variant:
                raise ValidationException(f"{member} and ServerlessConfig exclude each other.")
        for member in _NOT_FOR_SERVERLESS:
            if member in request:
                raise ValidationException(f"{member} is not supported with ServerlessConfig.")
        if serverless["MemorySizeInMB"] not in _SERVERLESS_MEMORY_MB:
            raise ValidationException(
                f"ServerlessConfig.MemorySizeInMB {serverless['MemorySizeInMB']} is none of"
                f" {', '.join(map(str, _SERVERLESS_MEMORY_MB))}."
            )
        if serverless.get("ProvisionedConcurrency", 0) > serverless["MaxConcurrency"]:
            raise ValidationException("ServerlessConfig.ProvisionedConcurrency exceeds MaxConcurrency.")
