"""CloudFormation's intrinsic functions and conditions that the sandbox supports; it rejects others by name.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/intrinsic-function-reference.html
"""

import base64
import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sandbox.errors import TemplateError

_VARIABLE = re.compile(r"\$\{([^!{}][^{}]*)\}")
NO_VALUE = object()


@dataclass
class Scope:
    """The values of the names in a template."""

    template: dict[str, Any]
    values: dict[str, Any]
    """Parameters and pseudo parameters."""
    reference: Callable[[str], Any]
    """The result of `Ref` for a resource, by its logical id."""
    attribute: Callable[[str, str], Any]
    """The result of `Fn::GetAtt`, by logical id and attribute."""
    _conditions: dict[str, bool] = field(default_factory=dict)

    def condition(self, name: str) -> bool:
        """Whether a condition of the template holds; raises TemplateError for an unknown name."""
        if name not in self._conditions:
            declared = self.template.get("Conditions", {})
            if name not in declared:
                raise TemplateError(f"Template format error: Unresolved condition {name}.")
            self._conditions[name] = _holds(declared[name], self)
        return self._conditions[name]

    def is_wanted(self, resource_or_output: dict[str, Any]) -> bool:
        """Whether the condition of a resource or an output holds; True without a condition."""
        name = resource_or_output.get("Condition")
        return name is None or self.condition(name)


def resolve(value: Any, scope: Scope) -> Any:
    """The value with every intrinsic function evaluated; `AWS::NoValue` entries are left out."""
    if isinstance(value, list):
        items = (resolve(item, scope) for item in value)
        return [item for item in items if item is not NO_VALUE]
    if isinstance(value, str):
        if "{{resolve:" in value:
            raise TemplateError(f"The sandbox has no dynamic references such as {value}.")
        return value
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" or name.startswith("Fn::"):
            return _call(name, argument, scope)
    members = ((name, resolve(member, scope)) for name, member in value.items())
    return {name: member for name, member in members if member is not NO_VALUE}


def _call(name: str, argument: Any, scope: Scope) -> Any:
    if name == "Ref":
        return _reference(argument, scope)
    if name == "Fn::If":
        condition, then, otherwise = argument
        return resolve(then if scope.condition(condition) else otherwise, scope)
    if name == "Fn::Sub":
        return _substitute(argument, scope)
    if name == "Fn::GetAtt":
        logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
        return scope.attribute(logical_id, resolve(attribute, scope))
    if name not in _FUNCTIONS:
        raise TemplateError(f"The sandbox has no intrinsic function {name}.")
    return _FUNCTIONS[name](resolve(argument, scope), scope)


def _reference(name: str, scope: Scope) -> Any:
    if name == "AWS::NoValue":
        return NO_VALUE
    return scope.values[name] if name in scope.values else scope.reference(name)


def _substitute(argument: Any, scope: Scope) -> str:
    text, given = (argument, {}) if isinstance(argument, str) else argument
    own = {name: resolve(value, scope) for name, value in given.items()}

    def replacement(match: re.Match[str]) -> str:
        name = match[1].strip()
        if name in own:
            return as_text(own[name])
        if "." in name and name not in scope.values:
            return as_text(scope.attribute(*name.split(".", 1)))
        return as_text(_reference(name, scope))

    return _VARIABLE.sub(replacement, text).replace("${!", "${")


def _find_in_map(argument: list[Any], scope: Scope) -> Any:
    name, first, second, *_ = argument
    try:
        return scope.template["Mappings"][name][str(first)][str(second)]
    except KeyError as error:
        raise TemplateError(f"Template error: Unable to get mapping for {name}::{first}::{second}") from error


_FUNCTIONS: dict[str, Callable[[Any, Scope], Any]] = {
    "Fn::Join": lambda argument, _: argument[0].join(map(as_text, argument[1])),
    "Fn::Split": lambda argument, _: argument[1].split(argument[0]),
    "Fn::Select": lambda argument, _: argument[1][int(argument[0])],
    "Fn::Base64": lambda argument, _: base64.b64encode(argument.encode()).decode(),
    "Fn::ToJsonString": lambda argument, _: json.dumps(argument, allow_nan=False),
    "Fn::FindInMap": _find_in_map,
}


def _holds(condition: Any, scope: Scope) -> bool:
    if set(condition) == {"Condition"}:
        return scope.condition(condition["Condition"])
    ((name, arguments),) = condition.items()
    if name == "Fn::Equals":
        first, second = (as_text(resolve(argument, scope)) for argument in arguments)
        return first == second
    if name == "Fn::Not":
        return not _holds(arguments[0], scope)
    if name in ("Fn::And", "Fn::Or"):
        every = (_holds(argument, scope) for argument in arguments)
        return all(every) if name == "Fn::And" else any(every)
    raise TemplateError(f"The sandbox has no condition function {name}.")


def as_text(value: Any) -> str:
    """A value as text, as CloudFormation passes it on."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ",".join(map(as_text, value)) if isinstance(value, list) else str(value)
