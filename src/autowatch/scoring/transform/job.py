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

_PAYLOAD_MEGABYTES, _LARGEST_PAYLOAD_MEGABYTES = 1, 6
"""The model server gives a request up after 60 s, which at a millisecond for a row are 60,000 rows: 6 MB and more of a
usual table. A payload must hold a row, though, and the largest that is sent has 4 MB."""

_GROWTH = 3
"""A line has at most so many times the bytes of the file's when it is written anew, with quotes."""

_REQUESTS_AT_ONCE = 4
"""For each instance: one for each processor of the default type. Times the payload it may be at most 100 MB."""

_REQUEST_SECONDS = 900
_REQUEST_RETRIES = 3

_ENVIRONMENT = {
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(_REQUEST_SECONDS),
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": str(_REQUEST_SECONDS),
    "SAGEMAKER_MODEL_SERVER_WORKERS": str(_REQUESTS_AT_ONCE),
}
"""Over the model's own, which is made to be served: how long the server inside waits for the model, by either of the
two servers that SageMaker's images have, and how many requests it takes at once."""

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
    longest_line: int,
    tags: dict[str, str],
    limit_seconds: int,
    now: datetime,
) -> TransformProgress:
    """Starts the job over all pieces where there is none yet, and tells how it is doing.

    Args:
        longest_line: bytes of the file's longest line.

    Raises:
        TransformFailed: it failed or was stopped, with SageMaker's own reason.
        TransformOverdue: it should have ended by now.
    """
    name = job_name(plan.work.name)
    job = _describe(sagemaker, name)
    if job is None:
        _start(sagemaker, name, bucket, plan, instances, tags, _payload_megabytes(longest_line))
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


def _payload_megabytes(longest_line: int) -> int:
    small = _GROWTH * longest_line <= _PAYLOAD_MEGABYTES * 1_000_000
    return _PAYLOAD_MEGABYTES if small else _LARGEST_PAYLOAD_MEGABYTES


def _start(
    sagemaker: "SageMakerClient",
    name: str,
    bucket: Bucket,
    plan: TransformPlan,
    instances: TransformInstances,
    tags: dict[str, str],
    payload_megabytes: int,
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
            MaxPayloadInMB=payload_megabytes,
            MaxConcurrentTransforms=_REQUESTS_AT_ONCE,
            ModelClientConfig={
                "InvocationsTimeoutInSeconds": _REQUEST_SECONDS,
                "InvocationsMaxRetries": _REQUEST_RETRIES,
            },
            Environment=_ENVIRONMENT,
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
