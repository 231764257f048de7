"""Sends failed events again: moves the messages of the stack's failure queues back to their functions."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import unquote_plus

from autowatch_client.health import queues, stack_resources
from autowatch_client.objects import Bucket, short_digest, unheard

_HIDDEN_SECONDS = 120
_LONGEST_NAME_BYTES = 900
Outcome = Literal["sent", "done", "left"]


@dataclass(frozen=True)
class Redriven:
    """The outcome of one message.

    Attributes:
        what: the file that the event concerns, or the function.
        outcome: `sent` again; `done`, if its file was scored or refused meanwhile; `left` in the queue.
    """

    queue: str
    what: str
    outcome: Outcome


def redrive(
    client: Callable[[str], Any], bucket: Bucket, stack: str, on_message: Callable[[Redriven], None] = unheard
) -> list[Redriven]:
    """Empties the queues: sends each event to its function again, asynchronously, and deletes its message.

    Functions are idempotent. An event that fails again returns to its queue after its retries. Events that no function
    handles stay, such as a training run requested by drift: start that by hand.
    """
    resources, outcomes = stack_resources(client, stack), []
    for name, waiting in queues(client, stack).items():
        url = resources[name][0]
        for message in _messages(client("sqs"), url, waiting):
            redriven = _send(client("lambda"), bucket, name, message)
            if redriven.outcome != "left":
                client("sqs").delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
            on_message(redriven)
            outcomes.append(redriven)
    return outcomes


def _messages(sqs: Any, url: str, at_most: int) -> Iterator[dict[str, Any]]:
    """Receives as many messages as waited at the start, since some may fail again and return meanwhile."""
    while at_most > 0:
        answer = sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=min(10, at_most),
            VisibilityTimeout=_HIDDEN_SECONDS,
            MessageAttributeNames=["All"],
        )
        found = answer.get("Messages", [])
        if not found:
            return
        at_most -= len(found)
        yield from found


def _send(lambda_client: Any, bucket: Bucket, queue: str, message: dict[str, Any]) -> Redriven:
    function, event = _addressee(message)
    what = ", ".join(_keys(event)) or function or "an event without a target function"
    if function is None or ":function:" not in function:
        return Redriven(queue, what, "left")
    if _is_done(bucket, event):
        return Redriven(queue, what, "done")
    lambda_client.invoke(
        FunctionName=function.removesuffix(":$LATEST"),
        InvocationType="Event",
        Payload=json.dumps(event).encode(),
    )
    return Redriven(queue, what, "sent")


def _addressee(message: dict[str, Any]) -> tuple[str | None, Any]:
    """The ARN and the event, from Lambda's record of a failure or from the dead letter of a rule or schedule."""
    try:
        body = json.loads(message["Body"])
    except ValueError:
        return None, None
    if isinstance(body, dict) and "requestPayload" in body:
        return body["requestContext"]["functionArn"], body["requestPayload"]
    target = message.get("MessageAttributes", {}).get("TARGET_ARN", {}).get("StringValue")
    return target, body


def _records(event: Any) -> list[dict[str, Any]]:
    records = event.get("Records", []) if isinstance(event, dict) else []
    return [record for record in records if "s3" in record]


def _keys(event: Any) -> list[str]:
    return [unquote_plus(record["s3"]["object"]["key"]) for record in _records(event)]


def _is_done(bucket: Bucket, event: Any) -> bool:
    """Whether every file of the event has a manifest or was refused."""
    records = _records(event)
    return bool(records) and all(_has_result(bucket, record) for record in records)


def _has_result(bucket: Bucket, record: dict[str, Any]) -> bool:
    stored = record["s3"]["object"]
    name = _fit(unquote_plus(stored["key"]).removeprefix("inference/").removesuffix(".csv"))
    stem = f"date={record['eventTime'][:10]}/{name}-{short_digest(stored.get('versionId') or stored.get('eTag', ''))}"
    return bucket.exists(f"predictions/{stem}.manifest.json") or bucket.exists(f"rejected/{stem}.error.json")


def _fit(name: str) -> str:
    """The name as it appears in the keys of its results: a long name is cut and ends with a digest of the whole."""
    whole, digest = name.encode(), short_digest(name)
    if len(whole) <= _LONGEST_NAME_BYTES:
        return name
    return f"{whole[: _LONGEST_NAME_BYTES - len(digest) - 1].decode(errors='ignore')}-{digest}"
