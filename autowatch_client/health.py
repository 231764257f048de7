"""The state of a stack, and its faults."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any, Literal
from urllib.parse import urlsplit

from botocore.exceptions import ClientError

from autowatch_client.objects import Bucket
from autowatch_client.places import Place
from autowatch_client.runs import main_measure


@dataclass(frozen=True)
class Status:
    """The state of a stack. Texts are for people; None stands for what does not exist yet.

    Attributes:
        endpoint: its status, `InService` when it can score.
        model: the run whose model is in force.
        queues: waiting messages in each failure queue.
        alarms: the alarms in state ALARM.
    """

    stack: str
    endpoint_name: str
    endpoint: str | None
    model: str | None
    model_auc: float | None
    model_measure: str | None
    model_value: float | None
    last_run: str | None
    last_run_status: str | None
    last_scored: str | None
    last_scored_rows: int | None
    last_judged: str | None
    last_verdict: str | None
    queues: dict[str, int]
    alarms: tuple[str, ...]


@dataclass(frozen=True)
class Finding:
    """The result of one check: `ok`, `note` or `wrong`, with the remedy."""

    level: Literal["ok", "note", "wrong"]
    what: str
    remedy: str = ""


def read_status(place: Place, client: Callable[[str], Any], bucket: Bucket) -> Status:
    """Reads the state of every part."""
    champion = bucket.read_json("models/champion.json") or {}
    latest = bucket.read_json("models/latest.json") or {}
    manifest = _newest(bucket, "predictions/", ".manifest.json") or {}
    report = _newest(bucket, "reports/", "/drift.json") or {}
    name = champion.get("endpoint_name") or _resources(client, place.stack).get("EndpointName", place.stack)
    return Status(
        stack=place.description,
        endpoint_name=name,
        endpoint=_endpoint(client("sagemaker"), name),
        model=champion.get("run"),
        model_auc=champion.get("metrics", {}).get("auc"),
        **{f"model_{name}": value for name, value in main_measure(champion).items()},
        last_run=latest.get("run"),
        last_run_status=latest.get("status"),
        last_scored=manifest.get("finished"),
        last_scored_rows=manifest.get("rows", {}).get("scored"),
        last_judged=report.get("generated"),
        last_verdict=report.get("verdict"),
        queues=queues(client, place.stack),
        alarms=_ringing(place, client),
    )


def examine(place: Place, client: Callable[[str], Any], bucket: Bucket) -> Iterator[Finding]:
    """Checks each part of the stack for faults."""
    if place.is_sandbox:
        _evaluate_alarms(place)
    status = read_status(place, client, bucket)
    yield Finding("ok", f"stack {place.description}, bucket {bucket.name}")
    if status.model is None:
        yield Finding("note", "no model is in force yet", "autowatch train FILE")
    elif status.endpoint != "InService":
        yield Finding(
            "wrong",
            f"endpoint {status.endpoint_name} is {status.endpoint or 'gone'}",
            f"roll back to another run and back to {status.model}, the one in force, or train",
        )
    else:
        yield Finding("ok", f"endpoint {status.endpoint_name} serves the model of run {status.model}")
    if status.last_run_status == "failed":
        yield Finding("note", f"the last run {status.last_run} failed", f"autowatch show {status.last_run}")
    for queue, waiting in status.queues.items():
        if waiting:
            yield Finding("wrong", f"{waiting} events failed and wait in {queue}", "autowatch redrive")
    if status.queues and not any(status.queues.values()):
        yield Finding("ok", "the failure queues are empty")
    for alarm in status.alarms:
        remedy = (
            "autowatch judge: no daily run has finished" if "Heartbeat" in alarm else "see docs/operations.md"
        )
        yield Finding("wrong", f"alarm {alarm}", remedy)
    yield from _subscriptions(client, place)
    if status.model and status.last_judged is None:
        yield Finding("note", "no day has been judged yet", "autowatch judge")


def stack_resources(client: Callable[[str], Any], stack: str) -> dict[str, tuple[str, str]]:
    """The physical id and type of each of the stack's resources, by logical id."""
    pages = client("cloudformation").get_paginator("list_stack_resources").paginate(StackName=stack)
    return {
        item["LogicalResourceId"]: (item.get("PhysicalResourceId", ""), item["ResourceType"])
        for page in pages
        for item in page["StackResourceSummaries"]
    }


def queues(client: Callable[[str], Any], stack: str) -> dict[str, int]:
    """How many messages wait in each of the stack's queues, by logical id."""
    waiting = {}
    for name, (url, kind) in stack_resources(client, stack).items():
        if kind == "AWS::SQS::Queue":
            answer = client("sqs").get_queue_attributes(
                QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"]
            )
            waiting[name] = int(answer["Attributes"]["ApproximateNumberOfMessages"])
    return waiting


def _resources(client: Callable[[str], Any], stack: str) -> dict[str, str]:
    (found,) = client("cloudformation").describe_stacks(StackName=stack)["Stacks"]
    return {item["OutputKey"]: item["OutputValue"] for item in found.get("Outputs", ())}


def _endpoint(sagemaker: Any, name: str) -> str | None:
    try:
        return str(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"])
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return None
        raise


def _newest(bucket: Bucket, prefix: str, suffix: str) -> dict[str, Any] | None:
    """The latest document of the newest day that has one."""
    for folder in sorted(bucket.folders(prefix), reverse=True):
        if folder.startswith("date="):
            found = [item for item in bucket.objects(f"{prefix}{folder}/") if item["Key"].endswith(suffix)]
            if found:
                return bucket.read_json(max(found, key=lambda item: item["LastModified"])["Key"])
    return None


def _ringing(place: Place, client: Callable[[str], Any]) -> tuple[str, ...]:
    names = {
        physical
        for physical, kind in stack_resources(client, place.stack).values()
        if kind == "AWS::CloudWatch::Alarm"
    }
    pages = client("cloudwatch").get_paginator("describe_alarms").paginate(StateValue="ALARM")
    return tuple(
        alarm["AlarmName"]
        for page in pages
        for alarm in page.get("MetricAlarms", ())
        if alarm["AlarmName"] in names
    )


def _evaluate_alarms(place: Place) -> None:
    """A sandbox evaluates its alarms only on request."""
    address = urlsplit(place.endpoint_url or "")
    connection = HTTPConnection(address.hostname or "", address.port, timeout=30)
    try:
        connection.request("POST", "/_sandbox/alarms", body=b"{}")
        connection.getresponse().read()
    finally:
        connection.close()


def _subscriptions(client: Callable[[str], Any], place: Place) -> Iterator[Finding]:
    topic = _resources(client, place.stack).get("AlertTopicArn")
    if topic is None:
        return
    pages = client("sns").get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
    subscriptions = [item for page in pages for item in page["Subscriptions"]]
    if not subscriptions:
        yield Finding("note", "alerts have no e-mail address", "set the parameter AlertEmail")
    for item in subscriptions:
        if item["SubscriptionArn"] == "PendingConfirmation":
            yield Finding(
                "wrong",
                f"{item['Endpoint']} has not confirmed the subscription",
                "click the link in AWS's e-mail",
            )
        else:
            yield Finding("ok", f"alerts go to {item['Endpoint']}")
