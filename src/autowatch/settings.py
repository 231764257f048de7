"""Reading single settings of a function, and the tags of what runs make in SageMaker."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from autowatch.errors import AutowatchError


class InvalidSetting(AutowatchError):
    """A parameter of the stack has a value that CloudFormation lets through and nothing can work with."""


@dataclass(frozen=True)
class Network:
    """Where SageMaker's containers run: in subnets of a VPC, or outside of one where there are none.

    Attributes:
        subnets, security_groups: ids.
        isolated: whether what serves a model has no network at all.
    """

    subnets: tuple[str, ...] = ()
    security_groups: tuple[str, ...] = ()
    isolated: bool = False

    @property
    def vpc(self) -> dict[str, Any]:
        """The member VpcConfig of a request to SageMaker, where there is one."""
        if not self.subnets:
            return {}
        return {"VpcConfig": {"Subnets": list(self.subnets), "SecurityGroupIds": list(self.security_groups)}}


def network_from_env(environment: Mapping[str, str]) -> Network:
    """The network that the parameters ask for."""
    return Network(
        subnets=tuple(filter(None, environment["SUBNET_IDS"].split(","))),
        security_groups=tuple(filter(None, environment["SECURITY_GROUP_IDS"].split(","))),
        isolated=environment["NETWORK_ISOLATION"] == "true",
    )


def whole_number(environment: Mapping[str, str], name: str) -> int:
    """The setting `name` as a whole number. CloudFormation cannot refuse a fraction where a number is asked for.

    Raises:
        InvalidSetting: it is a fraction.
        KeyError: a variable that the template always sets is missing.
    """
    text = environment[name]
    try:
        return int(text)
    except ValueError as error:
        raise InvalidSetting(
            f"{name} is {text!r}, which is no whole number. Correct the stack's parameter of that name."
        ) from error


def resource_tags(stack: str, text: str, run: str | None = None) -> dict[str, str]:
    """The stack's tag, the run's where one run alone made the thing, and the user's own: `team=risk,cost-centre=42`.

    Raises:
        InvalidSetting: the text is no list of `key=value`.
    """
    tags = {"autowatch:stack": stack} | ({"autowatch:run": run} if run else {})
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InvalidSetting(
                f"ResourceTags has the part {pair!r}, which is no key=value. Write it as team=risk,cost-centre=42."
            )
        tags[key.strip()] = value.strip()
    return tags
