"""Which permissions a request for a service other than S3 needs, operation by operation.

The Service Authorization Reference says which action goes with which resource; a test compares this table with it.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.access.policies import Need
from sandbox.access.world import World

Parameters = Mapping[str, Any]
Clause = Callable[[Parameters, World], list[Need]]


@dataclass(frozen=True)
class Action:
    """One action on the resources that the parameters name, in the form of the reference.

    Attributes:
        name: the action, such as `sagemaker:CreateModel`.
        kind: the type of resource that the reference gives it; empty where it has none.
        resource: its ARN with `{Parameter}`, or the bare name of a parameter that holds an ARN or a list of them.
        tags: the parameter with the new resource's tags.
        context: parameters that are condition keys, by key.
    """

    name: str
    kind: str = ""
    resource: str = ""
    tags: str = ""
    context: tuple[tuple[str, str], ...] = ()

    def __call__(self, parameters: Parameters, world: World) -> list[Need]:
        """The needs of one request."""
        context = {key: _values(parameters.get(name)) for key, name in self.context if parameters.get(name)}
        tags = parameters.get(self.tags) or []
        pairs = tags.items() if isinstance(tags, dict) else [(tag["Key"], tag["Value"]) for tag in tags]
        for key, value in pairs:
            context[f"aws:requesttag/{key.lower()}"] = (str(value),)
        if pairs:
            context["aws:tagkeys"] = tuple(str(key) for key, _ in pairs)
        return [Need(self.name, arn, context) for arn in self._arns(parameters, world)]

    def _arns(self, parameters: Parameters, world: World) -> list[str]:
        if not self.kind:
            return ["*"]
        if "{" not in self.resource:
            given = _values(parameters.get(self.resource))
            return [_whole(each, self, world) for each in given] or ["*"]
        names = re.findall(r"\{(\w+)\}", self.resource)
        several = next((name for name in names if isinstance(parameters.get(name), list)), None)
        choices = parameters[several] if several else [None]
        return [
            _filled(self, {**parameters, **({several: choice} if several else {})}, world)
            for choice in choices
        ]


def _filled(action: Action, parameters: Parameters, world: World) -> str:
    names = {name: str(parameters.get(name, "*")) for name in re.findall(r"\{(\w+)\}", action.resource)}
    only = next(iter(names.values()))
    if only.startswith("arn:"):
        return only
    if "queue" in action.kind:
        only = only.rsplit("/", 1)[-1]
        names = dict.fromkeys(names, only)
    if action.kind == "parameter":
        names = {name: value.removeprefix("/") for name, value in names.items()}
    return world.arn(action.name.split(":")[0], action.resource.format(**names))


def _whole(given: str, action: Action, world: World) -> str:
    if action.kind == "Secret":
        return world.secret_arn(given)
    if action.kind == "key":
        return world.key_arn(given)
    return given


def passes(parameter: str, service: str) -> Clause:
    """PassRole of the role in a parameter, if the parameter is given."""

    def clause(parameters: Parameters, _: World) -> list[Need]:
        role = parameters.get(parameter)
        return [Need("iam:PassRole", role, {"iam:passedtoservice": (service,)})] if role else []

    return clause


def uses_key(*path: str, by: str) -> Clause:
    """The grant that a service needs to use a key on behalf of its caller."""

    def clause(parameters: Parameters, world: World) -> list[Need]:
        found: Any = parameters
        for name in path:
            found = found.get(name) if isinstance(found, Mapping) else None
        return _key_grants(world.key_arn(found), by, world) if found else []

    return clause


def _key_grants(key: str, service: str, world: World) -> list[Need]:
    context = {
        "kms:viaservice": (f"{service}.{world.region}.amazonaws.com",),
        "kms:grantisforawsresource": ("true",),
    }
    return [Need(action, key, context) for action in ("kms:CreateGrant", "kms:DescribeKey")]


def _key_of_config(parameters: Parameters, world: World) -> list[Need]:
    """An endpoint on instances uses the key of its configuration."""
    key = world.endpoint_config_key(str(parameters.get("EndpointConfigName", "")))
    return _key_grants(world.key_arn(key), "sagemaker", world) if key else []


def _entries(parameters: Parameters, world: World) -> list[Need]:
    """PutEvents: each event is judged separately."""
    needs = []
    for entry in parameters.get("Entries", []):
        bus = str(entry.get("EventBusName") or "default")
        arn = bus if bus.startswith("arn:") else world.arn("events", f"event-bus/{bus}")
        context = {
            "events:source": _values(entry.get("Source")),
            "events:detail-type": _values(entry.get("DetailType")),
        }
        needs.append(Need("events:PutEvents", arn, context))
    return needs


def _values(given: Any) -> tuple[str, ...]:
    if given is None:
        return ()
    return tuple(map(str, given)) if isinstance(given, list) else (str(given),)


def _tagged(action: str, kind: str, resource: str) -> tuple[Clause, ...]:
    """Creating a SageMaker resource; with tags it also needs AddTags."""
    create = Action(action, kind, resource, tags="Tags")
    add = Action("sagemaker:AddTags", kind, resource, tags="Tags")
    return create, lambda parameters, world: add(parameters, world) if parameters.get("Tags") else []


_JOB, _TRANSFORM = "automl-job/{AutoMLJobName}", "transform-job/{TransformJobName}"
_MODEL, _CONFIG, _ENDPOINT = (
    "model/{ModelName}",
    "endpoint-config/{EndpointConfigName}",
    "endpoint/{EndpointName}",
)
_GROUP = "log-group:{logGroupName}:log-stream:"
_STREAM = "log-group:{logGroupName}:log-stream:{logStreamName}"
_FUNCTION, _QUEUE = "function:{FunctionName}", "{QueueUrl}"
_PASSES_SAGEMAKER = "sagemaker.amazonaws.com"

OPERATIONS: dict[str, dict[str, tuple[Clause, ...]]] = {
    "sagemaker": {
        "CreateAutoMLJobV2": (
            *_tagged("sagemaker:CreateAutoMLJobV2", "automl-job", _JOB),
            passes("RoleArn", _PASSES_SAGEMAKER),
            uses_key("OutputDataConfig", "KmsKeyId", by="sagemaker"),
            uses_key("SecurityConfig", "VolumeKmsKeyId", by="sagemaker"),
        ),
        "DescribeAutoMLJobV2": (Action("sagemaker:DescribeAutoMLJobV2", "automl-job", _JOB),),
        "StopAutoMLJob": (Action("sagemaker:StopAutoMLJob", "automl-job", _JOB),),
        "ListCandidatesForAutoMLJob": (Action("sagemaker:ListCandidatesForAutoMLJob"),),
        "ListAutoMLJobs": (Action("sagemaker:ListAutoMLJobs"),),
        "CreateModel": (
            *_tagged("sagemaker:CreateModel", "model", _MODEL),
            passes("ExecutionRoleArn", _PASSES_SAGEMAKER),
        ),
        "DescribeModel": (Action("sagemaker:DescribeModel", "model", _MODEL),),
        "DeleteModel": (Action("sagemaker:DeleteModel", "model", _MODEL),),
        "ListModels": (Action("sagemaker:ListModels"),),
        "CreateEndpointConfig": (
            *_tagged("sagemaker:CreateEndpointConfig", "endpoint-config", _CONFIG),
            passes("ExecutionRoleArn", _PASSES_SAGEMAKER),
            uses_key("KmsKeyId", by="sagemaker"),
        ),
        "DescribeEndpointConfig": (Action("sagemaker:DescribeEndpointConfig", "endpoint-config", _CONFIG),),
        "DeleteEndpointConfig": (Action("sagemaker:DeleteEndpointConfig", "endpoint-config", _CONFIG),),
        "ListEndpointConfigs": (Action("sagemaker:ListEndpointConfigs"),),
        "CreateEndpoint": (
            *_tagged("sagemaker:CreateEndpoint", "endpoint", _ENDPOINT),
            Action("sagemaker:CreateEndpoint", "endpoint-config", _CONFIG),
            _key_of_config,
        ),
        "UpdateEndpoint": (
            Action("sagemaker:UpdateEndpoint", "endpoint", _ENDPOINT),
            Action("sagemaker:UpdateEndpoint", "endpoint-config", _CONFIG),
            _key_of_config,
        ),
        "DescribeEndpoint": (Action("sagemaker:DescribeEndpoint", "endpoint", _ENDPOINT),),
        "DeleteEndpoint": (Action("sagemaker:DeleteEndpoint", "endpoint", _ENDPOINT),),
        "ListEndpoints": (Action("sagemaker:ListEndpoints"),),
        "InvokeEndpoint": (Action("sagemaker:InvokeEndpoint", "endpoint", _ENDPOINT),),
        "CreateTransformJob": (
            *_tagged("sagemaker:CreateTransformJob", "transform-job", _TRANSFORM),
            uses_key("TransformResources", "VolumeKmsKeyId", by="sagemaker"),
        ),
        "DescribeTransformJob": (Action("sagemaker:DescribeTransformJob", "transform-job", _TRANSFORM),),
        "StopTransformJob": (Action("sagemaker:StopTransformJob", "transform-job", _TRANSFORM),),
        "ListTransformJobs": (Action("sagemaker:ListTransformJobs"),),
        "AddTags": (Action("sagemaker:AddTags", "model", "ResourceArn", tags="Tags"),),
        "DeleteTags": (Action("sagemaker:DeleteTags", "model", "ResourceArn"),),
        "ListTags": (Action("sagemaker:ListTags", "model", "ResourceArn"),),
    },
    "lambda": {
        "Invoke": (Action("lambda:InvokeFunction", "function", _FUNCTION),),
        "GetFunction": (Action("lambda:GetFunction", "function", _FUNCTION),),
        "GetFunctionConfiguration": (Action("lambda:GetFunctionConfiguration", "function", _FUNCTION),),
        "ListFunctions": (Action("lambda:ListFunctions"),),
    },
    "stepfunctions": {
        "StartExecution": (Action("states:StartExecution", "statemachine", "stateMachineArn"),),
        "DescribeExecution": (Action("states:DescribeExecution", "execution", "executionArn"),),
        "GetExecutionHistory": (Action("states:GetExecutionHistory", "execution", "executionArn"),),
        "StopExecution": (Action("states:StopExecution", "execution", "executionArn"),),
        "RedriveExecution": (Action("states:RedriveExecution", "execution", "executionArn"),),
        "ListExecutions": (Action("states:ListExecutions", "statemachine", "stateMachineArn"),),
        "DescribeStateMachine": (Action("states:DescribeStateMachine", "statemachine", "stateMachineArn"),),
        "ListStateMachines": (Action("states:ListStateMachines"),),
        "SendTaskSuccess": (Action("states:SendTaskSuccess"),),
        "SendTaskFailure": (Action("states:SendTaskFailure"),),
        "SendTaskHeartbeat": (Action("states:SendTaskHeartbeat"),),
    },
    "sns": {
        "Publish": (Action("sns:Publish", "topic", "TopicArn"),),
        "GetTopicAttributes": (Action("sns:GetTopicAttributes", "topic", "TopicArn"),),
    },
    "sqs": {
        "SendMessage": (Action("sqs:SendMessage", "queue", _QUEUE),),
        "SendMessageBatch": (Action("sqs:SendMessage", "queue", _QUEUE),),
        "ReceiveMessage": (Action("sqs:ReceiveMessage", "queue", _QUEUE),),
        "DeleteMessage": (Action("sqs:DeleteMessage", "queue", _QUEUE),),
        "GetQueueAttributes": (Action("sqs:GetQueueAttributes", "queue", _QUEUE),),
        "GetQueueUrl": (Action("sqs:GetQueueUrl", "queue", "{QueueName}"),),
    },
    "ssm": {
        "GetParameter": (Action("ssm:GetParameter", "parameter", "parameter/{Name}"),),
        "GetParameters": (Action("ssm:GetParameters", "parameter", "parameter/{Names}"),),
        "GetParametersByPath": (Action("ssm:GetParametersByPath", "parameter", "parameter/{Path}"),),
        "PutParameter": (Action("ssm:PutParameter", "parameter", "parameter/{Name}", tags="Tags"),),
        "DeleteParameter": (Action("ssm:DeleteParameter", "parameter", "parameter/{Name}"),),
    },
    "secretsmanager": {
        "GetSecretValue": (Action("secretsmanager:GetSecretValue", "Secret", "SecretId"),),
        "DescribeSecret": (Action("secretsmanager:DescribeSecret", "Secret", "SecretId"),),
    },
    "events": {"PutEvents": (_entries,)},
    "cloudwatch": {
        "DescribeAlarms": (Action("cloudwatch:DescribeAlarms", "alarm", "alarm:{AlarmNames}"),),
        "PutMetricData": (
            Action("cloudwatch:PutMetricData", context=(("cloudwatch:namespace", "Namespace"),)),
        ),
        "GetMetricData": (Action("cloudwatch:GetMetricData"),),
        "GetMetricStatistics": (Action("cloudwatch:GetMetricStatistics"),),
        "ListMetrics": (Action("cloudwatch:ListMetrics"),),
    },
    "logs": {
        "CreateLogGroup": (Action("logs:CreateLogGroup", "log-group", _GROUP, tags="tags"),),
        "CreateLogStream": (Action("logs:CreateLogStream", "log-stream", _STREAM),),
        "PutLogEvents": (Action("logs:PutLogEvents", "log-stream", _STREAM),),
        "DescribeLogGroups": (Action("logs:DescribeLogGroups"),),
        "DescribeLogStreams": (Action("logs:DescribeLogStreams", "log-group", _GROUP),),
        "FilterLogEvents": (Action("logs:FilterLogEvents", "log-group", _GROUP),),
        "GetLogEvents": (Action("logs:GetLogEvents", "log-stream", _STREAM),),
        "PutRetentionPolicy": (Action("logs:PutRetentionPolicy", "log-group", _GROUP),),
        "DeleteLogGroup": (Action("logs:DeleteLogGroup", "log-group", _GROUP),),
        "DeleteLogStream": (Action("logs:DeleteLogStream", "log-stream", _STREAM),),
        "TagResource": (Action("logs:TagResource", "log-group", "resourceArn", tags="tags"),),
        "ListTagsForResource": (Action("logs:ListTagsForResource", "log-group", "resourceArn"),),
    },
    "kms": {
        "Encrypt": (Action("kms:Encrypt", "key", "KeyId"),),
        "Decrypt": (Action("kms:Decrypt", "key", "KeyId"),),
        "GenerateDataKey": (Action("kms:GenerateDataKey", "key", "KeyId"),),
        "DescribeKey": (Action("kms:DescribeKey", "key", "KeyId"),),
        "CreateGrant": (Action("kms:CreateGrant", "key", "KeyId"),),
    },
    "cloudformation": {
        "DescribeStacks": (Action("cloudformation:DescribeStacks", "stack", "stack/{StackName}/*"),),
        "DescribeStackResources": (
            Action("cloudformation:DescribeStackResources", "stack", "stack/{StackName}/*"),
        ),
    },
    "resourcegroupstaggingapi": {"GetResources": (Action("tag:GetResources"),)},
    "sts": {"GetCallerIdentity": ()},
}
"""The needs of each operation, by botocore's names of service and operation."""

NOT_OFFERED = frozenset(
    {
        *("sts.AssumeRole", "sts.AssumeRoleWithSAML", "sts.AssumeRoleWithWebIdentity", "sts.GetSessionToken"),
        *("sts.GetFederationToken", "iam.CreateAccessKey"),
    }
)
"""Operations that would issue keys that the sandbox does not accept."""
