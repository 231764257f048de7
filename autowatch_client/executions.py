"""One execution of the training state machine: start it and read its state."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from autowatch_client.errors import RefusedError, StackUnknownError
from autowatch_client.objects import Bucket

_NEWEST_EVENTS = 50
_GONE = ("StateMachineDoesNotExist", "InvalidArn", "StateMachineDeleting")


@dataclass(frozen=True)
class Job:
    """A running AutoML job: Autopilot's secondary status and the best candidate's metric so far."""

    status: str
    metric: str | None
    value: float | None


@dataclass(frozen=True)
class Sight:
    """The state of an execution at one moment.

    Attributes:
        status: RUNNING, SUCCEEDED, FAILED, TIMED_OUT or ABORTED.
        state: the state that was entered last; None before the first.
        run: the run's name, as soon as it has one.
        job: its AutoML job, while Autopilot works.
        document: the answer of DescribeExecution.
    """

    status: str
    started: datetime
    state: str | None
    run: str | None
    job: Job | None
    document: Mapping[str, Any]


def start_execution(stepfunctions: Any, state_machine: str, document: dict[str, str]) -> str:
    """Starts a run with this input and returns its execution's ARN.

    Raises:
        StackUnknownError: the state machine does not exist.
        RefusedError: Step Functions rejects the request.
    """
    try:
        answer = stepfunctions.start_execution(stateMachineArn=state_machine, input=json.dumps(document))
    except ClientError as error:
        if error.response["Error"]["Code"] in _GONE:
            raise StackUnknownError(
                f"{state_machine} does not exist (any more). Check TRAIN_STATE_MACHINE_ARN and the region."
            ) from error
        raise RefusedError(f"The run could not be started: {error}") from error
    return str(answer["executionArn"])


def look_at(client: Callable[[str], Any], bucket: Bucket, execution: str, known_run: str | None) -> Sight:
    """The execution's present state. `known_run` is its run, if an earlier call found it."""
    stepfunctions = client("stepfunctions")
    document = stepfunctions.describe_execution(executionArn=execution)
    state = _last_state(stepfunctions, execution)
    run = known_run or _run_of(bucket, execution)
    at_work = document["status"] == "RUNNING" and run and state and "Autopilot" in state
    job = _describe_job(client("sagemaker"), f"autowatch-{run}") if at_work else None
    return Sight(document["status"], document["startDate"], state, run, job, document)


def _last_state(stepfunctions: Any, execution: str) -> str | None:
    answer = stepfunctions.get_execution_history(
        executionArn=execution, reverseOrder=True, maxResults=_NEWEST_EVENTS
    )
    entered = [event for event in answer["events"] if "stateEnteredEventDetails" in event]
    newest = max(entered, key=lambda event: event["id"], default=None)
    return newest["stateEnteredEventDetails"]["name"] if newest else None


def _run_of(bucket: Bucket, execution: str) -> str | None:
    latest = bucket.read_json("models/latest.json") or {}
    return latest.get("run") if latest.get("execution") == execution else None


def _describe_job(sagemaker: Any, name: str) -> Job | None:
    try:
        job = sagemaker.describe_auto_ml_job_v2(AutoMLJobName=name)
    except sagemaker.exceptions.ResourceNotFound:
        # The state that starts the job has been entered, but the job does not exist yet.
        return None
    metric = (job.get("BestCandidate") or {}).get("FinalAutoMLJobObjectiveMetric", {})
    return Job(job["AutoMLJobSecondaryStatus"], metric.get("MetricName"), metric.get("Value"))
