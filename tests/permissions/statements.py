"""Every statement of the template's roles and resource policies, as two deployments of it have them."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data

ACCOUNT, REGION, STACK = "123456789012", "us-east-1", "autowatch"
SAMPLE = "SAMPLE000000"
"""Stands for the random end of a name that CloudFormation generates."""
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/sample"
SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:token-SAMPLE"
DEPLOYMENTS: tuple[dict[str, Any], ...] = (
    {},
    {
        "AuditLockDays": "2",
        "DeleteData": "true",
        "DmmTokenSecretArn": SECRET,
        "KmsKeyArn": KEY,
        "SubnetIds": ["subnet-1"],
    },
)
"""The parameters of each deployment: the defaults, and those that add statements."""

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
_NAMED_BY = {
    "AWS::Events::EventBus": "Name",
    "AWS::S3::Bucket": "BucketName",
    "AWS::SSM::Parameter": "Name",
    "AWS::StepFunctions::StateMachine": "StateMachineName",
}
_NOTHING = object()


@dataclass(frozen=True)
class Statement:
    """One statement; `owner` is the logical id of the role, or of the policy on a resource."""

    owner: str
    policy: str
    index: int
    body: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name in messages and in the table."""
        return f"{self.owner}, {self.policy}[{self.index}]"

    def listed(self, element: str) -> list[str]:
        """An element such as Action, always as a list."""
        value = self.body.get(element, [])
        return value if isinstance(value, list) else [value]


def role_statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of each role of a translated template in any deployment, each once."""
    return _each_once(statement for roles in deployed_roles(document) for statement in roles)


def deployed_roles(document: dict[str, Any]) -> list[list[Statement]]:
    """For each deployment the statements of its roles: inline, and of the managed policies attached to them."""
    return [list(_Deployment(document, parameters).roles()) for parameters in DEPLOYMENTS]


def resource_statements(document: dict[str, Any]) -> list[Statement]:
    """The statements of the policies on buckets, topics and queues."""
    deployments = [_Deployment(document, parameters) for parameters in DEPLOYMENTS]
    return _each_once(statement for each in deployments for statement in each.resource_policies())


def _each_once(statements: Iterator[Statement]) -> list[Statement]:
    found = {(each.owner, each.policy, json.dumps(each.body, sort_keys=True)): each for each in statements}
    return list(found.values())


@dataclass(frozen=True)
class _Deployment:
    """A translated template with the values of parameters."""

    document: dict[str, Any]
    parameters: dict[str, Any]

    def roles(self) -> Iterator[Statement]:
        for name, properties in self._of_type("AWS::IAM::Role"):
            for policy in self._resolve(properties.get("Policies", [])):
                yield from _statements(name, policy["PolicyName"], policy["PolicyDocument"])
            for arn in self._attached(name, properties):
                yield from _statements(name, *self._managed(arn))

    def resource_policies(self) -> Iterator[Statement]:
        for kind in ("AWS::S3::BucketPolicy", "AWS::SNS::TopicPolicy", "AWS::SQS::QueuePolicy"):
            for name, properties in self._of_type(kind):
                yield from _statements(name, "policy", self._resolve(properties["PolicyDocument"]))

    def _of_type(self, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, resource in self.document["Resources"].items():
            if resource["Type"] == kind and self._holds(resource.get("Condition")):
                yield name, resource["Properties"]

    def _attached(self, name: str, properties: dict[str, Any]) -> Iterator[str]:
        yield from dict.fromkeys(self._resolve(properties.get("ManagedPolicyArns", [])))
        for policy, attaching in self._of_type("AWS::IAM::ManagedPolicy"):
            if self._name(name) in self._resolve(attaching.get("Roles", [])):
                yield self._arn(policy)

    def _managed(self, arn: str) -> tuple[str, dict[str, Any]]:
        name = arn.rsplit("/", 1)[-1]
        if ":aws:policy/" in arn:
            return name, _managed_by_aws()[name]["Document"]
        logical = name.removeprefix(f"{STACK}-").removesuffix(f"-{SAMPLE}")
        document = self.document["Resources"][logical]["Properties"]["PolicyDocument"]
        return logical, self._resolve(document)

    def _holds(self, condition: Any) -> bool:
        """A condition by its name, or as an intrinsic function; nothing holds."""
        if condition is None:
            return True
        if isinstance(condition, str):
            return self._holds(self.document["Conditions"][condition])
        [(function, value)] = condition.items()
        if function == "Fn::Not":
            return not self._holds(value[0])
        if function == "Condition":
            return self._holds(value)
        assert function == "Fn::Equals", f"no condition of the template has used {function} yet"
        one, other = map(self._resolve, value)
        return str(one) == str(other)

    def _resolve(self, value: Any) -> Any:
        if isinstance(value, list):
            resolved = [self._resolve(each) for each in value]
            return [each for each in resolved if each is not _NOTHING]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            [(function, argument)] = value.items()
            if found := _FUNCTIONS.get(function):
                return found(self, argument)
        resolved = {key: self._resolve(each) for key, each in value.items()}
        return {key: each for key, each in resolved.items() if each is not _NOTHING}

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self._resolve(then if self._holds(condition) else otherwise)

    def _join(self, argument: list[Any]) -> str:
        return str(argument[0]).join(map(str, self._resolve(argument[1])))

    def _reference(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NOTHING
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.document["Resources"]:
            is_arn = self.document["Resources"][name]["Type"] in _REF_IS_ARN
            return self._arn(name) if is_arn else self._name(name)
        return self.parameters.get(name, self.document["Parameters"][name].get("Default", ""))

    def _attribute(self, argument: Any) -> str:
        name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
        return self._arn(name) if attribute.endswith("Arn") else self._name(name)

    def _name(self, name: str) -> str:
        resource = self.document["Resources"][name]
        given = resource["Properties"].get(_NAMED_BY.get(resource["Type"], ""))
        return str(self._resolve(given)) if given else f"{STACK}-{name}-{SAMPLE}"

    def _arn(self, name: str) -> str:
        form = _ARNS[self.document["Resources"][name]["Type"]]
        return "arn:aws:" + form.format(region=REGION, account=ACCOUNT, name=self._name(name))

    def _substitute(self, value: Any) -> str:
        text, own = value if isinstance(value, list) else (value, {})
        for name in [part.split("}")[0] for part in text.split("${")[1:] if not part.startswith("!")]:
            if name in own:
                replacement = self._resolve(own[name])
            elif "." in name:
                replacement = self._attribute(name)
            else:
                replacement = self._reference(name)
            text = text.replace(f"${{{name}}}", str(replacement))
        return str(text)


_FUNCTIONS = {
    "Fn::If": _Deployment._if,
    "Fn::Join": _Deployment._join,
    "Ref": _Deployment._reference,
    "Fn::GetAtt": _Deployment._attribute,
    "Fn::Sub": _Deployment._substitute,
}


@functools.cache
def _managed_by_aws() -> dict[str, Any]:
    return dict(json.loads(aws_managed_policies_data))


def _statements(owner: str, policy: str, body: dict[str, Any]) -> Iterator[Statement]:
    statements = body["Statement"] if isinstance(body["Statement"], list) else [body["Statement"]]
    for index, statement in enumerate(statements):
        yield Statement(owner, policy, index, statement)
