"""Sends Step Functions' start and end events to EventBridge, which moto leaves out.

https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html
"""

import json
import uuid
from datetime import UTC, datetime
from typing import Any, cast

from moto.events.models import events_backends
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution

_reflect_status = BaseExecutionWorkerCommunication._reflect_execution_status
_start = Execution.start


def install() -> None:
    """Send Step Functions' events to the rules of the default bus; idempotent."""

    def reflect_and_tell(communication: Any) -> None:
        _reflect_status(communication)
        _tell(communication.execution)

    def start_and_tell(execution: Any) -> None:
        _start(execution)
        _tell(execution)

    cast(Any, BaseExecutionWorkerCommunication)._reflect_execution_status = reflect_and_tell
    cast(Any, Execution).start = start_and_tell


def status_change(execution: Any) -> dict[str, Any]:
    """The event in the form that a rule receives."""
    now = datetime.now(UTC)
    ended = execution.exec_status.value != "RUNNING"
    output = (
        json.dumps(execution.output, allow_nan=False) if execution.exec_status.value == "SUCCEEDED" else None
    )
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "Step Functions Execution Status Change",
        "source": "aws.states",
        "account": execution.account_id,
        "time": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": execution.region_name,
        "resources": [execution.exec_arn],
        "detail": {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": execution.exec_status.value,
            "startDate": _milliseconds(execution.start_date),
            "stopDate": _milliseconds(execution.stop_date) if ended else None,
            "input": json.dumps(execution.input_data, allow_nan=False),
            "inputDetails": {"included": True},
            "output": output,
            "outputDetails": {"included": True} if output else None,
            "error": execution.error,
            "cause": execution.cause,
        },
        "ingestion-time": now.timestamp(),
    }


def _tell(execution: Any) -> None:
    bus = events_backends[execution.account_id][execution.region_name].describe_event_bus("default")
    for rule in list(bus.rules.values()):
        rule.send_to_targets(cast(Any, status_change(execution)))


def _milliseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
