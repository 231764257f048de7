"""The resource data that decisions need: policies, tags and keys, read from moto's stores."""

import functools
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.awslambda.utils import get_backend as lambda_backend
from moto.events.models import events_backends
from moto.iam.models import iam_backends
from moto.kms.models import kms_backends
from moto.resourcegroupstaggingapi.models import resourcegroupstaggingapi_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from sandbox.access.policies import Caller, Need, Statement, decide, parse_policy
from sandbox.errors import RoleUnusable

_PARTITION = "aws"


@dataclass(frozen=True)
class World:
    """One account in one region.

    Attributes:
        sagemaker_tags: the tags of a resource of the local SageMaker, by its ARN.
        endpoint_config_key: the KMS key of an endpoint configuration, by its name.
    """

    account: str
    region: str
    sagemaker_tags: Callable[[str], Mapping[str, str]] = field(default=lambda _: {})
    endpoint_config_key: Callable[[str], str | None] = field(default=lambda _: None)

    def arn(self, service: str, rest: str) -> str:
        """An ARN in this account and region."""
        return f"arn:{_PARTITION}:{service}:{self.region}:{self.account}:{rest}"

    def role_statements(self, role_arn: str) -> tuple[Statement, ...]:
        """The deployed policies of a role, inline and attached; empty if the role does not exist."""
        role = self._role(role_arn)
        if role is None:
            return ()
        documents = [(name, _text(document)) for name, document in role.policies.items()]
        documents += [(policy.name, _default_version(policy)) for policy in role.managed_policies.values()]
        return tuple(statement for name, document in documents for statement in _parsed(name, document))

    def function_role(self, arn: str) -> str:
        """The role of a function, by the function's ARN; empty if the function does not exist."""
        function = self._function(arn)
        return str(function.role) if function else ""

    def check_trust(self, role_arn: str, service: str) -> None:
        """Return if a service such as `lambda.amazonaws.com` may assume the role; raise RoleUnusable otherwise."""
        role = self._role(role_arn)
        if role is None:
            raise RoleUnusable(f"There is no role {role_arn}.")
        context = {"aws:sourceaccount": (self.account,), "aws:principalservicename": (service,)}
        need = Need("sts:AssumeRole", role_arn, context)
        trust = parse_policy("trust", role.assume_role_policy_document)
        if not decide(need, (), trust, Caller(service, self.account, service=service)).allowed:
            raise RoleUnusable(f"The role {role_arn} cannot be assumed by {service}; see its trust policy.")

    def resource_statements(self, arn: str) -> tuple[Statement, ...]:
        """The policy on a bucket, topic, queue, function, secret, key or event bus; empty without one."""
        service = arn.split(":")[2] if arn.count(":") >= 5 else ""
        read = _READERS.get(service)
        document = read(self, arn) if read else None
        return _parsed(f"policy of {arn}", _text(document)) if document else ()

    def tags(self, arn: str) -> Mapping[str, str]:
        """The tags of a resource."""
        if arn.split(":")[2] == "sagemaker":
            return self.sagemaker_tags(arn)
        backend = resourcegroupstaggingapi_backends[self.account][self.region]
        _, found = backend.get_resources(resource_arn_list=[arn])
        return {key: value for each in found for key, value in each.tags.items()}

    def has_bucket(self, name: str) -> bool:
        """Whether a bucket has this name."""
        return self._bucket(name) is not None

    def bucket_key(self, bucket: str) -> str | None:
        """The KMS key with which a bucket encrypts by default."""
        found = self._bucket(bucket)
        if found is None or not found.encryption:
            return None
        rule = found.encryption["Rule"]["ApplyServerSideEncryptionByDefault"]
        return self.key_arn(rule["KMSMasterKeyID"]) if rule.get("KMSMasterKeyID") else None

    def object_key(self, bucket: str, key: str, version: str | None) -> str | None:
        """The KMS key with which an object is encrypted."""
        found = self._bucket(bucket)
        if found is None:
            return None
        versions = found.keys.getlist(key) or []
        chosen = [each for each in versions if version in (None, str(each.version_id))]
        name = getattr(chosen[-1], "kms_key_id", None) if chosen else None
        return self.key_arn(name) if name else None

    def key_arn(self, name: str) -> str:
        """A key's ARN, from its ARN or its id."""
        return name if name.startswith("arn:") else self.arn("kms", f"key/{name}")

    def secret_arn(self, name: str) -> str:
        """A secret's full ARN, from its ARN, its name or a part of it."""
        secret = secretsmanager_backends[self.account][self.region].secrets.get(name)
        return (
            str(secret.arn)
            if secret
            else name
            if name.startswith("arn:")
            else self.arn("secretsmanager", f"secret:{name}")
        )

    def _role(self, arn: str) -> Any:
        roles = iam_backends[self.account][_PARTITION].roles
        return next((role for role in list(roles.values()) if role.arn == arn), None)

    def _bucket(self, name: str) -> Any:
        return s3_backends[self.account][_PARTITION].buckets.get(name)

    def _bucket_policy(self, arn: str) -> Any:
        bucket = self._bucket(arn.split(":", 5)[5].split("/")[0])
        return bucket.policy if bucket else None

    def _topic_policy(self, arn: str) -> Any:
        topic = sns_backends[self.account][self.region].topics.get(arn)
        return topic.policy if topic else None

    def _queue_policy(self, arn: str) -> Any:
        queue = sqs_backends[self.account][self.region].queues.get(arn.rsplit(":", 1)[-1])
        return queue.policy if queue else None

    def _function_policy(self, arn: str) -> Any:
        function = self._function(arn)
        statements = function.policy.statements if function and function.policy else ()
        return {"Statement": [_permission(each) for each in statements]}

    def _function(self, arn: str) -> Any:
        try:
            return lambda_backend(self.account, self.region).get_function(arn)
        except UnknownFunctionException:
            return None

    def _secret_policy(self, arn: str) -> Any:
        secret = secretsmanager_backends[self.account][self.region].secrets.get(arn)
        return getattr(secret, "policy", None)

    def _bus_policy(self, arn: str) -> Any:
        bus = events_backends[self.account][self.region].event_buses.get(arn.rpartition("event-bus/")[2])
        return bus.policy if bus else None

    def _key_policy(self, arn: str) -> Any:
        key = kms_backends[self.account][self.region].keys.get(arn.rsplit("/", 1)[-1])
        return key.policy if key else _default_key_policy(self.account)


_READERS: dict[str, Callable[[World, str], Any]] = {
    "s3": World._bucket_policy,
    "sns": World._topic_policy,
    "sqs": World._queue_policy,
    "lambda": World._function_policy,
    "secretsmanager": World._secret_policy,
    "kms": World._key_policy,
    "events": World._bus_policy,
}


def _default_key_policy(account: str) -> dict[str, Any]:
    """The default policy of a key: the account's own policies decide."""
    principal = {"AWS": f"arn:{_PARTITION}:iam::{account}:root"}
    return {"Statement": {"Effect": "Allow", "Principal": principal, "Action": "kms:*", "Resource": "*"}}


def _permission(statement: dict[str, Any]) -> dict[str, Any]:
    """A function's permission as a statement; moto stores the bare principal of a template."""
    principal = statement.get("Principal", {})
    named = {"Service": principal} if isinstance(principal, str) and "." in principal else principal
    rest: dict[str, Any] = {
        name: statement[name] for name in ("Action", "Resource", "Condition") if name in statement
    }
    return {"Effect": statement.get("Effect", "Allow"), "Principal": named, **rest}


def _text(document: Any) -> str:
    if isinstance(document, bytes):
        return document.decode()
    return (
        document
        if isinstance(document, str)
        else json.dumps(document, sort_keys=True, default=str, allow_nan=False)
    )


@functools.lru_cache(maxsize=1024)
def _parsed(name: str, document: str) -> tuple[Statement, ...]:
    return parse_policy(name, document)


def _default_version(policy: Any) -> str:
    versions = {version.version_id: version.document for version in policy.versions}
    return str(versions[policy.default_version_id])


class Values(Mapping[str, tuple[str, ...]]):
    """The condition keys of a need; the tags of its resource are looked up when a condition asks for them."""

    def __init__(self, known: Mapping[str, tuple[str, ...]], tags: Callable[[], Mapping[str, str]]) -> None:
        self._known, self._tags = known, tags

    def __getitem__(self, key: str) -> tuple[str, ...]:
        name = key.partition(":")[2]
        if key in self._known or not name.startswith("resourcetag/"):
            return self._known[key]
        wanted = name.removeprefix("resourcetag/")
        return next((value,) for tag, value in self._tags().items() if tag.lower() == wanted)

    def get(self, key: str, default: Any = None) -> Any:
        """The values of a key, else the default."""
        try:
            return self[key]
        except (KeyError, StopIteration):
            return default

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)
