"""A person's approval of a release: the request, on which the execution waits, and the answer."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from autowatch.aws.notifications import publish
from autowatch.aws.objects import Bucket
from autowatch.records.decision import GateDecision, read_decision
from autowatch.records.keys import approval_key
from autowatch.records.run import check_running, read_latest, run_facts
from autowatch.records.timestamps import to_text
from autowatch.reports.publish import write_run_report
from autowatch.training.serving.endpoints import candidate_name, delete_endpoint

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sns import SNSClient


@dataclass(frozen=True)
class ApprovalRequest:
    """What `models/<run>/approval.json` holds.

    Attributes:
        run: the run whose model is to be released.
        reason: why a person must approve the release.
        asked, expires: when the request was made, and when it expires and the champion keeps serving.
        token: the Step Functions task token for the answer; the caller needs permission for SendTaskSuccess.
    """

    run: str
    reason: str
    asked: str
    expires: str
    token: str


def ask_for_approval(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    sns: "SNSClient",
    *,
    run: str,
    token: str,
    seconds: int,
    endpoint_name: str,
    stack: str,
    topic_arn: str,
    now: datetime,
) -> None:
    """Stores the request with the run, deletes the candidate endpoint to save its cost, and sends a mail.

    Raises:
        RunEnded: the run was ended in between.
        EndpointBusy: the candidate endpoint cannot be deleted yet; call again later.
    """
    check_running(bucket, run)
    decision, expires = read_decision(bucket, run), to_text(now + timedelta(seconds=seconds))
    request = ApprovalRequest(run, decision.approval or "", to_text(now), expires, token)
    bucket.write_json(approval_key(run), asdict(request))
    delete_endpoint(sagemaker, candidate_name(endpoint_name))
    latest = read_latest(bucket)
    lines = [
        f"The model of run {run} passed the gate. A person must approve its release.",
        request.reason,
        decision.reason,
        "",
        f'Release it: autowatch approve {run} --reason "..."',
        f'Reject it: autowatch reject {run} --reason "..."',
        f"Without an answer by {expires}, it is rejected. Until then, the model in force keeps serving.",
        "",
        *run_facts(latest)[:-2],
        f"Report: {bucket.url(write_run_report(bucket, latest))}",
    ]
    publish(sns, topic_arn, f"[{stack}] A model waits for your approval: run {run}", lines)


@dataclass(frozen=True)
class ApprovalAnswer:
    """The outcome of a request: whether the release is approved, who answered (empty if it expired), and why."""

    approved: bool
    by: str = ""
    reason: str = ""


def read_answer(document: dict[str, Any]) -> ApprovalAnswer | None:
    """The answer in the state machine's input; None if nobody was asked.

    An answer of any other form than that of `autowatch approve` counts as a rejection.
    """
    if not document:
        return None
    return ApprovalAnswer(
        document.get("approved") is True, str(document.get("by", "")), str(document.get("reason", ""))
    )


def with_answer(decision: GateDecision, answer: ApprovalAnswer | None) -> GateDecision:
    """The decision with the answer applied; a release that was not approved becomes a rejection."""
    if answer is None or decision.approval is None:
        return decision
    who = f"{answer.by or 'Nobody'} {'approved' if answer.approved else 'rejected'} the release"
    words = f"{who}: {answer.reason}" if answer.by else "Nobody approved the release in time."
    return replace(
        decision,
        passed=decision.passed and answer.approved,
        reason=f"{decision.reason} {decision.approval} {words}",
        approval=None,
    )
