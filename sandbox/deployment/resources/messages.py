"""AWS::SNS, AWS::SQS, AWS::Events and AWS::Scheduler: topics, queues, rules and schedules."""

import json
from typing import Any

from sandbox.deployment.intrinsics import as_text
from sandbox.deployment.resources.kind import Context, Kind, Made, Replaced, Request, tag_list, tags_of, take
from sandbox.errors import TemplateError


class Topic(Kind):
    """AWS::SNS::Topic."""

    name_property = "TopicName"
    longest_name = 256

    def create(self, context: Context, request: Request) -> Made:
        """Create the topic."""
        attributes = self._attributes(request)
        arn = context.call(
            "sns", "create_topic", Name=request.name, Attributes=attributes, Tags=tag_list(request)
        )["TopicArn"]
        return Made(arn, {"TopicArn": arn, "TopicName": request.name}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set its attributes again."""
        for name, value in self._attributes(request).items():
            context.call(
                "sns",
                "set_topic_attributes",
                TopicArn=made.physical_id,
                AttributeName=name,
                AttributeValue=value,
            )
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the topic, and its subscriptions with it."""
        context.call("sns", "delete_topic", TopicArn=made.physical_id)

    @staticmethod
    def _attributes(request: Request) -> dict[str, str]:
        properties = take(
            request.properties, request.logical_id, "DisplayName", "KmsMasterKeyId", "Tags", "TopicName"
        )
        names = ("DisplayName", "KmsMasterKeyId")
        return {name: as_text(properties[name]) for name in names if name in properties}


class TopicPolicy(Kind):
    """AWS::SNS::TopicPolicy."""

    def create(self, context: Context, request: Request) -> Made:
        """Set the policy of every topic."""
        self._set(context, request.properties["Topics"], request.properties["PolicyDocument"])
        return Made(request.name, name=request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set it again."""
        self.create(context, request)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Leave an empty policy behind."""
        self._set(context, request.properties["Topics"], {"Version": "2012-10-17", "Statement": []})

    @staticmethod
    def _set(context: Context, topics: list[str], document: dict[str, Any]) -> None:
        policy = json.dumps(document, allow_nan=False)
        for topic in topics:
            context.call(
                "sns", "set_topic_attributes", TopicArn=topic, AttributeName="Policy", AttributeValue=policy
            )


class Subscription(Replaced):
    """AWS::SNS::Subscription."""

    def create(self, context: Context, request: Request) -> Made:
        """Subscribe; the sandbox confirms at once."""
        properties = take(request.properties, request.logical_id, "TopicArn", "Protocol", "Endpoint")
        arn = context.call("sns", "subscribe", **properties, ReturnSubscriptionArn=True)["SubscriptionArn"]
        return Made(arn, {"Arn": arn})

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Unsubscribe."""
        context.call("sns", "unsubscribe", SubscriptionArn=made.physical_id)


class Queue(Kind):
    """AWS::SQS::Queue."""

    name_property = "QueueName"
    longest_name = 80
    replaced_by = frozenset({"FifoQueue"})

    def create(self, context: Context, request: Request) -> Made:
        """Create the queue."""
        url = context.call(
            "sqs",
            "create_queue",
            QueueName=request.name,
            Attributes=_attributes(request),
            tags=tags_of(request),
        )["QueueUrl"]
        arn = context.arn("sqs", request.name)
        return Made(url, {"Arn": arn, "QueueName": request.name, "QueueUrl": url}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set its attributes again."""
        context.call(
            "sqs", "set_queue_attributes", QueueUrl=made.physical_id, Attributes=_attributes(request)
        )
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the queue."""
        context.call("sqs", "delete_queue", QueueUrl=made.physical_id)


_QUEUE_ATTRIBUTES = (
    "ContentBasedDeduplication",
    "DelaySeconds",
    "FifoQueue",
    "KmsDataKeyReusePeriodSeconds",
    "KmsMasterKeyId",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "SqsManagedSseEnabled",
    "VisibilityTimeout",
)


def _attributes(request: Request) -> dict[str, str]:
    chosen = take(request.properties, request.logical_id, *_QUEUE_ATTRIBUTES, "QueueName", "Tags")
    return {
        name: json.dumps(value, allow_nan=False) if isinstance(value, dict) else as_text(value)
        for name, value in chosen.items()
        if name in _QUEUE_ATTRIBUTES
    }


class QueuePolicy(Kind):
    """AWS::SQS::QueuePolicy."""

    def create(self, context: Context, request: Request) -> Made:
        """Set the policy of every queue."""
        self._set(
            context,
            request.properties["Queues"],
            json.dumps(request.properties["PolicyDocument"], allow_nan=False),
        )
        return Made(request.name, name=request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Set it again."""
        self.create(context, request)
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Remove the policy."""
        self._set(context, request.properties["Queues"], "")

    @staticmethod
    def _set(context: Context, urls: list[str], policy: str) -> None:
        for url in urls:
            context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes={"Policy": policy})


class EventBus(Replaced):
    """AWS::Events::EventBus."""

    name_property = "Name"
    longest_name = 256

    def create(self, context: Context, request: Request) -> Made:
        """Create the bus."""
        take(request.properties, request.logical_id, "Name", "Tags")
        arn = context.call("events", "create_event_bus", Name=request.name, Tags=tag_list(request))[
            "EventBusArn"
        ]
        return Made(request.name, {"Arn": arn, "Name": request.name}, request.name)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the bus."""
        context.call("events", "delete_event_bus", Name=made.physical_id)


class EventBusPolicy(Kind):
    """AWS::Events::EventBusPolicy with a whole statement."""

    replaced_by = frozenset({"EventBusName", "StatementId"})

    def create(self, context: Context, request: Request) -> Made:
        """Put the statement."""
        properties = take(request.properties, request.logical_id, "EventBusName", "StatementId", "Statement")
        statement = {"Sid": properties["StatementId"], **properties["Statement"]}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}, allow_nan=False)
        context.call(
            "events", "put_permission", EventBusName=properties.get("EventBusName", "default"), Policy=policy
        )
        return Made(properties["StatementId"], name=request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Put it again."""
        return self.create(context, request)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Take the statement away."""
        bus = request.properties.get("EventBusName", "default")
        context.call("events", "remove_permission", EventBusName=bus, StatementId=made.physical_id)


class Rule(Kind):
    """AWS::Events::Rule with a pattern."""

    name_property = "Name"
    replaced_by = frozenset({"EventBusName"})

    def create(self, context: Context, request: Request) -> Made:
        """Put the rule and its targets."""
        names = (
            *(
                "Description",
                "EventBusName",
                "EventPattern",
                "Name",
                "ScheduleExpression",
                "State",
                "Targets",
            ),
        )
        properties = take(request.properties, request.logical_id, *names)
        if "ScheduleExpression" in properties:
            raise TemplateError(
                f"The rule {request.logical_id} has a schedule; use a ScheduleV2 event, which has time zones."
            )
        options = {name: properties[name] for name in ("Description", "State") if name in properties}
        bus = _bus_of(request)
        arn = context.call(
            "events",
            "put_rule",
            Name=request.name,
            EventPattern=json.dumps(properties["EventPattern"], allow_nan=False),
            **bus,
            **options,
        )["RuleArn"]
        if targets := properties.get("Targets"):
            context.call("events", "put_targets", Rule=request.name, Targets=targets, **bus)
        return Made("|".join([*bus.values(), request.name]), {"Arn": arn}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Put it again, without the targets that are no longer named."""
        kept = {target["Id"] for target in request.properties.get("Targets", [])}
        if gone := [target["Id"] for target in before.get("Targets", []) if target["Id"] not in kept]:
            context.call("events", "remove_targets", Rule=made.name, Ids=gone, **_bus_of(request))
        return self.create(context, request)

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Remove the targets and delete the rule."""
        if ids := [target["Id"] for target in request.properties.get("Targets", [])]:
            context.call("events", "remove_targets", Rule=made.name, Ids=ids, **_bus_of(request))
        context.call("events", "delete_rule", Name=made.name, **_bus_of(request))


def _bus_of(request: Request) -> dict[str, str]:
    """The bus of a rule, as the API expects it; nothing for the default bus."""
    return (
        {"EventBusName": request.properties["EventBusName"]} if "EventBusName" in request.properties else {}
    )


class Schedule(Kind):
    """AWS::Scheduler::Schedule, in the default group."""

    name_property = "Name"

    def create(self, context: Context, request: Request) -> Made:
        """Create the schedule."""
        context.schedules.name(request.name, request.logical_id)
        arguments = {"Name": request.name, **request.properties}
        arn = context.call("scheduler", "create_schedule", **arguments)["ScheduleArn"]
        return Made(request.name, {"Arn": arn}, request.name)

    def update(self, context: Context, request: Request, made: Made, before: dict[str, Any]) -> Made:
        """Change the schedule."""
        context.call("scheduler", "update_schedule", **{"Name": made.name, **request.properties})
        return made

    def delete(self, context: Context, request: Request, made: Made) -> None:
        """Delete the schedule."""
        context.call("scheduler", "delete_schedule", Name=made.name)
