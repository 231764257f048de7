"""The valid resources of a Task state: a function, an activity, or an existing service integration."""

import functools
import re

import botocore.session
from botocore import xform_name
from botocore.exceptions import UnknownServiceError

_ARN = re.compile(r"arn:(?:aws|aws-cn|aws-us-gov):(?:states|lambda):[a-z0-9-]*:\d*:.+")
_INTEGRATION = re.compile(
    r"arn:[a-z-]+:states:[a-z0-9-]*:\d*:(?P<name>[^:]+:.+?)(?:\.sync(?::2)?|\.waitForTaskToken)?"
)
_OPTIMISED = frozenset(
    {
        "lambda:invoke",
        "sns:publish",
        "sqs:sendMessage",
        "events:putEvents",
        "states:startExecution",
        "s3:getObject",
        "s3:listObjectsV2",
        "s3:putObject",
        "dynamodb:getItem",
        "dynamodb:putItem",
        "dynamodb:updateItem",
        "dynamodb:deleteItem",
        "batch:submitJob",
        "ecs:runTask",
        "glue:startJobRun",
        "http:invoke",
        "apigateway:invoke",
        "sagemaker:createEndpoint",
        "sagemaker:createEndpointConfig",
        "sagemaker:createHyperParameterTuningJob",
        "sagemaker:createLabelingJob",
        "sagemaker:createModel",
        "sagemaker:createProcessingJob",
        "sagemaker:createTrainingJob",
        "sagemaker:createTransformJob",
        "sagemaker:updateEndpoint",
    }
)
"""The optimised integrations that are known here, and the resources of a Distributed Map's readers and writers."""

_SDK = "aws-sdk:"
_NAMES = {
    "sfn": "stepfunctions",
    "cloudwatchlogs": "logs",
    "eventbridge": "events",
    "sagemakerruntime": "sagemaker-runtime",
}
"""The names of services in SDK integrations where botocore's name differs."""


def check_resource(arn: str) -> str | None:
    """What is wrong with a resource; None if Step Functions accepts it."""
    if not _ARN.fullmatch(arn):
        return "Value is not a valid resource ARN"
    if ":states:" not in arn or ":activity:" in arn:
        return None
    match = _INTEGRATION.fullmatch(arn)
    name = match["name"] if match else ""
    known = _is_call(name.removeprefix(_SDK)) if name.startswith(_SDK) else name in _OPTIMISED
    if known:
        return None
    return (
        f"The resource provided {arn} is not recognized. The value is not a valid resource ARN, or the resource is not "
        "available in this region."
    )


def _is_call(name: str) -> bool:
    service, _, action = name.partition(":")
    return action[:1].islower() and xform_name(action) in _actions(_NAMES.get(service, service))


@functools.cache
def _actions(service: str) -> frozenset[str]:
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError:
        return frozenset()
    return frozenset(map(xform_name, model.operation_names))
