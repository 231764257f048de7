"""Follows a run to its end: shows its progress, then its outcome."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from autowatch_client.executions import Sight, look_at
from autowatch_client.objects import Bucket

Ending = Literal["released", "rejected", "skipped", "failed"]

_STATES = {
    "Prepare": "reading and splitting the training data",
    "PreparePromotion": "preparing the earlier model",
    "StartAutopilot": "starting Autopilot",
    "DescribeAutopilot": "Autopilot",
    "IsAutopilotDone": "Autopilot",
    "WaitForAutopilot": "Autopilot",
    "Stage": "creating the candidate endpoint",
    "DescribeCandidate": "waiting for the candidate endpoint",
    "IsCandidateServing": "waiting for the candidate endpoint",
    "WaitForCandidate": "waiting for the candidate endpoint",
    "Gate": "the gate: scoring the hold-out",
    "AskForApproval": "waiting for a person: autowatch approve, or autowatch reject",
    "Release": "releasing",
    "DescribeEndpoint": "waiting for the endpoint",
    "IsEndpointServing": "waiting for the endpoint",
    "WaitForEndpoint": "waiting for the endpoint",
    "Promote": "smoke test",
    "RegisterModel": "registering the model in Domino",
    "Finish": "cleaning up",
    "Fail": "failed; cleaning up",
    "GiveUp": "failed, and the clean-up failed too",
}
"""States in words. An unlisted state is shown by its name, so the states of a newer stack can be followed."""


@dataclass(frozen=True)
class End:
    """The outcome of a run. `run` is None if the run was refused before it had a name."""

    ending: Ending
    run: str | None
    reason: str
    report_key: str | None


def follow(
    client: Callable[[str], Any],
    bucket: Bucket,
    execution: str,
    on_look: Callable[[Sight], None],
    poll_seconds: float,
) -> End:
    """Polls an execution until it ends.

    Args:
        on_look: called with the state that each poll found while the execution runs.

    An interrupt (Ctrl-C) is not caught; the execution continues.
    """
    run = None
    while True:
        sight = look_at(client, bucket, execution, run)
        run = sight.run
        if sight.status != "RUNNING":
            return _end(bucket, sight)
        on_look(sight)
        time.sleep(poll_seconds)


def describe(sight: Sight) -> str:
    """The progress of a running execution, in words."""
    text = _STATES.get(sight.state, sight.state) if sight.state else "starting"
    if sight.job:
        text += f": {sight.job.status}"
        if sight.job.value is not None:
            text += f", best {sight.job.metric or 'metric'} so far {sight.job.value:.4f}"
    return text


def _end(bucket: Bucket, sight: Sight) -> End:
    record = bucket.read_json(f"models/{sight.run}/run.json") if sight.run else None
    report = f"models/{sight.run}/report.html" if sight.run else None
    report = report if report and bucket.exists(report) else None
    if sight.status == "SUCCEEDED":
        if record is None:
            return End("skipped", None, _why_skipped(sight), None)
        ending: Ending = "released" if record["status"] == "released" else "rejected"
        reason = _back_to(record) if ending == "released" and record.get("promotes") else record["reason"]
        return End(ending, sight.run, reason, report)
    document = sight.document
    cause = (record or {}).get("reason") or document.get("cause") or document.get("error")
    return End("failed", sight.run, cause or f"Step Functions gives only the status {sight.status}.", report)


def _back_to(record: dict[str, Any]) -> str:
    # The record's reason is the earlier gate's decision, which concerns another champion.
    return f"Rolled back to the model of run {record['promotes']}, which passed the gate then."


def _why_skipped(sight: Sight) -> str:
    output = json.loads(sight.document.get("output") or "{}")
    reason = output.get("prepare", {}).get("value", {}).get("reason")
    return reason or "The execution ended before its run had a name, without a reason."
