"""Reads a function's settings from its environment into a frozen dataclass, and composes tags for SageMaker."""

import csv
import math
import os
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

import msgspec

from autowatch.errors import AutowatchError

_Settings = TypeVar("_Settings")

# Variables that are not named as their field in capitals.
_VARIABLES = {
    "alarms": "ROLLBACK_ALARMS",
    "bucket": "S3_BUCKET",
    "isolated": "NETWORK_ISOLATION",
    "kms_key": "KMS_KEY_ARN",
    "model_parameter": "DMM_MODEL_PARAMETER",
    "region": "AWS_REGION",
    "role_arn": "SAGEMAKER_ROLE_ARN",
    "security_groups": "SECURITY_GROUP_IDS",
    "stack": "STACK_NAME",
    "subnets": "SUBNET_IDS",
    "topic_arn": "ALERT_TOPIC_ARN",
}


class InvalidSetting(AutowatchError):
    """A parameter of the stack has a value that CloudFormation accepts but the functions cannot use."""


@dataclass(frozen=True)
class StackSettings:
    """The settings of every function."""

    bucket: str
    endpoint_name: str
    predictions_prefix: str
    metrics_namespace: str
    stack: str
    values_in_mails: bool = field(default=True, kw_only=True)


@dataclass(frozen=True)
class Network:
    """Where SageMaker's containers run: in subnets of a VPC or, without subnets, outside a VPC.

    Attributes:
        subnets, security_groups: ids.
        isolated: whether the containers that serve a model have no network.
    """

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    isolated: bool = False

    @property
    def vpc(self) -> dict[str, Any]:
        """The member VpcConfig of a request to SageMaker; empty without subnets."""
        if not self.subnets:
            return {}
        return {"VpcConfig": {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}}


def read_settings(kind: Callable[..., _Settings], environment: Mapping[str, str] | None = None) -> _Settings:
    """The settings of this `kind` of dataclass; each field is read from the variable of its name in capitals.

    A field that is a dataclass is read from the same variables. Items of a tuple are separated by commas; an item that
    contains a comma is in double quotes. A field with a default needs no variable.

    Args:
        environment: the variables; by default those of the process.

    Raises:
        InvalidSetting: a variable is missing or cannot be read as its field's type; the message names it.
    """
    variables = os.environ if environment is None else environment
    values: dict[str, Any] = {}
    for name, hint, is_optional in _fields(kind):
        if is_dataclass(hint):
            values[name] = read_settings(hint, variables)  # type: ignore[arg-type]
        elif (variable := _VARIABLES.get(name, name.upper())) in variables:
            values[name] = _convert(variable, variables[variable], hint)
        elif not is_optional:
            raise InvalidSetting(f"The variable {variable} is not set. Deploy the stack's template as it is.")
    return kind(**values)


@cache
def _fields(kind: Any) -> list[tuple[str, Any, bool]]:
    hints = get_type_hints(kind)
    return [
        (each.name, hints[each.name], each.default is not MISSING or each.default_factory is not MISSING)
        for each in fields(kind)
    ]


def _convert(variable: str, text: str, hint: Any) -> Any:
    if hint == tuple[str, ...]:
        parts = next(csv.reader([text], skipinitialspace=True), [])
        return tuple(part.strip() for part in parts if part.strip())
    try:
        value = msgspec.convert(text, hint, strict=False)
    except msgspec.ValidationError:
        value = math.nan
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidSetting(
            f"{variable} is {text!r}, not {_wanted(hint)}. Correct the stack's parameter of that name."
        )
    return value


def _wanted(hint: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false"}
    return names.get(hint) or f"one of {', '.join(map(str, get_args(hint)))}"


def resource_tags(stack: str, text: str, run: str | None = None) -> dict[str, str]:
    """The tags of the stack, of the run if a single run made the resource, and of the user: `team=risk,cost-centre=42`.

    Raises:
        InvalidSetting: the text is not a list of `key=value`.
    """
    tags = {"autowatch:stack": stack} | ({"autowatch:run": run} if run else {})
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InvalidSetting(
                f"ResourceTags has the part {pair!r}, which is not key=value. Write it as team=risk,cost-centre=42."
            )
        tags[key.strip()] = value.strip()
    return tags
