"""Deletes what a stack's runs made in SageMaker, when the stack is deleted.

Finds the stack's own by the tag `autowatch:stack`, not by name, and touches nothing else.
"""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from autowatch.aws.objects import Bucket, ObjectsNotDeleted
from autowatch.records.keys import AUDIT_PREFIX
from autowatch.records.run import RUN_NAME
from autowatch.records.timestamps import to_text
from autowatch.training.serving.endpoints import EndpointBusy, candidate_name, delete_endpoint, keep_log

_LOGGER = logging.getLogger(__name__)

_TAG = "autowatch:stack"
_ENDPOINT_LOGS = "/aws/sagemaker/Endpoints/"
_JOB_LOGS = ("/aws/sagemaker/TrainingJobs", "/aws/sagemaker/ProcessingJobs", "/aws/sagemaker/TransformJobs")
_ABSENT = (
    "ResourceNotFound",
    "ResourceNotFoundException",
    "ExecutionDoesNotExist",
    "StateMachineDoesNotExist",
    "NoSuchBucket",
)
_NOT_THERE = "could not find"
_ENDPOINT_TRIES = 60
_ENDPOINT_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Removed:
    """How many of each kind were deleted or stopped."""

    executions: int
    jobs: int
    endpoints: int
    endpoint_configs: int
    models: int
    log_groups: int
    log_streams: int


def remove_what_runs_made(
    sagemaker: Any,
    states: Any,
    logs: Any,
    *,
    stack: str,
    state_machines: list[str],
    sleep: Callable[[float], None] = time.sleep,
) -> Removed:
    """Stops running executions and jobs, then deletes the stack's endpoints, endpoint configs, models and logs.

    Idempotent. Stopped jobs stay in SageMaker's lists, since SageMaker cannot delete jobs.

    Raises:
        EndpointBusy: an endpoint was in transition for ten minutes.
    """
    executions = sum(_stop_executions(states, machine) for machine in state_machines)
    jobs = list(_owned(sagemaker, "list_auto_ml_jobs", "AutoMLJobSummaries", "AutoMLJob", stack))
    transforms = list(
        _owned(sagemaker, "list_transform_jobs", "TransformJobSummaries", "TransformJob", stack)
    )
    stopped = sum(_stop(sagemaker.stop_auto_ml_job, "AutoMLJob", job) for job in jobs)
    stopped += sum(_stop(sagemaker.stop_transform_job, "TransformJob", job) for job in transforms)
    endpoints = [
        item["EndpointName"] for item in _owned(sagemaker, "list_endpoints", "Endpoints", "Endpoint", stack)
    ]
    for endpoint in endpoints:
        _delete_endpoint(sagemaker, endpoint, sleep)
    configs = _delete_owned(sagemaker, "endpoint_config", "EndpointConfig", stack)
    models = _delete_owned(sagemaker, "model", "Model", stack)
    names = [job["AutoMLJobName"] for job in jobs] + [job["TransformJobName"] for job in transforms]
    streams = sum(_delete_streams(logs, name) for name in names)
    groups = _delete_endpoint_logs(logs, stack)
    return Removed(executions, stopped, len(endpoints), configs, models, groups, streams)


def remove_endpoint(sagemaker: Any, name: str, *, stack: str, keep_model: str = "") -> None:
    """Deletes the endpoint `name`, its candidate, and the configs and models of runs that were served there.

    Deletes only what has the tag of `stack`; idempotent. The log stays until it expires. `keep_model` is a model to
    keep.

    Raises:
        EndpointBusy: an endpoint is in transition; call again later.
    """
    for endpoint in (name, candidate_name(name)):
        for item in _owned(sagemaker, "list_endpoints", "Endpoints", "Endpoint", stack, containing=endpoint):
            if item["EndpointName"] == endpoint:
                delete_endpoint(sagemaker, endpoint)

    def of_a_run(item: str) -> bool:
        start, _, run = item.partition(f"{name}-")
        return not start and RUN_NAME.fullmatch(run) is not None

    def of_no_use(model: str) -> bool:
        return of_a_run(model) and model != keep_model

    _delete_owned(sagemaker, "endpoint_config", "EndpointConfig", stack, of_a_run, containing=name)
    _delete_owned(sagemaker, "model", "Model", stack, of_no_use, containing=name)


def keep_endpoint_logs(
    logs: Any,
    *,
    stack: str,
    endpoint_name: str,
    days: int,
    kms_key: str,
    arn_of_group: Callable[[str], str],
) -> None:
    """Creates the log groups of the endpoint and its candidate with an expiry and the stack's tag.

    Otherwise SageMaker creates them without an expiry when a container first writes; it uses groups that exist.

    Args:
        kms_key: ARN of the key that encrypts new groups, or empty.
    """
    for name in (endpoint_name, f"{endpoint_name}-candidate"):
        keep_log(logs, name, days, kms_key)
        logs.tag_resource(resourceArn=arn_of_group(f"{_ENDPOINT_LOGS}{name}"), tags={_TAG: stack})


def remove_bucket(bucket: Bucket) -> None:
    """Deletes every version of every object, and the bucket; the bucket stays if records under `audit/` are locked.

    Raises:
        ObjectsNotDeleted: S3 refused to delete an object outside `audit/`.
    """
    try:
        bucket.delete_versions("")
        bucket.client.delete_bucket(Bucket=bucket.name)
    except ObjectsNotDeleted as error:
        times = [bucket.kept_until(key) if key.startswith(AUDIT_PREFIX) else None for key in error.keys]
        until = [time for time in times if time]
        if len(until) < len(times):
            raise
        _LOGGER.warning(
            "the bucket stays, since records in it are locked",
            extra={"records": len(until), "first": error.keys[0], "until": to_text(max(until))},
        )
    except ClientError as error:
        if not _is_absent(error):
            raise


def _stop_executions(states: Any, machine: str) -> int:
    stopped = 0
    pages = states.get_paginator("list_executions").paginate(stateMachineArn=machine, statusFilter="RUNNING")
    for page in pages:
        for execution in page["executions"]:
            states.stop_execution(
                executionArn=execution["executionArn"],
                error="StackDeleted",
                cause="The stack is being deleted.",
            )
            stopped += 1
    return stopped


def _owned(
    sagemaker: Any, operation: str, member: str, kind: str, stack: str, *, containing: str = ""
) -> Iterator[dict[str, Any]]:
    named = {"NameContains": containing} if containing else {}
    for page in sagemaker.get_paginator(operation).paginate(**named):
        for item in page[member]:
            if _is_owned(sagemaker, item[f"{kind}Arn"], stack):
                yield item


def _is_owned(sagemaker: Any, arn: str, stack: str) -> bool:
    try:
        pages = sagemaker.get_paginator("list_tags").paginate(ResourceArn=arn)
        return any(tag == {"Key": _TAG, "Value": stack} for page in pages for tag in page["Tags"])
    except ClientError as error:
        # It may be deleted in the meantime.
        if _is_absent(error):
            return False
        raise


def _stop(stop: Callable[..., Any], kind: str, job: dict[str, Any]) -> int:
    if job[f"{kind}Status"] != "InProgress":
        return 0
    return int(_unless_absent(stop, **{f"{kind}Name": job[f"{kind}Name"]}))


def _delete_endpoint(sagemaker: Any, name: str, sleep: Callable[[float], None]) -> None:
    """Deletes an endpoint as soon as its state allows it."""
    for _ in range(_ENDPOINT_TRIES - 1):
        try:
            delete_endpoint(sagemaker, name)
        except EndpointBusy:
            sleep(_ENDPOINT_WAIT_SECONDS)
        else:
            return
    delete_endpoint(sagemaker, name)


def _delete_owned(
    sagemaker: Any,
    noun: str,
    kind: str,
    stack: str,
    chosen: Callable[[str], bool] = lambda _: True,
    *,
    containing: str = "",
) -> int:
    delete = getattr(sagemaker, f"delete_{noun}")
    owned = _owned(sagemaker, f"list_{noun}s", f"{kind}s", kind, stack, containing=containing)
    names = [item[f"{kind}Name"] for item in owned]
    deleted = 0
    for name in filter(chosen, names):
        try:
            deleted += _unless_absent(delete, **{f"{kind}Name": name})
        except ClientError as error:
            # The permission depends on the tags, which are gone if an earlier request succeeded but its answer was
            # lost.
            left = _owned(sagemaker, f"list_{noun}s", f"{kind}s", kind, stack, containing=name)
            if error.response["Error"]["Code"] != "AccessDeniedException" or any(
                item[f"{kind}Name"] == name for item in left
            ):
                raise
            deleted += 1
    return deleted


def _delete_endpoint_logs(logs: Any, stack: str) -> int:
    deleted = 0
    for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=_ENDPOINT_LOGS):
        for group in page["logGroups"]:
            arn = group.get("logGroupArn") or group["arn"].removesuffix(":*")
            if logs.list_tags_for_resource(resourceArn=arn)["tags"].get(_TAG) == stack:
                deleted += _unless_absent(logs.delete_log_group, logGroupName=group["logGroupName"])
    return deleted


def _delete_streams(logs: Any, job: str) -> int:
    """Deletes the job's streams, whose names begin with its own, in log groups that all the account's jobs share."""
    deleted = 0
    for group in _JOB_LOGS:
        try:
            pages = list(
                logs.get_paginator("describe_log_streams").paginate(
                    logGroupName=group, logStreamNamePrefix=job
                )
            )
        except ClientError as error:
            if _is_absent(error):
                continue
            raise
        for page in pages:
            for stream in page["logStreams"]:
                deleted += _unless_absent(
                    logs.delete_log_stream, logGroupName=group, logStreamName=stream["logStreamName"]
                )
    return deleted


def _unless_absent(call: Callable[..., Any], **arguments: str) -> bool:
    """Calls `call`, and returns whether the resource existed."""
    try:
        call(**arguments)
    except ClientError as error:
        if _is_absent(error):
            return False
        raise
    return True


def _is_absent(error: ClientError) -> bool:
    said = error.response["Error"]
    return said["Code"] in _ABSENT or _NOT_THERE in said.get("Message", "").lower()
