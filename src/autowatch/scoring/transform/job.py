"""The Batch Transform job: starts it and reads its status."""

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
"""The model server abandons a request after 60 s, which at a millisecond per row is 60,000 rows: 6 MB or more of a
usual table. But a payload must hold at least a row, and the largest row that is sent has 4 MB."""

_GROWTH = 3
"""The most by which a line can grow when it is rewritten with quotes."""

_REQUESTS_AT_ONCE = 4
"""Per instance: one for each processor of the default type. Multiplied by the payload it may be at most 100 MB."""

_REQUEST_SECONDS = 900
_REQUEST_RETRIES = 3

_ENVIRONMENT = {
    "SAGEMAKER_MODEL_SERVER_TIMEOUT": str(_REQUEST_SECONDS),
    "SAGEMAKER_TS_RESPONSE_TIMEOUT": str(_REQUEST_SECONDS),
    "SAGEMAKER_MODEL_SERVER_WORKERS": str(_REQUESTS_AT_ONCE),
}
"""Overrides of the model's own environment, which is meant for serving: how long either of the two servers in
SageMaker's images waits for the model, and how many requests it accepts at once."""

_MOST_LOOKS = 2_000


class TransformFailed(AutowatchError):
    """The transform job failed or was stopped."""


class TransformOverdue(AutowatchError):
    """The transform job has exceeded its time limit."""


@dataclass(frozen=True)
class TransformInstances:
    """The instances of the job; `kms_key` is the ARN of the key that encrypts their disks and output, or empty."""

    type: str
    count: int
    kms_key: str = ""


@dataclass(frozen=True)
class TransformProgress:
    """The progress of the job."""

    done: bool
    status: str


def poll_interval(seconds: int, limit_seconds: int) -> int:
    """Seconds between two polls of the job: `seconds`, or more if the job may take very long.

    An execution may have 25,000 events, and each poll adds about nine.
    """
    return max(seconds, -(-limit_seconds // _MOST_LOOKS))


def job_name(name: str) -> str:
    """The job's name, derived from its transform's: at most 63 letters, digits and hyphens."""
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
    """Starts the job over all pieces unless it exists, and returns its progress.

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
    """Stops the job if it is running."""
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
    # An existing job with this name is this transform's own: the state has run twice.
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
