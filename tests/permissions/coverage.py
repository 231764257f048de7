"""Which permissions of the template something needed: what the sandboxes of a test run have recorded.

A permission is an action of a statement, on one of its resources. It is needed where a request was allowed by it alone,
so that without it the request would have been refused. Each permission that nothing needed must have a reason.
"""

import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.permissions.reference import fits
from tests.permissions.statements import STACK, Statement

REASONS = Path(__file__).with_name("unexercised.toml")
BEGIN, END = "<!-- permissions: begin -->", "<!-- permissions: end -->"
_MADE_UP_NAME = re.compile(rf"{STACK}-([A-Za-z0-9]+)-[A-Za-z0-9]{{6,}}")

Place = tuple[str, str, int, int, int]
"""Role, policy, statement, action and resource of a permission, by their logical ids and places."""


@dataclass(frozen=True)
class Permission:
    """One action of a statement on one of its resources, and how many requests needed just this one."""

    statement: Statement
    action: str
    resource: str
    needed: int


def permissions(statements: Iterable[Statement], folder: Path) -> list[Permission]:
    """Every permission of the roles, with what the records in a folder say of it."""
    known = list(statements)
    needed = _read(folder, known)
    found = []
    for statement in known:
        resources = statement.listed("Resource")
        for number, action in enumerate(statement.listed("Action")):
            for place, resource in enumerate(resources):
                if len(resources) > 1 and not fits(action, resource):
                    continue
                key = (statement.owner, statement.policy, statement.index, number, place)
                found.append(Permission(statement, action, resource, needed[key]))
    return found


def unexplained(found: Iterable[Permission], reasons: list[dict[str, Any]]) -> list[str]:
    """A sentence for each permission that nothing needed and that has no reason; and for each reason without use."""
    idle = [each for each in found if not each.needed]
    told = [
        f"Nothing needed {each.action} on {each.resource} ({each.statement.name})."
        for each in idle
        if not reason_of(each, reasons)
    ]
    told += [
        f"The reason for {reason['actions']} of {reason['roles']} has no permission to explain."
        for reason in reasons
        if not any(_concerns(reason, each) for each in idle)
    ]
    return told


def reason_of(permission: Permission, reasons: list[dict[str, Any]]) -> str:
    """Why nothing in the tests needs a permission; empty where no reason is given."""
    return next((str(each["reason"]) for each in reasons if _concerns(each, permission)), "")


def read_reasons() -> list[dict[str, Any]]:
    """The reasons, in their order."""
    return list(tomllib.loads(REASONS.read_text())["permission"])


def table(found: Iterable[Permission], reasons: list[dict[str, Any]]) -> str:
    """The permissions as a table in Markdown, a line for each action of a statement with the roles that have it."""
    rows: dict[tuple[str, int, str], list[Permission]] = defaultdict(list)
    for each in found:
        rows[each.statement.policy, each.statement.index, each.action].append(each)
    lines = [
        "| policy, statement | action | on | roles that the tests need it in | else |",
        "|---|---|---|---|---|",
    ]
    for (policy, index, action), group in rows.items():
        needed = sorted({each.statement.owner for each in group if each.needed})
        told: dict[str, set[str]] = defaultdict(set)
        for each in group:
            if not each.needed:
                told[reason_of(each, reasons)].add(each.statement.owner)
        others = [f"{reason}: {', '.join(map(_role, sorted(roles)))}" for reason, roles in told.items()]
        resources = ", ".join(dict.fromkeys(f"`{_short(each.resource)}`" for each in group))
        lines.append(
            f"| {policy}, {index + 1} | `{action}` | {resources} | {', '.join(map(_role, needed))} |"
            f" {'; '.join(others)} |"
        )
    return "\n".join(lines)


def _role(name: str) -> str:
    return name.removesuffix("Role").removesuffix("Function")


def write_table(text: str, page: Path) -> None:
    """Put the table between its marks in a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def _read(folder: Path, statements: list[Statement]) -> dict[Place, int]:
    """How many requests each permission alone allowed; what other stacks recorded has other names."""
    needed: dict[Place, int] = defaultdict(int)
    for path in folder.glob("*.json"):
        document = json.loads(path.read_text())
        for row in document["decisions"]:
            if len(row["grants"]) == 1:
                [(policy, index, actions, action, resource)] = row["grants"]
                role, policy = _logical(row["role"]), _logical(policy)
                index = _index(statements, role, policy, index, actions)
                needed[role, policy, index, action, resource] += row["count"]
    return needed


def _index(statements: list[Statement], role: str, policy: str, index: int, actions: list[str]) -> int:
    """The place of a statement in the template; where it was deployed, those of unmet conditions were missing."""
    alike = [
        each.index
        for each in statements
        if (each.owner, each.policy) == (role, policy) and each.listed("Action") == actions
    ]
    return alike[0] if len(alike) == 1 else index


def _logical(name: str) -> str:
    """The logical id in a name that CloudFormation made up; a name that a template gives is left as it is."""
    match = _MADE_UP_NAME.fullmatch(name)
    return match[1] if match else name


def _concerns(reason: dict[str, Any], permission: Permission) -> bool:
    return (
        _matches(reason["roles"], permission.statement.owner)
        and _matches(reason["actions"], permission.action)
        and _matches(reason.get("resources", ["*"]), permission.resource)
    )


def _matches(patterns: list[str], text: str) -> bool:
    return any(re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), text) for pattern in patterns)


def _short(resource: str) -> str:
    """Without what is the same in all."""
    return resource.replace(":us-east-1:123456789012:", "::").replace(
        "autowatch-123456789012-us-east-1", "BUCKET"
    )
