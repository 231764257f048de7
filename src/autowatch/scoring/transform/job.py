"""The Batch Transform job: asking SageMaker for it, and reading what it says of itself."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from botocore.exceptions import ClientError

from autowatch.aws.objects import Bucket
from autowatch.aws.step_functions import naming_throttling
from autowatch.errors import AutowatchError
from autowatch.scoring.transform.plan import TransformPlan

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.literals import TransformInstanceTypeType
    from mypy_boto3_sagemaker.type_defs import (
        DescribeTransformJobResponseTypeDef,
        TransformOutputTypeDef,
        TransformResourcesTypeDef,
    )

_PAYLOAD_MEGABYTES = 6
_REQUESTS_AT_ONCE = 4
"""For each instance. 6 MB is SageMaker's own default and above the largest row that is sent (4 MB); four requests
are one for each processor of the default instance type. Their product may be at most 100."""

_REQUEST_SECONDS = 900
_REQUEST_RETRIES = 3

_MOST_LOOKS = 2_000


class TransformFailed(AutowatchError):
    """The transform job failed or was stopped."""


class TransformOverdue(AutowatchError):
    """The transform job goes on for longer than it may."""


@dataclass(frozen=True)
class TransformInstances:
    """What the job runs on; `kms_key` is the ARN of the key that encrypts their disks and what they write, or empty."""

    type: str
    count: int
    kms_key: str = ""


@dataclass(frozen=True)
class TransformProgress:
    """How the job is doing."""

    done: bool
    status: str


def poll_interval(seconds: int, limit_seconds: int) -> int:
    """Seconds between two looks at the job: `seconds`, or more where the job may take very long.

    An execution may have 25,000 events, and each look is about nine of them.
    """
    return max(seconds, -(-limit_seconds // _MOST_LOOKS))


def job_name(name: str) -> str:
    """The job's name, from its transform's: at most 63 letters, digits and hyphens."""
    return f"autowatch-{name}"


@naming_throttling()
def run_transform_job(
    sagemaker: "SageMakerClient",
    bucket: Bucket,
    plan: TransformPlan,
    instances: TransformInstances,
    *,
    tags: dict[str, str],
    limit_seconds: int,
    now: datetime,
) -> TransformProgress:
    """Starts the job over all pieces where there is none yet, and tells how it is doing.

    Raises:
        TransformFailed: it failed or was stopped, with SageMaker's own reason.
        TransformOverdue: it should have ended by now.
    """
    name = job_name(plan.work.name)
    job = _describe(sagemaker, name)
    if job is None:
        _start(sagemaker, name, bucket, plan, instances, tags)
        return TransformProgress(done=False, status="InProgress")
    status = job["TransformJobStatus"]
    if status in ("Failed", "Stopped"):
        raise TransformFailed(
            f"The transform job {name} ended as {status}: {job.get('FailureReason', 'SageMaker gave no reason.')}"
        )
    elapsed = (now - job["CreationTime"]).total_seconds()
    if status != "Completed" and elapsed > limit_seconds:
        raise TransformOverdue(
            f"The transform job {name} is {status} after {elapsed:.0f} s, more than MaxTransformSeconds "
            f"({limit_seconds}). Allow it more time, or more instances by TransformInstanceCount."
        )
    return TransformProgress(done=status == "Completed", status=status)


@naming_throttling()
def stop_transform_job(sagemaker: "SageMakerClient", name: str) -> None:
    """Stops the job if it is there and runs."""
    job = _describe(sagemaker, name)
    if job and job["TransformJobStatus"] == "InProgress":
        sagemaker.stop_transform_job(TransformJobName=name)


def _describe(sagemaker: "SageMakerClient", name: str) -> "DescribeTransformJobResponseTypeDef | None":
    try:
        return sagemaker.describe_transform_job(TransformJobName=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("ValidationException", "ResourceNotFound"):
            raise
        return None


def _start(
    sagemaker: "SageMakerClient",
    name: str,
    bucket: Bucket,
    plan: TransformPlan,
    instances: TransformInstances,
    tags: dict[str, str],
) -> None:
    resources: TransformResourcesTypeDef = {
        "InstanceType": cast("TransformInstanceTypeType", instances.type),
        "InstanceCount": instances.count,
    }
    output: TransformOutputTypeDef = {
        "S3OutputPath": bucket.url(plan.work.output),
        "Accept": "text/csv",
        "AssembleWith": "Line",
    }
    if instances.kms_key:
        resources["VolumeKmsKeyId"] = output["KmsKeyId"] = instances.kms_key
    # A job of this name that is there after all is this transform's own: the state ran twice.
    with suppress(sagemaker.exceptions.ResourceInUse):
        sagemaker.create_transform_job(
            TransformJobName=name,
            ModelName=plan.champion.model_name,
            BatchStrategy="MultiRecord",
            MaxPayloadInMB=_PAYLOAD_MEGABYTES,
            MaxConcurrentTransforms=_REQUESTS_AT_ONCE,
            ModelClientConfig={
                "InvocationsTimeoutInSeconds": _REQUEST_SECONDS,
                "InvocationsMaxRetries": _REQUEST_RETRIES,
            },
            TransformInput={
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": bucket.url(plan.work.input)}
                },
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            TransformOutput=output,
            DataProcessing={"InputFilter": plan.rows.input_filter, "JoinSource": "Input"},
            TransformResources=resources,
            Tags=[{"Key": key, "Value": value} for key, value in tags.items()],
        )
