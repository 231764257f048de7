"""Condition operators, and the keys that the sandbox knows.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_condition_operators.html
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from sandbox.access.patterns import arn_matches, matches, substitute

Values = tuple[str, ...]

KNOWN_KEYS = re.compile(
    r"aws:(currenttime|epochtime|principal(arn|account|type|isawsservice|servicename)|requestedregion"
    r"|resourceaccount|securetransport|source(account|arn|ip|owner|vpce?)|calledvia(first|last)?|viaawsservice"
    r"|useragent|userid|username|tagkeys|(resource|request)tag/.+)"
    r"|s3:(prefix|delimiter|max-keys|versionid|resourceaccount|authtype|signatureversion|x-amz-.+|if-(none-)?match"
    r"|objectcreationoperation)"
    r"|iam:(passedtoservice|associatedresourcearn)|kms:(viaservice|calleraccount|grantisforawsresource)"
    r"|events:(source|detail-type)|cloudwatch:namespace|(sagemaker|secretsmanager|iam):resourcetag/.+"
    r"|secretsmanager:(secretid|versionstage)|sns:(protocol|endpoint)"
)
"""Condition keys that the sandbox gives a value, or knows to be absent."""


class UnknownCondition(Exception):
    """A condition that the sandbox cannot judge; the message names it."""


def condition_holds(conditions: Mapping[str, Mapping[str, Values]], context: Mapping[str, Values]) -> bool:
    """Whether all conditions of a statement hold.

    Raises:
        UnknownCondition: the sandbox does not know an operator or a key.
    """
    return all(
        _holds(operator, key, wanted, context)
        for operator, keys in conditions.items()
        for key, wanted in keys.items()
    )


def _holds(operator: str, key: str, wanted: Values, context: Mapping[str, Values]) -> bool:
    if not KNOWN_KEYS.fullmatch(key):
        raise UnknownCondition(f"the condition key {key}")
    quantifier, _, name = operator.rpartition(":")
    if_exists = name.endswith("IfExists")
    name = name.removesuffix("IfExists")
    given = context.get(key)
    if name == "Null":
        return (given is None) == (wanted[0].lower() == "true")
    negated = "Not" in name
    test = _TESTS.get(name.replace("Not", ""))
    if test is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise UnknownCondition(f"the condition operator {operator}")
    if given is None:
        return if_exists or negated or quantifier == "ForAllValues"
    patterns = [text for each in wanted if (text := substitute(each, context)) is not None]

    def fits(value: str) -> bool:
        return any(test(value, pattern) for pattern in patterns) != negated

    return any(map(fits, given)) if quantifier == "ForAnyValue" else all(map(fits, given))


def _ip_in(value: str, block: str) -> bool:
    return ipaddress.ip_address(value) in ipaddress.ip_network(block, strict=False)


def _moment(text: str) -> datetime:
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return datetime.fromtimestamp(float(text), UTC)
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_ORDERS: dict[str, Callable[[float], bool]] = {
    "Equals": lambda difference: difference == 0,
    "LessThan": lambda difference: difference < 0,
    "LessThanEquals": lambda difference: difference <= 0,
    "GreaterThan": lambda difference: difference > 0,
    "GreaterThanEquals": lambda difference: difference >= 0,
}


def _numeric(order: Callable[[float], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: order(float(value) - float(wanted))


def _dated(order: Callable[[float], bool]) -> Callable[[str, str], bool]:
    return lambda value, wanted: order((_moment(value) - _moment(wanted)).total_seconds())


_TESTS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, wanted: value == wanted,
    "StringEqualsIgnoreCase": lambda value, wanted: value.lower() == wanted.lower(),
    "StringLike": lambda value, wanted: matches(wanted, value),
    "ArnEquals": lambda value, wanted: arn_matches(wanted, value),
    "ArnLike": lambda value, wanted: arn_matches(wanted, value),
    "Bool": lambda value, wanted: value.lower() == wanted.lower(),
    "BinaryEquals": lambda value, wanted: value == wanted,
    "IpAddress": _ip_in,
    **{f"Numeric{name}": _numeric(order) for name, order in _ORDERS.items()},
    **{f"Date{name}": _dated(order) for name, order in _ORDERS.items()},
}
"""Each operator by its name without Not."""
