"""The resource types of CloudFormation that moto leaves out or creates only in part.

moto collects its types from the subclasses of CloudFormationModel, the last one of a type in force; `register` adds
ours. They create what the template asks for through the services' own APIs, so that botocore checks every field.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction, LayerVersion
from moto.core.common_models import CloudFormationModel
from moto.s3.models import FakeBucket
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from sandbox.deployment.template import Package
from sandbox.errors import TemplateError
from sandbox.events.notifications import is_allowed
from sandbox.events.schedules import Schedule, Schedules
from sandbox.functions.functions import Function, Functions
from sandbox.functions.invocations import AsynchronousConfiguration, Invocations

SUPPORTED_BY_MOTO = frozenset(
    {
        "AWS::CloudWatch::Dashboard",
        "AWS::Events::Rule",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::IAM::Role",
        "AWS::Lambda::Permission",
        "AWS::Logs::LogGroup",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
        "AWS::SSM::Parameter",
    }
)


@dataclass
class Parts:
    """What the resources of a stack are made with."""

    session: Any
    """A boto3 session with the sandbox's credentials and region."""
    endpoint_url: str
    functions: Functions
    invocations: Invocations
    schedules: Schedules
    package: Package
    layer_folders: dict[str, Path] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    def client(self, service: str) -> Any:
        """A client of the sandbox's own service, the same each time."""
        if service not in self._clients:
            self._clients[service] = self.session.client(service, endpoint_url=self.endpoint_url)
        return self._clients[service]


@dataclass(frozen=True)
class Request:
    """One resource to create: its physical name, its resolved properties and where."""

    name: str
    logical_id: str
    properties: dict[str, Any]
    template: dict[str, Any]
    account_id: str
    region: str


Create = Callable[[Parts, Request], Any]


class Created:
    """A resource that moto itself knows nothing of."""

    def __init__(self, physical_id: str, **attributes: str) -> None:
        self.physical_resource_id = physical_id
        self.name = physical_id
        self._attributes = attributes

    def is_created(self) -> bool:
        """Whether CloudFormation may go on."""
        return True

    def get_cfn_attribute(self, name: str) -> str:
        """What `!GetAtt` gives; TemplateError when the resource has no such attribute."""
        if name not in self._attributes:
            raise TemplateError(f"{self.physical_resource_id} has no attribute {name}.")
        return self._attributes[name]


def supported_types() -> set[str]:
    """Every resource type that a stack may have."""
    return set(SUPPORTED_BY_MOTO) | set(_TYPES)


def register(parts: Parts) -> None:
    """Make our types known to moto's CloudFormation; once in a process."""
    for resource_type, (name_property, create) in _TYPES.items():
        _model(parts, resource_type, name_property, create)


def _model(parts: Parts, resource_type: str, name_property: str, create: Create) -> None:
    class Model(CloudFormationModel):
        @staticmethod
        def cloudformation_name_type() -> str:
            return name_property

        @staticmethod
        def cloudformation_type() -> str:
            return resource_type

        @classmethod
        def has_cfn_attr(cls, attr: str) -> bool:
            return bool(attr)

        @classmethod
        def create_from_cloudformation_json(
            cls,
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **kwargs: Any,
        ) -> Any:
            properties = cloudformation_json.get("Properties", {})
            request = Request(
                resource_name, kwargs["LogicalId"], properties, cloudformation_json, account_id, region_name
            )
            return create(parts, request)

    _models.append(Model)


# CloudFormationModel.__subclasses__() holds its classes weakly.
_models: list[type[Any]] = []


def _create_bucket(parts: Parts, request: Request) -> Any:
    properties = dict(request.properties)
    bucket = FakeBucket.create_from_cloudformation_json(
        request.name, request.template, request.account_id, request.region
    )
    s3 = parts.client("s3")
    for handled in ("BucketName", "BucketEncryption", "Tags"):
        properties.pop(handled, None)
    if blocked := properties.pop("PublicAccessBlockConfiguration", None):
        s3.put_public_access_block(Bucket=request.name, PublicAccessBlockConfiguration=blocked)
    if ownership := properties.pop("OwnershipControls", None):
        s3.put_bucket_ownership_controls(Bucket=request.name, OwnershipControls=ownership)
    if versioning := properties.pop("VersioningConfiguration", None):
        s3.put_bucket_versioning(Bucket=request.name, VersioningConfiguration=versioning)
    if lifecycle := properties.pop("LifecycleConfiguration", None):
        rules = [_lifecycle_rule(rule) for rule in lifecycle["Rules"]]
        s3.put_bucket_lifecycle_configuration(Bucket=request.name, LifecycleConfiguration={"Rules": rules})
    if notification := properties.pop("NotificationConfiguration", None):
        configuration = _notification(notification)
        for item in configuration["LambdaFunctionConfigurations"]:
            arn = item["LambdaFunctionArn"]
            if not is_allowed(arn, "s3", bucket.arn, request.account_id):
                raise TemplateError(
                    f"{request.logical_id} notifies {arn}, which has no AWS::Lambda::Permission for s3.amazonaws.com."
                )
        s3.put_bucket_notification_configuration(Bucket=request.name, NotificationConfiguration=configuration)
    _refuse_rest(request, properties)
    return bucket


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's lifecycle rule in the words of the API."""
    rule = dict(rule)
    if "ExpirationInDays" in rule:
        rule["Expiration"] = {"Days": rule.pop("ExpirationInDays")}
    elif "ExpiredObjectDeleteMarker" in rule:
        rule["Expiration"] = {"ExpiredObjectDeleteMarker": rule.pop("ExpiredObjectDeleteMarker")}
    if "Id" in rule:
        rule["ID"] = rule.pop("Id")
    rule["Filter"] = {"Prefix": rule.pop("Prefix", "")}
    return rule


def _notification(configuration: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's NotificationConfiguration in the words of the API."""
    converted: dict[str, Any] = {}
    kinds = {
        "LambdaConfigurations": ("LambdaFunctionConfigurations", "Function", "LambdaFunctionArn"),
        "QueueConfigurations": ("QueueConfigurations", "Queue", "QueueArn"),
        "TopicConfigurations": ("TopicConfigurations", "Topic", "TopicArn"),
    }
    unknown = set(configuration) - set(kinds)
    if unknown:
        raise TemplateError(
            f"The sandbox has no bucket notification of the kind {', '.join(sorted(unknown))}."
        )
    for source, (target, arn_from, arn_to) in kinds.items():
        converted[target] = [
            {
                arn_to: item[arn_from],
                "Events": [item["Event"]],
                **(
                    {"Filter": {"Key": {"FilterRules": item["Filter"]["S3Key"]["Rules"]}}}
                    if "Filter" in item
                    else {}
                ),
            }
            for item in configuration.get(source, [])
        ]
    return converted


def _create_bucket_policy(parts: Parts, request: Request) -> Any:
    bucket = request.properties["Bucket"]
    parts.client("s3").put_bucket_policy(
        Bucket=bucket, Policy=json.dumps(request.properties["PolicyDocument"])
    )
    return Created(f"{bucket}-policy")


def _create_topic_policy(parts: Parts, request: Request) -> Any:
    document = json.dumps(request.properties["PolicyDocument"])
    for topic in request.properties["Topics"]:
        parts.client("sns").set_topic_attributes(
            TopicArn=topic, AttributeName="Policy", AttributeValue=document
        )
    return Created(request.name)


def _create_queue_policy(_: Parts, request: Request) -> Any:
    for url in request.properties["Queues"]:
        queue = sqs_backends[request.account_id][request.region].get_queue(url.rsplit("/", 1)[-1])
        queue.policy = json.dumps(request.properties["PolicyDocument"])
    return Created(request.name)


def _create_subscription(parts: Parts, request: Request) -> Any:
    properties = dict(request.properties)
    arguments = {name: properties.pop(name) for name in ("TopicArn", "Protocol", "Endpoint")}
    _refuse_rest(request, properties)
    arn = parts.client("sns").subscribe(**arguments, ReturnSubscriptionArn=True)["SubscriptionArn"]
    return Created(arn, Arn=arn)


def _create_alarm(parts: Parts, request: Request) -> Any:
    properties = {"AlarmName": request.name, **request.properties}
    for name, number in _ALARM_NUMBERS.items():
        if name in properties:
            # What a parameter gives is text.
            properties[name] = number(properties[name])
    cloudwatch = parts.client("cloudwatch")
    cloudwatch.put_metric_alarm(**properties)
    # moto's alarms begin as OK.
    cloudwatch.set_alarm_state(
        AlarmName=properties["AlarmName"],
        StateValue="INSUFFICIENT_DATA",
        StateReason="Unchecked: Initial alarm creation",
    )
    arn = f"arn:aws:cloudwatch:{request.region}:{request.account_id}:alarm:{request.name}"
    return Created(request.name, Arn=arn)


_ALARM_NUMBERS = {"Period": int, "EvaluationPeriods": int, "DatapointsToAlarm": int, "Threshold": float}


def _create_secret(parts: Parts, request: Request) -> Any:
    arn = parts.client("secretsmanager").create_secret(**{"Name": request.name, **request.properties})["ARN"]
    return Created(arn, Id=arn)


def _create_function(parts: Parts, request: Request) -> Any:
    properties = request.properties
    variables = {
        name: _text(value) for name, value in properties.get("Environment", {}).get("Variables", {}).items()
    }
    logging_configuration = properties.get("LoggingConfig", {})
    function = LambdaFunction.create_from_cloudformation_json(
        request.name,
        {**request.template, "Properties": {**properties, "Environment": {"Variables": variables}}},
        request.account_id,
        request.region,
    )
    function.update_configuration({"Layers": properties.get("Layers", [])})
    reserved = properties.get("ReservedConcurrentExecutions")
    parts.functions.add(
        Function(
            name=request.name,
            logical_id=request.logical_id,
            arn=f"arn:aws:lambda:{request.region}:{request.account_id}:function:{request.name}",
            region=request.region,
            handler=properties["Handler"],
            code=parts.package.code[properties["Code"]["S3Key"]],
            layers=tuple(parts.layer_folders[arn] for arn in properties.get("Layers", [])),
            variables=variables,
            timeout_seconds=float(properties.get("Timeout", 3)),
            memory_megabytes=int(properties.get("MemorySize", 128)),
            log_group=logging_configuration.get("LogGroup", f"/aws/lambda/{request.name}"),
            log_format=logging_configuration.get("LogFormat", "Text"),
            log_level=logging_configuration.get("ApplicationLogLevel"),
            reserved_concurrency=None if reserved is None else int(reserved),
        )
    )
    return function


def _create_layer(parts: Parts, request: Request) -> Any:
    layer = LayerVersion.create_from_cloudformation_json(
        request.name, request.template, request.account_id, request.region
    )
    parts.layer_folders[layer.arn] = parts.package.layers[request.properties["Content"]["S3Key"]]
    return Created(layer.arn, LayerVersionArn=layer.arn)


def _create_event_invoke_config(parts: Parts, request: Request) -> Any:
    properties = request.properties
    destinations = properties.get("DestinationConfig", {})
    parts.invocations.configure(
        properties["FunctionName"],
        AsynchronousConfiguration(
            int(properties.get("MaximumRetryAttempts", 2)),
            destinations.get("OnSuccess", {}).get("Destination"),
            destinations.get("OnFailure", {}).get("Destination"),
        ),
    )
    parts.client("lambda").put_function_event_invoke_config(
        **{
            name: value
            for name, value in properties.items()
            if name not in ("Qualifier", "DestinationConfig")
        }
    )
    return Created(f"{properties['FunctionName']}|$LATEST")


def _create_state_machine(parts: Parts, request: Request) -> Any:
    properties = request.properties
    if location := properties.get("DefinitionS3Location"):
        stored = parts.client("s3").get_object(Bucket=location["Bucket"], Key=location["Key"])
        definition = stored["Body"].read().decode()
    else:
        definition = properties["DefinitionString"]
    values = properties.get("DefinitionSubstitutions", {})

    def substitute(match: re.Match[str]) -> str:
        if match[1] not in values:
            raise TemplateError(f"{request.logical_id} has no DefinitionSubstitution for ${{{match[1]}}}.")
        return _text(values[match[1]])

    definition = re.sub(r"\$\{([A-Za-z0-9_]+)\}", substitute, definition)
    backend = stepfunctions_parser_backends[request.account_id][request.region]
    kind = properties.get("StateMachineType", "STANDARD")
    name = properties.get("StateMachineName", request.name)
    return backend.create_state_machine(name, definition, properties["RoleArn"], sm_type=kind)


def _create_schedule(parts: Parts, request: Request) -> Any:
    arguments = {"Name": request.name, **request.properties}
    arn = parts.client("scheduler").create_schedule(**arguments)["ScheduleArn"]
    unsupported = {"StartDate", "EndDate", "GroupName", "KmsKeyArn"} & set(arguments)
    if unsupported:
        raise TemplateError(
            f"{request.logical_id} uses {', '.join(sorted(unsupported))}, which the sandbox has not."
        )
    target = arguments["Target"]
    parts.schedules.add(
        Schedule(
            logical_id=request.logical_id,
            name=request.name,
            arn=arn,
            expression=arguments["ScheduleExpression"],
            time_zone=arguments.get("ScheduleExpressionTimezone", "UTC"),
            target_arn=target["Arn"],
            body=target.get("Input"),
            retries=int(target.get("RetryPolicy", {}).get("MaximumRetryAttempts", 3)),
            dead_letter_arn=target.get("DeadLetterConfig", {}).get("Arn"),
            enabled=arguments.get("State", "ENABLED") == "ENABLED",
        )
    )
    return Created(request.name, Arn=arn)


def _refuse_rest(request: Request, properties: dict[str, Any]) -> None:
    if properties:
        raise TemplateError(
            f"{request.logical_id} has the properties {', '.join(properties)}, which the sandbox has not."
        )


def _text(value: Any) -> str:
    """A value as CloudFormation hands it on as text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


_TYPES: dict[str, tuple[str, Create]] = {
    "AWS::S3::Bucket": ("BucketName", _create_bucket),
    "AWS::S3::BucketPolicy": ("", _create_bucket_policy),
    "AWS::SNS::TopicPolicy": ("", _create_topic_policy),
    "AWS::SNS::Subscription": ("", _create_subscription),
    "AWS::SQS::QueuePolicy": ("", _create_queue_policy),
    "AWS::CloudWatch::Alarm": ("AlarmName", _create_alarm),
    "AWS::SecretsManager::Secret": ("Name", _create_secret),
    "AWS::Lambda::Function": ("FunctionName", _create_function),
    "AWS::Lambda::LayerVersion": ("LayerName", _create_layer),
    "AWS::Lambda::EventInvokeConfig": ("", _create_event_invoke_config),
    "AWS::StepFunctions::StateMachine": ("StateMachineName", _create_state_machine),
    "AWS::Scheduler::Schedule": ("Name", _create_schedule),
}
