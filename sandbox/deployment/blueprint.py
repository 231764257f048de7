"""The desired state of a stack: its template after CloudFormation's checks before a deployment."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sandbox.deployment.intrinsics import Scope, resolve
from sandbox.deployment.resources import Kinds
from sandbox.deployment.template import parse_template, resolve_parameters, transformed
from sandbox.errors import CapabilityError, TemplateError

_IDENTITIES = ("AWS::IAM::ManagedPolicy", "AWS::IAM::Policy", "AWS::IAM::Role")
_NAMES_OF_IDENTITIES = ("ManagedPolicyName", "RoleName")


@dataclass(frozen=True)
class Blueprint:
    """A checked template with the values of its parameters."""

    text: str
    """The template as sent."""
    written: dict[str, Any]
    template: dict[str, Any]
    """After the transform."""
    parameters: dict[str, str]
    tags: dict[str, str]
    pseudo: dict[str, str]
    order: tuple[str, ...] = ()
    """The logical ids of the wanted resources, each after those that it needs."""
    needs: dict[str, frozenset[str]] = field(default_factory=dict)
    fixed: dict[str, Any] = field(default_factory=dict)
    """Each resource's properties, with a marker for each reference to a resource: a change set compares these."""

    @property
    def resources(self) -> dict[str, dict[str, Any]]:
        """The declarations of the wanted resources."""
        return {name: self.template["Resources"][name] for name in self.order}

    @property
    def values(self) -> dict[str, Any]:
        """The values of parameters and pseudo parameters."""
        lists = {
            name: value.split(",")
            for name, value in self.parameters.items()
            if self.template["Parameters"][name].get("Type") == "CommaDelimitedList"
        }
        return {**self.parameters, **lists, **self.pseudo}


def draw(
    text: str,
    given: dict[str, str],
    tags: dict[str, str],
    pseudo: dict[str, str],
    kinds: Kinds,
    capabilities: Iterable[str],
) -> Blueprint:
    """The blueprint of a template.

    Raises TemplateError, ParameterError, and CapabilityError if `capabilities` do not cover its resources.
    """
    written = parse_template(text)
    parameters = resolve_parameters(written, given)
    template = transformed(written, parameters)
    unknown = [
        f"{name} ({declared['Type']})"
        for name, declared in template["Resources"].items()
        if not kinds.has(declared["Type"])
    ]
    if unknown:
        raise TemplateError(f"The sandbox cannot create {', '.join(unknown)}.")
    _check_capabilities(template, set(capabilities))
    blueprint = Blueprint(text, written, template, parameters, tags, pseudo)
    needs, fixed = _survey(blueprint)
    return Blueprint(text, written, template, parameters, tags, pseudo, _in_order(needs), needs, fixed)


def _check_capabilities(template: dict[str, Any], capabilities: set[str]) -> None:
    made = [declared for declared in template["Resources"].values() if declared["Type"] in _IDENTITIES]
    named = any(name in declared.get("Properties", {}) for declared in made for name in _NAMES_OF_IDENTITIES)
    if made and not capabilities & (
        {"CAPABILITY_NAMED_IAM"} if named else {"CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"}
    ):
        needed = "CAPABILITY_NAMED_IAM" if named else "CAPABILITY_IAM"
        raise CapabilityError(f"Requires capabilities : [{needed}]")


def _survey(blueprint: Blueprint) -> tuple[dict[str, frozenset[str]], dict[str, Any]]:
    """The resources that each one needs, and its properties as far as they are known before creation."""
    declared = blueprint.template["Resources"]
    named: set[str] = set()

    def mark(logical_id: str, attribute: str = "") -> str:
        if logical_id not in declared:
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{logical_id}] in the template"
            )
        named.add(logical_id)
        return f"<{logical_id}.{attribute}>"

    scope = Scope(blueprint.template, blueprint.values, mark, mark)
    needs: dict[str, frozenset[str]] = {}
    fixed: dict[str, Any] = {}
    wanted = [name for name, resource in declared.items() if scope.is_wanted(resource)]
    for name in wanted:
        named.clear()
        properties = resolve(declared[name].get("Properties", {}), scope)
        fixed[name] = {"Type": declared[name]["Type"], "Properties": properties}
        before = declared[name].get("DependsOn", [])
        needs[name] = frozenset(named | set([before] if isinstance(before, str) else before)) & set(wanted)
        if lost := named - set(wanted):
            raise TemplateError(
                f"Template format error: Unresolved resource dependencies [{', '.join(sorted(lost))}] in {name}"
            )
    for output in blueprint.template.get("Outputs", {}).values():
        if scope.is_wanted(output):
            resolve(output, scope)
    return needs, fixed


def _in_order(needs: dict[str, frozenset[str]]) -> tuple[str, ...]:
    ordered: dict[str, None] = {}
    remaining = dict(needs)
    while remaining:
        ready = [name for name, before in remaining.items() if before <= ordered.keys()]
        if not ready:
            raise TemplateError(f"Circular dependency between resources: [{', '.join(sorted(remaining))}]")
        for name in ready:
            ordered[name] = None
            del remaining[name]
    return tuple(ordered)
