"""Handing a file to Batch Transform: the start of its state machine, once for each arrival."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autowatch.arrival import Arrival


@dataclass(frozen=True)
class TransformMachine:
    """The state machine that scores large files.

    Attributes:
        client: makes boto3's `stepfunctions`; called for large files alone, since the others should not pay for it.
        arn: of the state machine.
        threshold_bytes: files larger than this go to it.
    """

    client: Callable[[], Any]
    arn: str
    threshold_bytes: int

    def takes(self, arrival: Arrival) -> bool:
        """Whether the file is too large for the function."""
        return arrival.file.size > self.threshold_bytes

    def start(self, bucket: str, arrival: Arrival) -> str:
        """Starts the execution for this arrival, or finds it started, and gives its name."""
        name = transform_name(bucket, arrival)
        document = {
            "name": name,
            "input": arrival.file.to_json(),
            "time": arrival.time.isoformat(),
        }
        stepfunctions = self.client()
        try:
            stepfunctions.start_execution(
                stateMachineArn=self.arn, name=name, input=json.dumps(document, ensure_ascii=False)
            )
        except stepfunctions.exceptions.ExecutionAlreadyExists:
            return name
        return name


def transform_name(bucket: str, arrival: Arrival) -> str:
    """The name of the execution: the day and 16 hexadecimal digits, the same whenever this arrival is announced.

    They come from the bucket, the key, the version and the time of the event; so the same content uploaded once
    more after a failure is tried once more, in a bucket without versions too.
    """
    file = arrival.file
    text = "\n".join([bucket, file.key, file.version_id or file.etag, arrival.time.isoformat()])
    return f"{arrival.time:%Y%m%d}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"
