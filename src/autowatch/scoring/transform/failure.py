"""The end of a transform that failed or was ended from outside: removes its objects and sends a mail."""

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_plus

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.step_functions import read_cause
from autowatch.aws.uploads import abort_uploads
from autowatch.records.arrival import Arrival, arrival_in_execution, output_keys
from autowatch.records.keys import Work
from autowatch.scoring.outcome import find_committed
from autowatch.scoring.transform.job import job_name, stop_transform_job
from autowatch.scoring.transform.work import remove_work

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient


def fail_transform(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    *,
    predictions_prefix: str,
    stack: str,
    topic_arn: str,
    work: Work,
    arrival: Arrival,
    error: dict[str, str],
) -> tuple[str, str]:
    """Stops the job, aborts uploads, removes the work objects and sends a mail; returns the error and its cause.

    Args:
        error: what Step Functions caught. It says nothing about a failed piece, whose own error is in the bucket.
    """
    name, cause = read_cause(_first_error(bucket, work, error))
    stop_transform_job(sagemaker, job_name(work.name))
    keys = output_keys(arrival, predictions_prefix)
    for key in (keys.predictions, keys.rejected):
        abort_uploads(bucket, key)
    remove_work(bucket, work)
    committed = find_committed(bucket, keys) is not None
    advice = (
        f"Its predictions were written before the failure: {keys.predictions}"
        if committed
        else "There are no predictions for it. Fix the cause, then upload the file again."
    )
    lines = [
        f"{arrival.file.key} ({arrival.file.size:,} bytes) could not be scored by Batch Transform: {cause}",
        f"({name})",
        advice,
    ]
    publish(sns, topic_arn, f"[{stack}] File not scored: {arrival.file.key}", lines)
    return name, cause


def end_transform(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    *,
    predictions_prefix: str,
    stack: str,
    topic_arn: str,
    detail: dict[str, Any],
) -> None:
    """Does the same after an execution that was aborted, timed out or killed.

    An execution that failed has cleaned up and sent a mail itself; then there is nothing left to do. A file that was
    waiting to be announced again is named in a mail, because no other record of it exists.

    Args:
        detail: that of Step Functions' event `Step Functions Execution Status Change`.
    """
    document, status = json.loads(detail["input"]), detail["status"]
    cause = f"Its execution ended {status}. {detail.get('cause') or ''}".strip()
    if "postponed" in document:
        (record,) = document["postponed"]["event"]["Records"]
        key = unquote_plus(record["s3"]["object"]["key"])
        lines = [
            f"{key} was waiting to be scored and will not be announced again: {cause}",
            "Upload the file again.",
        ]
        publish(sns, topic_arn, f"[{stack}] File not scored: {key}", lines)
        return
    work = Work(document["name"])
    if status == "FAILED" and not any(bucket.list(work.prefix)):
        return
    fail_transform(
        bucket,
        sagemaker,
        sns,
        predictions_prefix=predictions_prefix,
        stack=stack,
        topic_arn=topic_arn,
        work=work,
        arrival=arrival_in_execution(document),
        error={"Error": detail.get("error") or status, "Cause": cause},
    )


def _first_error(bucket: Bucket, work: Work, caught: dict[str, str]) -> dict[str, str]:
    try:
        kept = bucket.read_json(work.failure)
    except ObjectMissing:
        return caught
    # Step Functions writes a text as a JSON string, but an object as it is.
    error: dict[str, str] = json.loads(kept) if isinstance(kept, str) else kept
    return error
