"""Which permissions of the template the requests of the tests need, judged by the sandbox's own evaluator.

A permission is an action of a role's statement, on one of its resources. A request needs it where the role's policies
allow the request with it, and do not allow it without.
"""

import functools
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sandbox.access import policies
from tests.permissions.reference import fits
from tests.permissions.statements import ACCOUNT, KEY, SAMPLE, SECRET, STACK, Statement, deployed_roles

REASONS = Path(__file__).with_name("unexercised.toml")
REQUESTS = Path(__file__).with_name("requests.json")
BEGIN, END = "<!-- permissions: begin -->", "<!-- permissions: end -->"
_MADE_UP_NAME = re.compile(rf"{STACK}-([A-Za-z]+)-[A-Za-z0-9]{{6,}}")
_KEY = re.compile(r"arn:aws:kms:[a-z0-9-]+:\d+:key/[\w-]+")
_SECRET = re.compile(r"arn:aws:secretsmanager:[a-z0-9-]+:\d+:secret:sandbox/[\w-]+")
_CALLER = policies.Caller("a role", ACCOUNT, "a role")


@dataclass(frozen=True)
class Permission:
    """One action of a statement on one of its resources.

    Attributes:
        grant: the statement with these alone, as the sandbox evaluates it.
    """

    statement: Statement = field(compare=False)
    owner: str
    policy: str
    action: str
    resource: str
    grant: policies.Statement

    @property
    def name(self) -> str:
        """Its name in messages."""
        return f"{self.action} on {self.resource} ({self.statement.name})"


@dataclass(frozen=True)
class Request:
    """A request of a role in a test, with the condition keys that its policies check."""

    role: str
    action: str
    resource: str
    context: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def need(self) -> policies.Need:
        """As the sandbox evaluates it."""
        return policies.Need(self.action, self.resource, dict(self.context))

    def to_json(self) -> dict[str, Any]:
        """The form of the file."""
        context = {key: list(values) for key, values in self.context}
        return {"role": self.role, "action": self.action, "resource": self.resource} | (
            {"context": context} if context else {}
        )


@dataclass(frozen=True)
class Coverage:
    """What the requests need.

    Attributes:
        permissions: all of every deployment.
        needed: a request that needs the permission, for each that one needs.
        refused: the requests that no deployment allows.
    """

    permissions: tuple[Permission, ...]
    needed: dict[Permission, Request]
    refused: tuple[Request, ...]


def cover(document: dict[str, Any], requests: Iterable[Request]) -> Coverage:
    """The permissions of a translated template, each with the first request that needs it."""
    known = list(requests)
    found: dict[Permission, None] = {}
    needed: dict[Permission, Request] = {}
    refused = dict.fromkeys(known)
    for statements in deployed_roles(document):
        by_role = permissions_by_role(statements)
        found |= dict.fromkeys(each for each in _all(by_role) if each.grant.effect == "Allow")
        for request in known:
            permissions = by_role[request.role]
            if not is_allowed(request, permissions):
                continue
            refused.pop(request, None)
            for each in _allowing(request, permissions):
                if not is_allowed(request, [other for other in permissions if other != each]):
                    needed.setdefault(each, request)
    return Coverage(tuple(found), needed, tuple(refused))


def is_allowed(request: Request, permissions: Iterable[Permission]) -> bool:
    """Whether a role with these permissions may make the request, regardless of resource policies."""
    return policies.decide(request.need, (each.grant for each in permissions), (), _CALLER).allowed


def _allowing(request: Request, permissions: Iterable[Permission]) -> list[Permission]:
    return [each for each in permissions if each.grant.effect == "Allow" and is_allowed(request, [each])]


def permissions_by_role(statements: Iterable[Statement]) -> dict[str, list[Permission]]:
    """The permissions of each role, by its logical id."""
    roles: dict[str, list[Permission]] = defaultdict(list)
    for statement in statements:
        roles[statement.owner].extend(_permissions(statement))
    return roles


def _all(roles: dict[str, list[Permission]]) -> Iterator[Permission]:
    for permissions in roles.values():
        yield from permissions


def _permissions(statement: Statement) -> Iterator[Permission]:
    resources = statement.listed("Resource")
    for action in statement.listed("Action"):
        for resource in resources:
            if len(resources) == 1 or fits(action, resource):
                yield Permission(
                    statement,
                    statement.owner,
                    statement.policy,
                    action,
                    resource,
                    _grant(
                        statement.policy,
                        json.dumps(statement.body | {"Action": action, "Resource": resource}),
                    ),
                )


@functools.lru_cache(maxsize=4096)
def _grant(policy: str, body: str) -> policies.Statement:
    [statement] = policies.parse_policy(policy, {"Statement": json.loads(body)})
    return statement


def without_use(coverage: Coverage, reasons: list[dict[str, Any]]) -> list[str]:
    """A sentence for each unneeded permission without a reason, unused reason, and request that roles may not make."""
    idle = [each for each in coverage.permissions if each not in coverage.needed]
    told = [f"Nothing needs {each.name}." for each in idle if not reason_of(each, reasons)]
    told += [
        f"The reason for {reason['actions']} of {reason['roles']} has no permission to explain."
        for reason in reasons
        if not any(_concerns(reason, each) for each in idle)
    ]
    told += [
        f"{each.role} may not {each.action} on {each.resource} any more, which a test needed."
        for each in coverage.refused
    ]
    return told


def reason_of(permission: Permission, reasons: list[dict[str, Any]]) -> str:
    """Why no test needs a permission; empty where no reason is given."""
    return next((str(each["reason"]) for each in reasons if _concerns(each, permission)), "")


def read_reasons() -> list[dict[str, Any]]:
    """The reasons, in their order."""
    return list(tomllib.loads(REASONS.read_text())["permission"])


def read_requests() -> list[Request]:
    """The requests that were kept."""
    return [_request(row) for row in json.loads(REQUESTS.read_text())]


def recorded(folder: Path) -> list[Request]:
    """The requests that a test run's sandboxes recorded in a folder, for stacks with the usual name."""
    rows = [row for path in sorted(folder.glob("*.json")) for row in json.loads(path.read_text())]
    matches = [(row, _MADE_UP_NAME.fullmatch(row["role"])) for row in rows]
    return [_request(_with_sample_names(row, match[1])) for row, match in matches if match]


def write_requests(requests: Iterable[Request]) -> None:
    """Keep requests, in an order that does not depend on the run."""
    ordered = sorted(dict.fromkeys(requests), key=lambda each: (each.role, each.action, each.resource))
    lines = ",\n".join(json.dumps(each.to_json()) for each in ordered)
    REQUESTS.write_text(f"[\n{lines}\n]\n")


def table(coverage: Coverage, reasons: list[dict[str, Any]]) -> str:
    """The permissions as a table in Markdown, a line for each action of a statement with the roles that have it."""
    rows: dict[tuple[str, str], list[Permission]] = defaultdict(list)
    for each in coverage.permissions:
        rows[each.policy, each.action].append(each)
    lines = ["| policy | action | on | needed by a test in | else |", "|---|---|---|---|---|"]
    for (policy, action), group in rows.items():
        needed = sorted({_role(each.owner) for each in group if each in coverage.needed})
        told: dict[str, set[str]] = defaultdict(set)
        for each in group:
            if each not in coverage.needed:
                told[reason_of(each, reasons)].add(_role(each.owner))
        others = [f"{reason}: {', '.join(sorted(roles))}" for reason, roles in told.items()]
        resources = ", ".join(dict.fromkeys(f"`{_short(each.resource)}`" for each in group))
        lines.append(f"| {policy} | `{action}` | {resources} | {', '.join(needed)} | {'; '.join(others)} |")
    return "\n".join(lines)


def write_table(text: str, page: Path) -> None:
    """Put the table between its marks in a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def _request(row: dict[str, Any]) -> Request:
    context = tuple((key, tuple(values)) for key, values in sorted(row.get("context", {}).items()))
    return Request(row["role"], row["action"], row["resource"], context)


def _with_sample_names(row: dict[str, Any], role: str) -> dict[str, Any]:
    resource = _MADE_UP_NAME.sub(rf"{STACK}-\1-{SAMPLE}", row["resource"])
    return row | {"role": role, "resource": _SECRET.sub(SECRET, _KEY.sub(KEY, resource))}


def _concerns(reason: dict[str, Any], permission: Permission) -> bool:
    return (
        _matches(reason["roles"], permission.owner)
        and _matches(reason["actions"], permission.action)
        and _matches(reason.get("resources", ["*"]), permission.resource)
        and _matches(reason.get("policies", ["*"]), permission.policy)
    )


def _matches(patterns: list[str], text: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) for pattern in patterns)


def _role(name: str) -> str:
    return name.removesuffix("Role").removesuffix("Function")


def _short(resource: str) -> str:
    """Without the part that is the same in all."""
    return (
        resource.replace(f":us-east-1:{ACCOUNT}:", "::")
        .replace(f"{STACK}-{ACCOUNT}-us-east-1", "BUCKET")
        .replace(f"-{SAMPLE}", "-…")
    )
