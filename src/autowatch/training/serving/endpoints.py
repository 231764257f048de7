"""Creates, describes and deletes the models and endpoints of a run."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from botocore.exceptions import ClientError

from autowatch.aws.step_functions import naming_throttling
from autowatch.errors import AutowatchError
from autowatch.settings import Network

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import ProductionVariantInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import ProductionVariantTypeDef, TagTypeDef

_ON_ITS_WAY = ("Creating", "Updating", "SystemUpdating", "RollingBack", "Deleting")

_SERVERLESS_ENVIRONMENT = {
    "SAGEMAKER_MODEL_SERVER_WORKERS": "1",
    "LOG_LOCATION": "/tmp",  # noqa: S108 (the container's, not this one's)
    "METRICS_LOCATION": "/tmp",  # noqa: S108
}
"""What SageMaker's inference images need if only /tmp is writable and memory is scarce."""

VARIANT = "champion"
"""The same name for all runs: an update may not change it, and the endpoint's alarms refer to it.

So it does not show which model answered; `Endpoint.witness` does.
"""


class EndpointFailed(AutowatchError):
    """The endpoint could not be created or updated."""


class EndpointOverdue(AutowatchError):
    """The endpoint has been in transition for too long."""


class EndpointBusy(AutowatchError):
    """The endpoint is in transition, or SageMaker does not find its parts yet. A later call succeeds."""


class CandidateStillThere(AutowatchError):
    """An earlier run's candidate endpoint is still being deleted. A later call succeeds."""


@dataclass(frozen=True)
class Serving:
    """How a model is served: on instances, or serverless if `instance_type` is empty.

    `kms_key` encrypts the instances' disks; serverless endpoints do not take a key.
    """

    instance_type: str
    instance_count: int
    serverless_memory_mb: int
    serverless_max_concurrency: int
    kms_key: str = ""
    network: Network = field(default_factory=Network)


@dataclass(frozen=True)
class EndpointState:
    """SageMaker's description of an endpoint: the endpoint config in force and, during an update, the next one."""

    status: str
    config: str
    failure_reason: str | None
    next_config: str | None = None


def model_name(endpoint_name: str, run: str) -> str:
    """The name of the run's model; SageMaker allows 63 characters, of which the run's name takes 20."""
    return f"{endpoint_name}-{run}"


def config_name(endpoint_name: str, run: str) -> str:
    """The name of the run's endpoint config; a run that releases an earlier run's model has its own config."""
    return f"{endpoint_name}-{run}"


def candidate_name(endpoint_name: str) -> str:
    """The name of the endpoint that serves a challenger to the gate."""
    return f"{endpoint_name}-candidate"


@naming_throttling()
def create_model(
    sagemaker: "SageMakerClient",
    name: str,
    containers: list[dict[str, Any]],
    serving: Serving,
    *,
    role_arn: str,
    tags: dict[str, str],
) -> None:
    """Creates the model `name`, to be served as in `serving`; an existing model stays."""
    if not serving.instance_type:
        containers = [_for_serverless(container) for container in containers]
    definition: dict[str, Any] = {"Containers": containers}
    if len(containers) == 1:
        definition = {"PrimaryContainer": containers[0]}
    definition |= serving.network.vpc
    if serving.network.isolated:
        definition["EnableNetworkIsolation"] = True
    with _ignoring_existing():
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role_arn, Tags=_list(tags), **definition)


@naming_throttling()
def create_config(
    sagemaker: "SageMakerClient", name: str, model: str, serving: Serving, tags: dict[str, str]
) -> None:
    """Creates the endpoint config `name`, which serves `model`; an existing config stays.

    Raises:
        EndpointBusy: SageMaker does not find the model yet; call again later.
    """
    on_disks = serving.kms_key and serving.instance_type
    encryption: dict[str, Any] = {"KmsKeyId": serving.kms_key} if on_disks else {}
    with _naming_what_passes(name), _ignoring_existing():
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[_variant(model, serving)],
            Tags=_list(tags),
            **encryption,
        )


def create_candidate(sagemaker: "SageMakerClient", name: str, config: str, tags: dict[str, str]) -> None:
    """Serves `config` at the candidate endpoint `name`; keeps this run's own candidate, and deletes another run's.

    Raises:
        CandidateStillThere: another run's candidate is being deleted; call again later.
        EndpointBusy: call again later.
    """
    there = describe_endpoint(sagemaker, name)
    if there is None:
        create_endpoint(sagemaker, name, config, tags)
    elif there.config != config or there.status == "Deleting":
        with suppress(EndpointBusy):
            delete_endpoint(sagemaker, name)
        raise CandidateStillThere(f"The endpoint {name} of an earlier run is being removed.")


@naming_throttling()
def create_endpoint(sagemaker: "SageMakerClient", name: str, config: str, tags: dict[str, str]) -> None:
    """Starts to serve `config` at a new endpoint `name`.

    Raises:
        EndpointBusy: call again later.
    """
    with _naming_what_passes(name):
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=config, Tags=_list(tags))


@naming_throttling()
def switch_endpoint(
    sagemaker: "SageMakerClient",
    name: str,
    config: str,
    tags: dict[str, str],
    deployment: dict[str, Any] | None = None,
) -> None:
    """Starts to serve `config` at the endpoint `name`, which need not exist; idempotent.

    `deployment` is the DeploymentConfig of an update; without it the new fleet takes over as soon as it answers.

    An endpoint whose creation failed can only be deleted: this call deletes it, and a later one creates it again.

    Raises:
        EndpointBusy: call again later.
    """
    there = describe_endpoint(sagemaker, name)
    if there is None:
        create_endpoint(sagemaker, name, config, tags)
    elif is_on_its_way(there):
        if config not in (there.next_config, there.config if there.status == "Creating" else None):
            raise EndpointBusy(f"The endpoint {name} is {there.status}.")
    elif there.status == "Failed":
        with _naming_what_passes(name):
            sagemaker.delete_endpoint(EndpointName=name)
        raise EndpointBusy(f"The endpoint {name} had failed and is being removed.")
    elif there.config != config:
        guarded: dict[str, Any] = {"DeploymentConfig": deployment} if deployment else {}
        with _naming_what_passes(name):
            sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **guarded)


@naming_throttling()
def describe_endpoint(sagemaker: "SageMakerClient", name: str) -> EndpointState | None:
    """SageMaker's description of the endpoint; None if there is none."""
    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return EndpointState(
        answer["EndpointStatus"],
        answer["EndpointConfigName"],
        answer.get("FailureReason"),
        answer.get("PendingDeploymentSummary", {}).get("EndpointConfigName"),
    )


def is_on_its_way(state: EndpointState) -> bool:
    """Whether the endpoint is in transition, so that it can neither be updated nor deleted."""
    return state.status in _ON_ITS_WAY


def is_in_service(
    sagemaker: "SageMakerClient", name: str, since: datetime, now: datetime, limit_seconds: int
) -> bool:
    """Whether the endpoint, in transition since `since`, is in service.

    Raises:
        EndpointFailed: it failed; the message has SageMaker's own reason.
        EndpointOverdue: it is not in service after `limit_seconds`.
    """
    state = describe_endpoint(sagemaker, name)
    if state is None:
        raise EndpointFailed(f"The endpoint {name} was deleted by someone else.")
    if state.status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise EndpointFailed(
            f"The endpoint {name} is {state.status}: {state.failure_reason or 'no reason given'}"
        )
    if state.status != "InService" and (now - since).total_seconds() > limit_seconds:
        raise EndpointOverdue(
            f"The endpoint {name} is still {state.status} after {limit_seconds} s. "
            "Look at its logs in CloudWatch; increase MaxEndpointSeconds to wait longer."
        )
    return state.status == "InService"


def keep_log(logs: Any, endpoint_name: str, days: int, kms_key: str) -> None:
    """Limits the log of the endpoint's containers, which may quote rows, to `days`.

    Otherwise SageMaker creates the log group, without key or expiry, when a container first writes.
    """
    group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group, **({"kmsKeyId": kms_key} if kms_key else {}))
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


@naming_throttling()
def delete_endpoint(sagemaker: "SageMakerClient", name: str) -> None:
    """Deletes the endpoint if there is one.

    Raises:
        EndpointBusy: call again later.
    """
    state = describe_endpoint(sagemaker, name)
    if state is None or state.status == "Deleting":
        return
    if is_on_its_way(state):
        raise EndpointBusy(f"The endpoint {name} is {state.status}.")
    try:
        with _naming_what_passes(name):
            sagemaker.delete_endpoint(EndpointName=name)
    except ClientError as error:
        # The permission depends on the tags, which are gone if an earlier request succeeded but its answer was lost.
        if error.response["Error"]["Code"] != "AccessDeniedException" or describe_endpoint(sagemaker, name):
            raise


def delete_model(sagemaker: "SageMakerClient", name: str) -> None:
    """Deletes the endpoint config `name` and the model `name`, if they exist."""
    delete_config(sagemaker, name)
    with naming_throttling(), _ignoring_missing():
        sagemaker.delete_model(ModelName=name)


def delete_config(sagemaker: "SageMakerClient", name: str) -> None:
    """Deletes the endpoint config `name`, if it exists."""
    with naming_throttling(), _ignoring_missing():
        sagemaker.delete_endpoint_config(EndpointConfigName=name)


def _variant(model: str, serving: Serving) -> "ProductionVariantTypeDef":
    if serving.instance_type:
        return {
            "VariantName": VARIANT,
            "ModelName": model,
            "InstanceType": cast("ProductionVariantInstanceTypeType", serving.instance_type),
            "InitialInstanceCount": serving.instance_count,
            "InitialVariantWeight": 1.0,
        }
    return {
        "VariantName": VARIANT,
        "ModelName": model,
        "ServerlessConfig": {
            "MemorySizeInMB": serving.serverless_memory_mb,
            "MaxConcurrency": serving.serverless_max_concurrency,
        },
    }


def _list(tags: dict[str, str]) -> "list[TagTypeDef]":
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _for_serverless(container: dict[str, Any]) -> dict[str, Any]:
    """The container with one worker, since each holds a copy of the model, and with logs in a writable folder."""
    return container | {"Environment": _SERVERLESS_ENVIRONMENT | container.get("Environment", {})}


@contextmanager
def _naming_what_passes(name: str) -> Iterator[None]:
    """Turns refusals that are temporary into `EndpointBusy`.

    SageMaker may not find what was created a moment ago. And if an answer is lost, boto3 repeats a request that took
    effect, so that the second one meets the first one's result.

    Raises:
        EndpointBusy: call again later.
    """
    try:
        yield
    except ClientError as error:
        message = error.response["Error"]["Message"]
        if _is_missing(error) or "already existing" in message or "in-progress" in message:
            raise EndpointBusy(
                f"SageMaker is not ready for {error.operation_name} of {name}: {message}"
            ) from error
        raise


@contextmanager
def _ignoring_existing() -> Iterator[None]:
    """Ignores that the object to create exists: names belong to one run, so it is this run's own."""
    try:
        yield
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"]:
            raise


@contextmanager
def _ignoring_missing() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        if not _is_missing(error):
            raise


def _is_missing(error: ClientError) -> bool:
    # SageMaker has no error code for this: only the message of a ValidationException shows it.
    return error.response["Error"]["Code"] == "ValidationException" and (
        "Could not find" in error.response["Error"]["Message"]
        or "does not exist" in error.response["Error"]["Message"]
    )
