"""Models and endpoints of a run: made, described and removed."""

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

VARIANT = "champion"
"""One name for all runs: an update may not change it, and the alarms on the endpoint name it. So it does not tell which
model answered; `Endpoint.witness` does."""


class EndpointFailed(AutowatchError):
    """The endpoint could not be created or updated."""


class EndpointOverdue(AutowatchError):
    """The endpoint has been on its way for too long."""


class EndpointBusy(AutowatchError):
    """The endpoint is being created, updated or deleted, so that it cannot be changed now. Later it can."""


class CandidateStillThere(AutowatchError):
    """An earlier run's candidate endpoint is not gone yet. Later it is."""


@dataclass(frozen=True)
class Serving:
    """How a model is served: on instances of a type, or serverless where there is no type.

    `kms_key` encrypts the instances' disks; SageMaker takes none for serverless.
    """

    instance_type: str
    instance_count: int
    serverless_memory_mb: int
    serverless_max_concurrency: int
    kms_key: str = ""
    network: Network = field(default_factory=Network)


@dataclass(frozen=True)
class EndpointState:
    """What SageMaker says of an endpoint; `config` is the endpoint config in force."""

    status: str
    config: str
    failure_reason: str | None


def model_name(endpoint_name: str, run: str) -> str:
    """The name of the run's model, and of its endpoint config; SageMaker takes 63 characters, the run's name has 20."""
    return f"{endpoint_name}-{run}"


def candidate_name(endpoint_name: str) -> str:
    """The endpoint at which a challenger is tried."""
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
    """Creates the model `name` and an endpoint config of the same name; what is there already stays."""
    tag_list: list[TagTypeDef] = [{"Key": key, "Value": value} for key, value in tags.items()]
    definition: dict[str, Any] = {"Containers": containers}
    if len(containers) == 1:
        definition = {"PrimaryContainer": containers[0]}
    definition |= serving.network.vpc
    if serving.network.isolated:
        definition["EnableNetworkIsolation"] = True
    on_disks = serving.kms_key and serving.instance_type
    encryption: dict[str, Any] = {"KmsKeyId": serving.kms_key} if on_disks else {}
    with _ignoring_existing():
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=role_arn, Tags=tag_list, **definition)
    with _ignoring_existing():
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[_variant(name, serving)],
            Tags=tag_list,
            **encryption,
        )


def create_candidate(sagemaker: "SageMakerClient", name: str, config: str, tags: dict[str, str]) -> None:
    """Serves `config` at the candidate endpoint `name`. One that this run made already stays; another run's goes.

    Raises:
        CandidateStillThere: another run's candidate is being removed.
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
    """Starts to serve `config` at a new endpoint `name`."""
    sagemaker.create_endpoint(
        EndpointName=name,
        EndpointConfigName=config,
        Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
    )


@naming_throttling()
def switch_endpoint(
    sagemaker: "SageMakerClient",
    name: str,
    config: str,
    tags: dict[str, str],
    deployment: dict[str, Any] | None = None,
) -> None:
    """Starts to serve `config` at the endpoint `name`, new or not; nothing happens where it does so already.

    `deployment` is the DeploymentConfig of an update; without one the new fleet takes over as soon as it answers.

    An endpoint whose creation failed can only be deleted: it goes, and a later call makes a new one.

    Raises:
        EndpointBusy: the endpoint is on its way to another state, be it by an earlier call of this; call again later.
    """
    there = describe_endpoint(sagemaker, name)
    if there is None:
        create_endpoint(sagemaker, name, config, tags)
    elif is_on_its_way(there):
        raise EndpointBusy(f"The endpoint {name} is {there.status}.")
    elif there.status == "Failed":
        sagemaker.delete_endpoint(EndpointName=name)
        raise EndpointBusy(f"The endpoint {name} had failed and is being removed.")
    elif there.config != config:
        guarded: dict[str, Any] = {"DeploymentConfig": deployment} if deployment else {}
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=config, **guarded)


@naming_throttling()
def describe_endpoint(sagemaker: "SageMakerClient", name: str) -> EndpointState | None:
    """What SageMaker says of the endpoint; None if there is none."""
    try:
        answer = sagemaker.describe_endpoint(EndpointName=name)
    except ClientError as error:
        if _is_missing(error):
            return None
        raise
    return EndpointState(answer["EndpointStatus"], answer["EndpointConfigName"], answer.get("FailureReason"))


def is_on_its_way(state: EndpointState) -> bool:
    """Whether the endpoint is between two states, so that it can neither be updated nor deleted."""
    return state.status in _ON_ITS_WAY


def is_in_service(
    sagemaker: "SageMakerClient", name: str, since: datetime, now: datetime, limit_seconds: int
) -> bool:
    """Whether the endpoint serves, having been on its way since `since`.

    Raises:
        EndpointFailed: it never will, with SageMaker's own reason.
        EndpointOverdue: it is not there yet after `limit_seconds`.
    """
    state = describe_endpoint(sagemaker, name)
    if state is None:
        raise EndpointFailed(f"The endpoint {name} is gone: somebody deleted it.")
    if state.status in ("Failed", "OutOfService", "UpdateRollbackFailed"):
        raise EndpointFailed(
            f"The endpoint {name} is {state.status}: {state.failure_reason or 'no reason given'}"
        )
    if state.status != "InService" and (now - since).total_seconds() > limit_seconds:
        raise EndpointOverdue(
            f"The endpoint {name} is still {state.status} after {limit_seconds} s. "
            "Look at its logs in CloudWatch; a larger MaxEndpointSeconds waits longer."
        )
    return state.status == "InService"


def keep_log(logs: Any, endpoint_name: str, days: int, kms_key: str) -> None:
    """Has the log of the endpoint's containers, which may quote rows, kept for `days` and no longer.

    SageMaker itself makes the group when a container first says something, without a key and for ever.
    """
    group = f"/aws/sagemaker/Endpoints/{endpoint_name}"
    with suppress(logs.exceptions.ResourceAlreadyExistsException):
        logs.create_log_group(logGroupName=group, **({"kmsKeyId": kms_key} if kms_key else {}))
    logs.put_retention_policy(logGroupName=group, retentionInDays=days)


@naming_throttling()
def delete_endpoint(sagemaker: "SageMakerClient", name: str) -> None:
    """Deletes the endpoint if there is one.

    Raises:
        EndpointBusy: it is on its way to another state, in which SageMaker refuses to delete it.
    """
    state = describe_endpoint(sagemaker, name)
    if state is None or state.status == "Deleting":
        return
    if is_on_its_way(state):
        raise EndpointBusy(f"The endpoint {name} is {state.status}.")
    sagemaker.delete_endpoint(EndpointName=name)


@naming_throttling()
def delete_model(sagemaker: "SageMakerClient", name: str) -> None:
    """Deletes the endpoint config `name` and the model `name`, where they are there."""
    for delete in (
        lambda: sagemaker.delete_endpoint_config(EndpointConfigName=name),
        lambda: sagemaker.delete_model(ModelName=name),
    ):
        try:
            delete()
        except ClientError as error:
            if not _is_missing(error):
                raise


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


@contextmanager
def _ignoring_existing() -> Iterator[None]:
    """Lets a creation pass whose object is there: names belong to one run, so it is this run's own."""
    try:
        yield
    except ClientError as error:
        if "already exist" not in error.response["Error"]["Message"]:
            raise


def _is_missing(error: ClientError) -> bool:
    # SageMaker has no code of its own for it: the message of a ValidationException tells.
    return error.response["Error"]["Code"] == "ValidationException" and (
        "Could not find" in error.response["Error"]["Message"]
        or "does not exist" in error.response["Error"]["Message"]
    )
