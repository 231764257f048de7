"""Every statement of the template's roles and resource policies, its references resolved to sample names."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

ACCOUNT, REGION, STACK = "123456789012", "us-east-1", "autowatch"
_PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": REGION,
    "AWS::StackName": STACK,
    "AWS::URLSuffix": "amazonaws.com",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/id",
}
# What `Ref` or `GetAtt Arn` gives of a resource, by its type.
_ARNS = {
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::SQS::Queue": "sqs:{region}:{account}:{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::CloudWatch::Alarm": "cloudwatch:{region}:{account}:alarm:{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::IAM::ManagedPolicy": "iam::{account}:policy/{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SecretsManager::Secret": "secretsmanager:{region}:{account}:secret:{name}",
    "AWS::Events::EventBus": "events:{region}:{account}:event-bus/{name}",
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
}
_REF_IS_ARN = {
    "AWS::SNS::Topic",
    "AWS::StepFunctions::StateMachine",
    "AWS::IAM::ManagedPolicy",
    "AWS::SecretsManager::Secret",
}


@dataclass(frozen=True)
class Statement:
    """One statement; `owner` is the logical id of the role, or of the policy on a resource."""

    owner: str
    policy: str
    index: int
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """How messages and the table call it."""
        return f"{self.owner}, {self.policy}[{self.index}]"

    def listed(self, element: str) -> list[str]:
        """An element such as Action, always as a list."""
        value = self.body.get(element, [])
        return value if isinstance(value, list) else [value]


def role_statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of each role of a translated template: inline, and of the managed policies attached to it."""
    return list(_role_statements(document))


def resource_statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of the policies on buckets, topics and queues."""
    return [
        statement
        for name, resource in document["Resources"].items()
        if resource["Type"] in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy")
        for body in _variants(resource["Properties"]["PolicyDocument"], document)
        for statement in _statements(name, "policy", body)
    ]


def _role_statements(document: dict[str, Any]) -> Iterator[Statement]:
    for name, resource in document["Resources"].items():
        if resource["Type"] != "AWS::IAM::Role":
            continue
        properties = resource["Properties"]
        for policy in _variants(properties.get("Policies", []), document):
            yield from _statements(name, policy["PolicyName"], policy["PolicyDocument"])
        for arn in _attached(name, properties, document):
            logical = arn.rsplit("/", 1)[-1]
            yield from _statements(name, logical, _managed(arn, document))


def _attached(name: str, properties: dict[str, Any], document: dict[str, Any]) -> Iterator[str]:
    yield from dict.fromkeys(_variants(properties.get("ManagedPolicyArns", []), document))
    for resource in document["Resources"].values():
        roles = (
            resource["Properties"].get("Roles", []) if resource["Type"] == "AWS::IAM::ManagedPolicy" else []
        )
        if name in _variants(roles, document):
            yield _arn(next(key for key, each in document["Resources"].items() if each is resource), document)


def _managed(arn: str, document: dict[str, Any]) -> Any:
    name = arn.rsplit("/", 1)[-1]
    if ":aws:policy/" in arn:
        return json.loads(aws_managed_policies_data)[name]["Document"]
    [body] = _variants(document["Resources"][name]["Properties"]["PolicyDocument"], document)
    return body


def _statements(owner: str, policy: str, body: dict[str, Any]) -> Iterator[Statement]:
    statements = body["Statement"] if isinstance(body["Statement"], list) else [body["Statement"]]
    for index, statement in enumerate(statements):
        yield Statement(owner, policy, index, statement)


def _variants(value: Any, document: dict[str, Any]) -> list[Any]:
    """The members of a list, or the value itself; of a condition both branches, without NoValue."""
    members = value if isinstance(value, list) else [value]
    resolved = [_resolve(member, document) for member in members]
    return list(
        itertools.chain.from_iterable(each if isinstance(each, _Both) else [each] for each in resolved)
    )


class _Both(list[Any]):
    """What both branches of a condition give."""


def _resolve(value: Any, document: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return _variants(value, document)
    if not isinstance(value, dict):
        return value
    if "Fn::If" in value:
        branches = [
            _resolve(each, document) for each in value["Fn::If"][1:] if each != {"Ref": "AWS::NoValue"}
        ]
        return branches[0] if len(branches) == 2 and not isinstance(branches[0], dict) else _Both(branches)
    if "Ref" in value:
        return _reference(value["Ref"], document)
    if "Fn::GetAtt" in value:
        parts = value["Fn::GetAtt"]
        name, attribute = parts if isinstance(parts, list) else parts.split(".", 1)
        return _arn(name, document) if attribute.endswith("Arn") else name
    if "Fn::Sub" in value:
        return _substitute(value["Fn::Sub"], document)
    return {key: _resolve(each, document) for key, each in value.items()}


def _reference(name: str, document: dict[str, Any]) -> str:
    if name in _PSEUDO:
        return _PSEUDO[name]
    if name in document["Resources"]:
        if document["Resources"][name]["Type"] == "AWS::SSM::Parameter":
            return str(_resolve(document["Resources"][name]["Properties"]["Name"], document))
        is_arn = document["Resources"][name]["Type"] in _REF_IS_ARN
        return _arn(name, document) if is_arn else name
    if name == "KmsKeyArn":
        return f"arn:aws:kms:{REGION}:{ACCOUNT}:key/sample"
    if name.endswith("SecretArn"):
        return f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:sample-AbCdEf"
    return str(document["Parameters"][name].get("Default") or name)


def _arn(name: str, document: dict[str, Any]) -> str:
    form = _ARNS[document["Resources"][name]["Type"]]
    return "arn:aws:" + form.format(region=REGION, account=ACCOUNT, name=name)


def _substitute(value: Any, document: dict[str, Any]) -> str:
    text, own = value if isinstance(value, list) else (value, {})
    for name in _names(text):
        if name in own:
            replacement = _resolve(own[name], document)
        elif "." in name:
            replacement = _arn(name.split(".")[0], document)
        else:
            replacement = _reference(name, document)
        text = text.replace(f"${{{name}}}", str(replacement))
    return text


def _names(text: str) -> list[str]:
    return [part.split("}")[0] for part in text.split("${")[1:] if not part.startswith("!")]
