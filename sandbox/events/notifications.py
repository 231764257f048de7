"""What moto leaves out of delivery: S3's true event records, EventBridge's targets, SNS's e-mails.

Each replaces a method of moto, and queues its work outside the request's thread.
"""

import itertools
import json
import logging
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, cast
from urllib.parse import quote_plus

from moto.events.models import Rule
from moto.events.utils import EventTemplateParser
from moto.s3 import notifications as s3_notifications
from moto.sns.models import Subscription

from sandbox.access.decisions import Decisions, Sender
from sandbox.events.mailbox import Mailbox
from sandbox.events.narrator import Heard
from sandbox.functions.invocations import Deliveries

LOGGER = logging.getLogger("sandbox")
_SENDER = "no-reply@sns.amazonaws.com"
_sequence = itertools.count(time.time_ns())
_sequence_lock = threading.Lock()


def install(
    deliveries: Deliveries, mailbox: Mailbox, decisions: Decisions, heard: Heard | None = None
) -> None:
    """Replace moto's delivery of S3 notifications, of events by rules and of e-mail subscriptions.

    `heard` is called for each object that is created in a bucket with notifications.
    """

    def send_event(_account_id: str, event_name: Any, bucket: Any, key: Any) -> None:
        configuration = bucket.notification_configuration
        if configuration is None:
            return
        name = str(getattr(event_name, "value", event_name))
        if name == "s3:ObjectCreated:Put" and key.multipart is not None:
            # moto stores a finished multipart upload by a put, and sends an event for each.
            return
        if heard and name.startswith("s3:ObjectCreated:"):
            heard(key.name, lambda: bytes(key.value))
        for notification in (*configuration.cloud_function, *configuration.queue, *configuration.topic):
            if not notification.matches(name, key.name):
                continue
            body = json.dumps({"Records": [s3_record(name, bucket, key, notification.id)]}, allow_nan=False)
            deliveries.submit(notification.arn, body, 0, None, Sender("s3.amazonaws.com", bucket.arn))

    def send_to_targets(rule: Any, event: dict[str, Any], **_: Any) -> None:
        if rule.state != "ENABLED" or not rule.event_pattern.matches_event(event):
            return
        for target in rule.targets:
            # AWS retries for a day, up to 185 times; here a few retries suffice.
            retries = min(int(target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 3)), 3)
            dead_letters = target.get("DeadLetterConfig", {}).get("Arn")
            sender = Sender("events.amazonaws.com", rule.arn, target.get("RoleArn"))
            deliveries.submit(target["Arn"], target_input(target, event), retries, dead_letters, sender)

    publish = Subscription.publish

    def publish_also_by_mail(subscription: Any, message: str, message_id: str, **options: Any) -> None:
        if subscription.protocol != "email":
            sender = Sender("sns.amazonaws.com", subscription.topic.arn)
            if objection := decisions.delivery_objection(sender, subscription.endpoint):
                LOGGER.error("%s: nothing could be delivered: %s", sender.source_arn, objection)
                return
            publish(subscription, message, message_id, **options)
            return
        mailbox.deliver(
            _SENDER, subscription.endpoint, options.get("subject") or "AWS Notification Message", message
        )

    cast(Any, s3_notifications).send_event = send_event
    cast(Any, Rule).send_to_targets = send_to_targets
    cast(Any, Subscription).publish = publish_also_by_mail


def s3_record(event_name: str, bucket: Any, key: Any, configuration_id: str) -> dict[str, Any]:
    """One record as S3 sends it.

    https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
    """
    with _sequence_lock:
        sequencer = f"{next(_sequence):016X}"
    stored: dict[str, Any] = {"key": quote_plus(key.name, safe="/")}
    if ":ObjectCreated:" in event_name:
        stored |= {"size": key.size, "eTag": key.etag.replace('"', "")}
    if bucket.is_versioned:
        stored["versionId"] = key.version_id
    return {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "awsRegion": bucket.region_name,
        "eventTime": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "eventName": event_name.removeprefix("s3:"),
        "userIdentity": {"principalId": "AWS:SANDBOX"},
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {
            "x-amz-request-id": uuid.uuid4().hex[:16].upper(),
            "x-amz-id-2": uuid.uuid4().hex,
        },
        "s3": {
            "s3SchemaVersion": "1.0",
            "configurationId": configuration_id,
            "bucket": {"name": bucket.name, "ownerIdentity": {"principalId": "SANDBOX"}, "arn": bucket.arn},
            "object": {**stored, "sequencer": sequencer},
        },
    }


def target_input(target: dict[str, Any], event: dict[str, Any]) -> str:
    """The data that a rule's target receives for an event: Input, InputPath or InputTransformer, else the event."""
    moment = event["time"]
    if not isinstance(moment, str):
        moment = datetime.fromtimestamp(float(moment), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    plain = {**event, "time": moment}
    if "Input" in target:
        return str(target["Input"])
    parse: Any = EventTemplateParser.parse
    if "InputTransformer" in target:
        transformer = target["InputTransformer"]
        return json.dumps(
            parse(transformer["InputTemplate"], transformer.get("InputPathsMap", {}), plain), allow_nan=False
        )
    if path := target.get("InputPath"):
        return json.dumps(parse("<value>", {"value": path}, plain), allow_nan=False)
    del plain["ingestion-time"]
    return json.dumps(plain, allow_nan=False)
