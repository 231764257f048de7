"""Deletes a stack: what runs have created, the stack itself and, on request, the data."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from autowatch_client.errors import RefusedError
from autowatch_client.places import Place

_DELETED_AT_ONCE = 1000


def removal_plan(place: Place, endpoint_name: str, with_data: bool) -> list[str]:
    """The steps of `remove_stack`, in sentences."""
    steps = [
        f"delete the endpoint {endpoint_name} and its candidate, with their models and endpoint configs",
        f"delete the CloudFormation stack {place.stack}",
    ]
    data = f"empty and delete the bucket {place.bucket}, with every version of every object"
    keep = f"keep the bucket {place.bucket}; until it is gone no stack of this name can be made again"
    return [*steps, data if with_data else keep]


def remove_stack(
    place: Place,
    client: Callable[[str], Any],
    endpoint_name: str,
    with_data: bool,
    on_step: Callable[[str], None],
) -> None:
    """Does what `removal_plan` says.

    Args:
        on_step: called with each thing that was done.

    Raises:
        RefusedError: CloudFormation could not delete the stack.
    """
    sagemaker = client("sagemaker")
    for name in (endpoint_name, f"{endpoint_name}-candidate"):
        if _delete(sagemaker.delete_endpoint, EndpointName=name):
            on_step(f"deleted the endpoint {name}")
    configs = _delete_named(sagemaker, "endpoint_configs", "EndpointConfig", endpoint_name)
    models = _delete_named(sagemaker, "models", "Model", endpoint_name)
    on_step(f"deleted {configs} endpoint configs and {models} models")
    cloudformation = client("cloudformation")
    cloudformation.delete_stack(StackName=place.stack)
    try:
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName=place.stack, WaiterConfig={"Delay": 1 if place.is_sandbox else 10, "MaxAttempts": 180}
        )
    except WaiterError as error:
        raise RefusedError(
            f"CloudFormation could not delete {place.stack}: {error}. Its events say why."
        ) from error
    on_step(f"deleted the stack {place.stack}")
    if with_data:
        objects = _empty(client("s3"), place.bucket)
        client("s3").delete_bucket(Bucket=place.bucket)
        on_step(f"deleted the bucket {place.bucket} with {objects:,} versions of objects")


def _delete(call: Callable[..., Any], **arguments: str) -> bool:
    """Whether there was anything to delete."""
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("ValidationException", "ResourceNotFound"):
            return False
        raise
    return True


def _delete_named(sagemaker: Any, plural: str, kind: str, prefix: str) -> int:
    pages = sagemaker.get_paginator(f"list_{plural}").paginate(NameContains=prefix)
    names = [
        item[f"{kind}Name"]
        for page in pages
        for item in page[f"{kind}s"]
        if _is_ours(item[f"{kind}Name"], prefix)
    ]
    delete = getattr(sagemaker, f"delete_{plural.removesuffix('s')}")
    return sum(_delete(delete, **{f"{kind}Name": name}) for name in names)


def _is_ours(name: str, prefix: str) -> bool:
    """Whether a run of this stack gave this name: the endpoint's name, then the time of the run's start."""
    rest = name.removeprefix(f"{prefix}-").removeprefix("candidate-")
    return name.startswith(f"{prefix}-") and rest[:8].isdigit()


def _empty(s3: Any, bucket: str) -> int:
    deleted = 0
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        for start in range(0, len(entries), _DELETED_AT_ONCE):
            chosen = entries[start : start + _DELETED_AT_ONCE]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in chosen]
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
        deleted += len(entries)
    return deleted
