"""Watching a run until its end: a line of progress, then what became of it."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from cli.execution import Sight, look_at
from cli.progress_line import ProgressLine
from cli.records import read_record
from cli.stack import Stack

Ending = Literal["released", "rejected", "skipped", "failed"]

_STATES = {
    "Prepare": "reading and splitting the training data",
    "PreparePromotion": "making the earlier model ready",
    "StartAutopilot": "starting Autopilot",
    "DescribeAutopilot": "Autopilot",
    "IsAutopilotDone": "Autopilot",
    "WaitForAutopilot": "Autopilot",
    "Stage": "creating the candidate endpoint",
    "DescribeCandidate": "waiting for the candidate endpoint",
    "IsCandidateServing": "waiting for the candidate endpoint",
    "WaitForCandidate": "waiting for the candidate endpoint",
    "Gate": "the gate: scoring the hold-out",
    "Release": "releasing",
    "DescribeEndpoint": "waiting for the endpoint",
    "IsEndpointServing": "waiting for the endpoint",
    "WaitForEndpoint": "waiting for the endpoint",
    "Promote": "smoke test",
    "RegisterModel": "telling Domino of the model",
    "Finish": "cleaning up",
    "Fail": "failed; cleaning up",
    "GiveUp": "failed, and so did the clean-up",
}
"""States in words. One that is not listed is shown by its name, so a machine that has grown is still followed."""


@dataclass(frozen=True)
class End:
    """How a run ended. `run` is None for one that was refused before it had a name."""

    ending: Ending
    run: str | None
    reason: str
    report_key: str | None


def watch(
    client: Callable[[str], Any], stack: Stack, execution: str, stream: TextIO, poll_seconds: float
) -> End:
    """Shows how the execution is doing until it ends.

    An interrupt (Ctrl-C) passes through; the execution runs on.
    """
    line, run = ProgressLine(stream), None
    try:
        while True:
            sight = look_at(client, stack.bucket, execution, run)
            run = sight.run
            if sight.status != "RUNNING":
                return _end(client("s3"), stack.bucket, sight)
            line.show((datetime.now(UTC) - sight.started).total_seconds(), describe(sight))
            time.sleep(poll_seconds)
    finally:
        line.close()


def describe(sight: Sight) -> str:
    """What a running execution is at, in words."""
    text = _STATES.get(sight.state, sight.state) if sight.state else "starting"
    if sight.job:
        text += f": {sight.job.status}"
        if sight.job.value is not None:
            text += f", best {sight.job.metric or 'metric'} so far {sight.job.value:.4f}"
    return text


def _end(s3: Any, bucket: str, sight: Sight) -> End:
    record = read_record(s3, bucket, f"models/{sight.run}/run.json") if sight.run else None
    report = f"models/{sight.run}/report.html" if sight.run and _exists(s3, bucket, sight.run) else None
    if sight.status == "SUCCEEDED":
        if record is None:
            return End("skipped", None, _why_skipped(sight), None)
        ending: Ending = "released" if record["status"] == "released" else "rejected"
        return End(ending, sight.run, record["reason"], report)
    document = sight.document
    cause = (record or {}).get("reason") or document.get("cause") or document.get("error")
    return End("failed", sight.run, cause or f"Step Functions says {sight.status} and no more.", report)


def _exists(s3: Any, bucket: str, run: str) -> bool:
    answer = s3.list_objects_v2(Bucket=bucket, Prefix=f"models/{run}/report.html", MaxKeys=1)
    return bool(answer["KeyCount"])


def _why_skipped(sight: Sight) -> str:
    output = json.loads(sight.document.get("output") or "{}")
    reason = output.get("prepare", {}).get("value", {}).get("reason")
    return reason or "The execution ended without a run, and says no more."
