"""State Fail, or an execution ended from outside: stops the job, removes the transform's objects, sends a mail."""

from dataclasses import dataclass
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.notifications import mailing
from autowatch.records.arrival import arrival_in_execution
from autowatch.records.keys import Work
from autowatch.scoring.transform.failure import end_transform, fail_transform
from autowatch.settings import StackSettings


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    topic_arn: str


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, str]:
    """Takes the execution's `input` and the caught `error`; returns the error's name and message.

    Also takes Step Functions' event `Step Functions Execution Status Change`, whose answer is ignored.
    """
    bucket, sagemaker, sns = (
        data_bucket(settings.bucket),
        client("sagemaker"),
        mailing(client("sns"), settings.values_in_mails),
    )
    where = {
        "predictions_prefix": settings.predictions_prefix,
        "stack": settings.stack,
        "topic_arn": settings.topic_arn,
    }
    if "detail" in event:
        end_transform(bucket, sagemaker, sns, **where, detail=event["detail"])
        return {}
    error, cause = fail_transform(
        bucket,
        sagemaker,
        sns,
        **where,
        work=Work(event["input"]["name"]),
        arrival=arrival_in_execution(event["input"]),
        error=event["error"],
    )
    return {"error": error, "cause": cause}
