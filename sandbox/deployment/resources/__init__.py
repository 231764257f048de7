"""The resource types that a stack may have; every other type is rejected by name."""

from sandbox.deployment.resources import functions, identity, messages, services, storage, watching
from sandbox.deployment.resources.custom import Answers, Custom
from sandbox.deployment.resources.kind import Kind
from sandbox.errors import TemplateError

_KINDS: dict[str, Kind] = {
    "AWS::CloudWatch::Alarm": watching.Alarm(),
    "AWS::CloudWatch::Dashboard": watching.Dashboard(),
    "AWS::Events::EventBus": messages.EventBus(),
    "AWS::Events::EventBusPolicy": messages.EventBusPolicy(),
    "AWS::Events::Rule": messages.Rule(),
    "AWS::IAM::ManagedPolicy": identity.ManagedPolicy(),
    "AWS::IAM::Policy": identity.Policy(),
    "AWS::IAM::Role": identity.Role(),
    "AWS::Lambda::EventInvokeConfig": functions.EventInvokeConfig(),
    "AWS::Lambda::Function": functions.Function(),
    "AWS::Lambda::LayerVersion": functions.Layer(),
    "AWS::Lambda::Permission": functions.Permission(),
    "AWS::Logs::LogGroup": watching.LogGroup(),
    "AWS::S3::Bucket": storage.Bucket(),
    "AWS::S3::BucketPolicy": storage.BucketPolicy(),
    "AWS::SNS::Subscription": messages.Subscription(),
    "AWS::SNS::Topic": messages.Topic(),
    "AWS::SNS::TopicPolicy": messages.TopicPolicy(),
    "AWS::SQS::Queue": messages.Queue(),
    "AWS::SQS::QueuePolicy": messages.QueuePolicy(),
    "AWS::SSM::Parameter": services.Parameter(),
    "AWS::Scheduler::Schedule": messages.Schedule(),
    "AWS::SecretsManager::Secret": services.Secret(),
    "AWS::StepFunctions::StateMachine": services.StateMachine(),
}


class Kinds:
    """The kinds of resource by type."""

    def __init__(self, answers: Answers) -> None:
        self._custom = Custom(answers)

    def of(self, resource_type: str) -> Kind:
        """The kind of a type; raises TemplateError for an unsupported type."""
        if resource_type.startswith("Custom::") or resource_type == "AWS::CloudFormation::CustomResource":
            return self._custom
        if resource_type not in _KINDS:
            raise TemplateError(f"The sandbox has no {resource_type}.")
        return _KINDS[resource_type]

    def has(self, resource_type: str) -> bool:
        """Whether a stack may have resources of this type."""
        try:
            return self.of(resource_type) is not None
        except TemplateError:
            return False
