"""The language of policies: statements, wildcards, variables, and the decision over them.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sandbox.access.conditions import condition_holds
from sandbox.access.patterns import arn_matches, matches, substitute
from sandbox.errors import TemplateError

Context = Mapping[str, tuple[str, ...]]
"""The values of condition keys, by the key in lower case."""


@dataclass(frozen=True)
class Need:
    """One permission that a request needs."""

    action: str
    """In the notation of policies, such as `s3:GetObject`."""
    resource: str
    """An ARN, or `*` where the action has no resource type."""
    context: Context = field(default_factory=dict, compare=False)


@dataclass(frozen=True)
class Statement:
    """One statement of a policy.

    Attributes:
        policy: the name of its policy, index: its position there.
        principals: the principals that it names, by kind (`AWS`, `Service`), in a resource's policy; empty in a role's.
    """

    policy: str
    index: int
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    negates_actions: bool = False
    negates_resources: bool = False
    principals: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    negates_principals: bool = False
    conditions: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Grant:
    """The part of a statement that allowed a need: its action and its resource, by index."""

    statement: Statement
    action: int
    resource: int


@dataclass(frozen=True)
class Verdict:
    """Whether a need is met; `denied_by` is the denying statement, None if no statement allows it."""

    allowed: bool
    grants: tuple[Grant, ...] = ()
    denied_by: Statement | None = None


@dataclass(frozen=True)
class Caller:
    """The caller: a principal's ARN, or a service.

    Attributes:
        arn: as in messages; of a role's session the session's.
        account: the account's number.
        role_arn: the role of the session; empty for an account's root and for a service.
        service: such as `s3.amazonaws.com`; empty for a principal.
    """

    arn: str
    account: str
    role_arn: str = ""
    service: str = ""


def parse_policy(name: str, document: str | dict[str, Any]) -> tuple[Statement, ...]:
    """The statements of a policy document; raises TemplateError for an unknown element."""
    body = json.loads(document) if isinstance(document, str) else document
    return tuple(_parse_statement(name, index, each) for index, each in enumerate(_listed(body["Statement"])))


_ELEMENTS = {
    *("Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Principal", "NotPrincipal"),
    "Condition",
}


def _parse_statement(name: str, index: int, body: dict[str, Any]) -> Statement:
    if unknown := sorted(set(body) - _ELEMENTS):
        raise TemplateError(
            f"The policy {name} has {', '.join(unknown)}, which is not an element of a statement."
        )
    principal = body.get("Principal", body.get("NotPrincipal", {}))
    by_kind = {"AWS": principal} if isinstance(principal, str) else principal
    return Statement(
        name,
        index,
        body["Effect"],
        tuple(_texts(body.get("Action", body.get("NotAction", [])))),
        tuple(_texts(body.get("Resource", body.get("NotResource", [])))),
        "NotAction" in body,
        "NotResource" in body,
        {kind: tuple(_texts(values)) for kind, values in by_kind.items()},
        "NotPrincipal" in body,
        {
            operator: {key.lower(): tuple(_texts(values)) for key, values in keys.items()}
            for operator, keys in body.get("Condition", {}).items()
        },
    )


def decide(
    need: Need, identity: Iterable[Statement], resource: Iterable[Statement], caller: Caller
) -> Verdict:
    """Whether the policies of the caller's role and the one on the resource, in one account, meet a need.

    An explicit denial in either wins; else one that allows is enough.
    """
    grants: list[Grant] = []
    applying = [(each, True) for each in identity]
    applying += [(each, False) for each in resource if speaks_of(each, caller)]
    for statement, is_identity in applying:
        found = _match(statement, need, without_resource=not is_identity and not statement.resources)
        if found is None or not condition_holds(statement.conditions, need.context):
            continue
        if statement.effect == "Deny":
            return Verdict(False, denied_by=statement)
        grants.append(found)
    return Verdict(bool(grants), tuple(grants))


def delegates(need: Need, resource: Iterable[Statement], account: str) -> bool:
    """Whether the policy on a resource leaves a need to the policies of the account's roles, as a key's policy must."""
    root = Caller(f"arn:aws:iam::{account}:root", account)
    return decide(need, (), resource, root).allowed


def speaks_of(statement: Statement, caller: Caller) -> bool:
    """Whether a statement of a policy on a resource concerns the caller.

    One that allows an account leaves it to that account's own policies, so it alone does not allow its roles.
    """
    names = {caller.service} if caller.service else {caller.arn, caller.role_arn}
    if not caller.service and (not caller.role_arn or statement.effect == "Deny"):
        names |= {caller.account, f"arn:aws:iam::{caller.account}:root"}
    kind = "Service" if caller.service else "AWS"
    everyone = any("*" in values for values in statement.principals.values())
    named = everyone or not names.isdisjoint(statement.principals.get(kind, ()))
    return named != statement.negates_principals


def _match(statement: Statement, need: Need, *, without_resource: bool) -> Grant | None:
    """The indexes of the first action and resource that match the need; None if the statement does not apply."""
    action = _place(statement.actions, lambda pattern: _matches_action(pattern, need.action))
    resource = _place(statement.resources, lambda pattern: _matches_resource(pattern, need))
    if without_resource:
        resource = 0
    if (action is None) != statement.negates_actions or (resource is None) != statement.negates_resources:
        return None
    return Grant(statement, action or 0, resource or 0)


def _place(patterns: tuple[str, ...], fits: Callable[[str], bool]) -> int | None:
    return next((place for place, pattern in enumerate(patterns) if fits(pattern)), None)


def _matches_action(pattern: str, action: str) -> bool:
    return matches(pattern.lower(), action.lower())


def _matches_resource(pattern: str, need: Need) -> bool:
    if pattern == "*":
        return True
    text = substitute(pattern, need.context)
    return text is not None and arn_matches(text, need.resource)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _texts(value: Any) -> list[str]:
    """The texts of a value or a list; booleans as in JSON."""
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in _listed(value)]
