"""Reading single settings of a function."""

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
