"""Endpoints: their states, and the model servers behind them."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from sandbox.sagemaker.platform import Platform
from sandbox.sagemaker.serving.deployment_config import check_deployment_config
from sandbox.sagemaker.serving.endpoint_configs import EndpointConfigs
from sandbox.sagemaker.serving.model_server import ModelServer, ModelServerFailed
from sandbox.sagemaker.serving.models import Models, container_to_serve
from sandbox.sagemaker.serving.places import Places
from sandbox.sagemaker.wire.errors import ResourceLimitExceeded, ValidationError, ValidationException
from sandbox.sagemaker.wire.listing import page, select
from sandbox.sagemaker.wire.tags import Tags

_SECONDS_BETWEEN_LOOKS = 0.1
_IN_PROGRESS = ("Creating", "Updating")
_STARTUP_SECONDS = 120.0
_DRAIN_SECONDS = 60.0


@dataclass
class Fleet:
    """A production variant that serves."""

    config: dict[str, Any]
    variant: dict[str, Any]
    server: ModelServer
    started: float
    slots: threading.BoundedSemaphore | None
    places: Places = field(default_factory=Places)


@dataclass
class _Endpoint:
    name: str
    arn: str
    config: dict[str, Any]
    status: str
    created: float
    modified: float
    fleet: Fleet | None = None
    green: Fleet | None = None
    green_share: float = 0.0
    pending: dict[str, Any] | None = None
    pending_server: ModelServer | None = None
    deployment_config: dict[str, Any] | None = None
    failure_reason: str | None = None


class Endpoints:
    """CreateEndpoint, DescribeEndpoint, UpdateEndpoint, DeleteEndpoint and ListEndpoints.

    `pace`: real seconds per second of a DeploymentConfig's waits. At 0 all requests shift at once, and alarms are not
    watched.
    """

    def __init__(self, platform: Platform, tags: Tags, models: Models, configs: EndpointConfigs) -> None:
        self._platform = platform
        self._tags = tags
        self._models = models
        self._configs = configs
        self.pace = 0.0
        self._lock = threading.Lock()
        self._endpoints: dict[str, _Endpoint] = {}

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateEndpoint: Creating, then InService or Failed.

        Raises:
            ValidationException: the name is taken, or the configuration does not exist.
            ResourceLimitExceeded: the account's concurrency is used up.
        """
        name = request["EndpointName"]
        arn = self._platform.arn("endpoint", name)
        config = self._configs.find_to_serve(request["EndpointConfigName"])
        if "DeploymentConfig" in request:
            check_deployment_config(request["DeploymentConfig"], config["ProductionVariants"][0])
        now = time.time()
        with self._lock:
            if name in self._endpoints:
                raise ValidationException(f'Cannot create already existing endpoint "{arn}".')
            self._check_concurrency(config)
            endpoint = _Endpoint(name, arn, config, "Creating", now, now)
            endpoint.deployment_config = request.get("DeploymentConfig")
            self._endpoints[name] = endpoint
        self._tags.start(arn, request.get("Tags"))
        threading.Thread(target=self._deploy, args=(endpoint, config), daemon=True).start()
        return {"EndpointArn": arn}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateEndpoint: Updating, then InService on the new configuration, or on the old one if that failed.

        Raises:
            ValidationException: the endpoint or configuration does not exist, the endpoint is in progress, or the
                configuration cannot replace the present one.
            ResourceLimitExceeded: the account's concurrency does not allow a second fleet.
        """
        config = self._configs.find_to_serve(request["EndpointConfigName"])
        with self._lock:
            endpoint = self._find(request["EndpointName"])
            self._check_update(endpoint, config)
            self._check_concurrency(config)
            if "DeploymentConfig" in request:
                check_deployment_config(request["DeploymentConfig"], config["ProductionVariants"][0])
                endpoint.deployment_config = request["DeploymentConfig"]
            elif not request.get("RetainDeploymentConfig"):
                endpoint.deployment_config = None
            endpoint.status = "Updating"
            endpoint.failure_reason = None
            endpoint.modified = time.time()
            endpoint.pending = config
        threading.Thread(target=self._deploy, args=(endpoint, config), daemon=True).start()
        return {"EndpointArn": endpoint.arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeEndpoint.

        Raises:
            ValidationException: the endpoint does not exist.
        """
        with self._lock:
            endpoint = self._find(request["EndpointName"])
            return {
                **self._summary(endpoint),
                "EndpointConfigName": endpoint.config["EndpointConfigName"],
                "ProductionVariants": [self._variant(endpoint.fleet)] if endpoint.fleet else None,
                "DataCaptureConfig": _data_capture(endpoint.config),
                "FailureReason": endpoint.failure_reason,
                "LastDeploymentConfig": endpoint.deployment_config,
                "PendingDeploymentSummary": endpoint.pending
                and {
                    "EndpointConfigName": endpoint.pending["EndpointConfigName"],
                    "ProductionVariants": [
                        {"VariantName": endpoint.pending["ProductionVariants"][0]["VariantName"]}
                    ],
                    "StartTime": endpoint.modified,
                },
            }

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteEndpoint: removes the endpoint and its process at once.

        Raises:
            ValidationException: the endpoint does not exist, or is being created or updated.
        """
        with self._lock:
            endpoint = self._find(request["EndpointName"])
            if endpoint.status in _IN_PROGRESS:
                raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
            del self._endpoints[endpoint.name]
        self._tags.forget(endpoint.arn)
        if endpoint.fleet:
            endpoint.fleet.server.close()
        return {}

    def list_endpoints(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListEndpoints."""
        with self._lock:
            summaries = [self._summary(endpoint) for endpoint in self._endpoints.values()]
        return page(select(summaries, request, "Endpoint"), request, "Endpoints")

    @contextmanager
    def serving(self, name: str) -> Iterator[Fleet]:
        """The fleet that serves at the endpoint; an update ends it only after the context ends.

        Raises:
            ValidationError: no endpoint with this name is serving.
        """
        with self._lock:
            endpoint = self._endpoints.get(name)
            if endpoint is None or endpoint.fleet is None:
                raise ValidationError(f"Endpoint {name} of account {self._platform.account_id} not found.")
            fleet = endpoint.fleet
            # Requests are routed to fleets at random, as in SageMaker.
            if endpoint.green and random.random() < endpoint.green_share:  # noqa: S311
                fleet = endpoint.green
            fleet.server.enter()
        try:
            yield fleet
        finally:
            fleet.server.leave()

    def close(self) -> None:
        """Ends every model process."""
        with self._lock:
            endpoints = list(self._endpoints.values())
            self._endpoints.clear()
        for endpoint in endpoints:
            for server in (endpoint.pending_server, endpoint.fleet and endpoint.fleet.server):
                if server:
                    server.close()

    def _find(self, name: str) -> _Endpoint:
        if name not in self._endpoints:
            raise ValidationException(f'Could not find endpoint "{self._platform.arn("endpoint", name)}".')
        return self._endpoints[name]

    def _check_concurrency(self, config: dict[str, Any]) -> None:
        """Counts every fleet, including those in creation and those that they will replace."""
        limit = self._platform.limits.now.serverless_concurrency
        wanted = _concurrency(config)
        if limit is None or not wanted:
            return
        fleets = [
            each
            for endpoint in self._endpoints.values()
            for each in (endpoint.fleet and endpoint.fleet.config, endpoint.pending)
            if each
        ]
        # An endpoint that is being created has no fleet yet.
        fleets += [each.config for each in self._endpoints.values() if each.status == "Creating"]
        used = sum(map(_concurrency, fleets))
        if used + wanted > limit:
            raise ResourceLimitExceeded(
                "The account-level service limit 'Total concurrency across all serverless endpoints' is "
                f"{limit} Concurrency, with current utilization of {used} Concurrency and a request delta of {wanted} "
                "Concurrency. Please use AWS Service Quotas to request an increase for this quota."
            )

    def _check_update(self, endpoint: _Endpoint, config: dict[str, Any]) -> None:
        if endpoint.status in _IN_PROGRESS:
            raise ValidationException(f'Cannot update in-progress endpoint "{endpoint.arn}".')
        if endpoint.status == "Failed":
            raise ValidationException(
                f'Cannot update failed endpoint "{endpoint.arn}". Delete it and create it again.'
            )
        # SageMaker compares with the configuration in force, so it must still exist.
        self._configs.find(endpoint.config["EndpointConfigName"])
        old, new = endpoint.config["ProductionVariants"][0], config["ProductionVariants"][0]
        if old["VariantName"] != new["VariantName"]:
            raise ValidationException(
                f"The new endpoint configuration must have the production variant {old['VariantName']}"
                f" as the old one does, not {new['VariantName']}."
            )
        if ("ServerlessConfig" in old) != ("ServerlessConfig" in new):
            raise ValidationException(
                "An endpoint cannot change between serverless and instances. Create another."
            )

    def _deploy(self, endpoint: _Endpoint, config: dict[str, Any]) -> None:
        """Starts the configuration's model and replaces the old one, or keeps the old one on failure."""
        variant = config["ProductionVariants"][0]
        server = None
        try:
            container = self._container(variant["ModelName"])
            if "ServerlessConfig" in variant and self._platform.limits.now.read_only_disk:
                _check_disk(container, variant["VariantName"])
            server = ModelServer(self._platform, container, variant["VariantName"], endpoint.name)
            with self._lock:
                endpoint.pending_server = server
            # A slow, failing or rolled-back deployment makes this call take long or raise.
            server.start(variant.get("ContainerStartupHealthCheckTimeoutInSeconds", _STARTUP_SECONDS))
        except ModelServerFailed as error:
            if server:
                server.close()
            self._settle(endpoint, None, str(error))
            return
        serverless = variant.get("ServerlessConfig")
        slots = threading.BoundedSemaphore(serverless["MaxConcurrency"]) if serverless else None
        green = Fleet(config, variant, server, time.time(), slots)
        if endpoint.fleet and (alarm := self._bake(endpoint, green)):
            self._settle(endpoint, None, f"The deployment was rolled back, since the alarm {alarm} went off.")
            server.drain(_DRAIN_SECONDS)
            server.close()
            return
        replaced = self._settle(endpoint, green, None)
        if replaced:
            replaced.server.drain(_DRAIN_SECONDS)
            replaced.server.close()

    def _bake(self, endpoint: _Endpoint, green: Fleet) -> str | None:
        """Shifts the requests to the new fleet step by step while watching the alarms; returns the alarm in ALARM."""
        deployment = endpoint.deployment_config or {}
        policy = deployment.get("BlueGreenUpdatePolicy")
        if not (self.pace and policy):
            return None
        routing = policy["TrafficRoutingConfiguration"]
        alarms = [
            item["AlarmName"] for item in deployment.get("AutoRollbackConfiguration", {}).get("Alarms", [])
        ]
        for share in (*_first_shares(routing, green.variant), 1.0):
            with self._lock:
                endpoint.green, endpoint.green_share = green, share
            if alarm := self._watch(alarms, routing["WaitIntervalInSeconds"] * self.pace):
                return alarm
        return self._watch(alarms, policy.get("TerminationWaitInSeconds", 0) * self.pace)

    def _watch(self, alarms: list[str], seconds: float) -> str | None:
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if alarms and (alarm := self._platform.alarm_raised(alarms)):
                return alarm
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return None

    def _container(self, model_name: str) -> dict[str, Any]:
        try:
            return container_to_serve(self._models.find(model_name))
        except ValidationException as error:
            raise ModelServerFailed(str(error)) from error

    def _settle(self, endpoint: _Endpoint, fleet: Fleet | None, failure_reason: str | None) -> Fleet | None:
        """Ends a deployment, successful or not; returns the replaced fleet."""
        with self._lock:
            replaced = endpoint.fleet if fleet else None
            if fleet:
                endpoint.fleet = fleet
                endpoint.config = fleet.config
            endpoint.status = "InService" if endpoint.fleet else "Failed"
            endpoint.failure_reason = failure_reason
            endpoint.pending = endpoint.pending_server = endpoint.green = None
            endpoint.modified = time.time()
            closed = self._endpoints.get(endpoint.name) is not endpoint
        if closed and fleet:
            fleet.server.close()
        return replaced

    def _summary(self, endpoint: _Endpoint) -> dict[str, Any]:
        return {
            "EndpointName": endpoint.name,
            "EndpointArn": endpoint.arn,
            "EndpointStatus": endpoint.status,
            "CreationTime": endpoint.created,
            "LastModifiedTime": endpoint.modified,
        }

    def _variant(self, fleet: Fleet) -> dict[str, Any]:
        variant = fleet.variant
        image = fleet.server.image
        return {
            "VariantName": variant["VariantName"],
            "DeployedImages": [
                {"SpecifiedImage": image, "ResolvedImage": image, "ResolutionTime": fleet.started}
            ],
            "CurrentWeight": variant["InitialVariantWeight"],
            "DesiredWeight": variant["InitialVariantWeight"],
            "CurrentInstanceCount": variant.get("InitialInstanceCount", 0),
            "DesiredInstanceCount": variant.get("InitialInstanceCount"),
            "CurrentServerlessConfig": variant.get("ServerlessConfig"),
        }


def _first_shares(routing: dict[str, Any], variant: dict[str, Any]) -> list[float]:
    """The shares of the requests that the new fleet gets before it gets all."""
    step = routing.get("CanarySize") or routing.get("LinearStepSize")
    if step is None:
        return []
    whole = 100 if step["Type"] == "CAPACITY_PERCENT" else variant["InitialInstanceCount"]
    share = float(step["Value"]) / whole
    if routing["Type"] == "CANARY":
        return [share]
    return [share * number for number in range(1, round(1 / share))]


def _check_disk(container: dict[str, Any], variant_name: str) -> None:
    """TorchServe, in SageMaker's images, writes to `logs/` in its working folder unless configured otherwise."""
    environment = container.get("Environment", {})
    for name in ("LOG_LOCATION", "METRICS_LOCATION"):
        if not environment.get(name, "/logs").startswith("/tmp"):  # noqa: S108 (the container's)
            raise ModelServerFailed(
                f"The primary container for production variant {variant_name} did not pass the ping health check: the "
                f"model server could not write to {environment.get(name, '/logs')}, Read-only file system."
            )


def _concurrency(config: dict[str, Any]) -> int:
    serverless = config["ProductionVariants"][0].get("ServerlessConfig")
    return int(serverless["MaxConcurrency"]) if serverless else 0


def _data_capture(config: dict[str, Any]) -> dict[str, Any] | None:
    capture = config.get("DataCaptureConfig")
    if capture is None:
        return None
    return {
        "EnableCapture": capture.get("EnableCapture", False),
        "CaptureStatus": "Stopped",
        "CurrentSamplingPercentage": capture["InitialSamplingPercentage"],
        "DestinationS3Uri": capture["DestinationS3Uri"],
        "KmsKeyId": capture.get("KmsKeyId", ""),
    }
