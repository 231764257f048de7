"""Deletes a stack: the resources that runs created, the stack and, on request, its data."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError, WaiterError

from autowatch_client.errors import RefusedError
from autowatch_client.places import Place

_DELETED_AT_ONCE = 1000
_KEPT_SHOWN = 20


def removal_plan(place: Place, endpoint_name: str, with_data: bool, lock_days: int = 0) -> list[str]:
    """The steps of `remove_stack`, in sentences. Records under `audit/` may be locked for `lock_days`."""
    steps = [
        f"delete the endpoint {endpoint_name} and its candidate, with their models and endpoint configs",
        f"delete the CloudFormation stack {place.stack}",
    ]
    data = f"empty and delete the bucket {place.bucket}, with every version of every object"
    if lock_days:
        data += (
            f"; records under audit/ of the last {lock_days} days are locked, and the bucket stays with them"
        )
    keep = f"keep the bucket {place.bucket}; no new stack can have this name until it is deleted"
    return [*steps, data if with_data else keep]


def remove_stack(
    place: Place,
    client: Callable[[str], Any],
    endpoint_name: str,
    with_data: bool,
    on_step: Callable[[str], None],
) -> bool:
    """Carries out `removal_plan`. Returns False if the bucket stays because records in it are locked.

    Args:
        on_step: called with a sentence on each step that was done or failed.

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
    return not with_data or _delete_bucket(client("s3"), place.bucket, on_step)


def _delete_bucket(s3: Any, bucket: str, on_step: Callable[[str], None]) -> bool:
    deleted, refused = _empty(s3, bucket)
    if not refused:
        s3.delete_bucket(Bucket=bucket)
        on_step(f"deleted the bucket {bucket} with {deleted:,} versions of objects")
        return True
    on_step(f"deleted {deleted:,} versions of objects in the bucket {bucket}")
    for key in refused[:_KEPT_SHOWN]:
        until = s3.get_object_retention(Bucket=bucket, Key=key)["Retention"]["RetainUntilDate"]
        on_step(f"kept {key}, which is locked until {until:%Y-%m-%d %H:%M} UTC")
    if len(refused) > _KEPT_SHOWN:
        on_step(f"kept {len(refused) - _KEPT_SHOWN:,} more that are locked")
    on_step(f"kept the bucket {bucket}: empty and delete it after the last lock has ended")
    return False


def _delete(call: Callable[..., Any], **arguments: str) -> bool:
    """Whether anything was deleted."""
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
    """Whether a run of this stack created this name: the endpoint's name, then the run's start time."""
    rest = name.removeprefix(f"{prefix}-").removeprefix("candidate-")
    return name.startswith(f"{prefix}-") and rest[:8].isdigit()


def _empty(s3: Any, bucket: str) -> tuple[int, list[str]]:
    """How many versions were deleted, and the keys of those that S3 retains."""
    deleted, refused = 0, list[str]()
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        entries = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        for start in range(0, len(entries), _DELETED_AT_ONCE):
            chosen = entries[start : start + _DELETED_AT_ONCE]
            objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in chosen]
            answer = s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})
            refused += [each["Key"] for each in answer.get("Errors", ())]
        deleted += len(entries)
    return deleted - len(refused), refused
