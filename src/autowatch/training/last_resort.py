"""The last resort: a failed run whose clean-up failed as well.

Imports as little as possible, so that the fault that broke the clean-up does not break this module.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket
from autowatch.records.run import end_run, read_latest, run_facts

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient


def give_up_run(
    bucket: Bucket,
    sns: "SNSClient",
    *,
    run: str,
    stack: str,
    topic_arn: str,
    cause: str,
    clean_up_cause: str,
    now: datetime,
) -> None:
    """Ends a failed run whose clean-up failed as well, and sends a mail that says what a person must check."""
    latest = read_latest(bucket)
    if latest.run == run:
        latest = end_run(bucket, latest, "failed", cause, now)
    lines = [
        f"Run {run} failed: {cause}",
        f"The clean-up failed, too: {clean_up_cause}",
        "Check in SageMaker that the endpoint is InService with the config that models/champion.json names, and "
        "delete the candidate endpoint; otherwise the next run deletes it.",
        "",
        *run_facts(latest),
    ]
    publish(sns, topic_arn, f"[{stack}] Clean-up failed: run {run}", lines)
