"""Reads a template, checks its parameters, and applies SAM's transform."""

import copy
import difflib
import json
import re
from pathlib import Path
from typing import Any

import yaml
from samtranslator.model.exceptions import InvalidDocumentException
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import intrinsics_multi_constructor

from sandbox.deployment.intrinsics import as_text
from sandbox.errors import ParameterError, TemplateError, TransformError

_SAM = "AWS::Serverless-2016-10-31"


class _TemplateLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """SAM's own loader for the short tags, on libyaml if available: a tenth of the time."""


_TemplateLoader.add_multi_constructor("!", intrinsics_multi_constructor)


def read_template(path: Path) -> dict[str, Any]:
    """The template as written, with CloudFormation's short tags (`!Ref`) in their long form.

    Raises TemplateError if the file does not exist or is not a template.
    """
    if not path.is_file():
        raise TemplateError(f"There is no template {path}.")
    return parse_template(path.read_text(encoding="utf-8"), str(path))


def parse_template(text: str, name: str = "The template") -> dict[str, Any]:
    """Parses a template's text, YAML or JSON; `name` is its name in errors."""
    try:
        template = (
            json.loads(text) if text.lstrip().startswith("{") else yaml.load(text, Loader=_TemplateLoader)  # noqa: S506 (it is a safe one)
        )
    except (yaml.YAMLError, ValueError) as error:
        raise TemplateError(f"Template format error: {error}") from error
    if not isinstance(template, dict) or not template.get("Resources"):
        raise TemplateError(f"{name} has no Resources; a SAM template needs some.")
    # YAML parses policies' versions as dates, and a template has no other dates.
    return dict(json.loads(json.dumps(template, default=str, allow_nan=False)))


def resolve_parameters(template: dict[str, Any], given: dict[str, str]) -> dict[str, str]:
    """The value of every parameter, checked as CloudFormation checks it.

    Raises ParameterError, naming the parameter: it is unknown, has no value, or an invalid one.
    """
    declared = template.get("Parameters", {})
    unknown = sorted(set(given) - set(declared))
    if unknown:
        near = difflib.get_close_matches(unknown[0], declared, 1)
        help_ = f"Did you mean {near[0]}?" if near else f"It has {', '.join(declared)}."
        raise ParameterError(f"The template has no parameter {', '.join(unknown)}. {help_}")
    values = {}
    for name, declaration in declared.items():
        if name not in given and "Default" not in declaration:
            raise ParameterError(f"Parameter {name} has no default; give it a value.")
        value = str(given[name]) if name in given else as_text(declaration["Default"])
        reason = _objection(declaration, value)
        if reason:
            takes = declaration.get("ConstraintDescription")
            raise ParameterError(
                f"Parameter {name} cannot be {value!r}: it {f'takes {takes}' if takes else reason}"
            )
        values[name] = value
    return values


def _objection(declaration: dict[str, Any], value: str) -> str | None:
    """Why a parameter's value is not allowed; None if it is."""
    kind = declaration.get("Type", "String")
    allowed = [as_text(item) for item in declaration.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"must be one of {', '.join(allowed)}."
    if kind == "Number":
        try:
            number = float(value)
        except ValueError:
            return "must be a number."
        if number < float(declaration.get("MinValue", number)):
            return f"must be at least {declaration['MinValue']}."
        if number > float(declaration.get("MaxValue", number)):
            return f"must be at most {declaration['MaxValue']}."
        return None
    if kind not in ("String", "CommaDelimitedList"):
        return f"has the type {kind}, which the sandbox does not know."
    items = value.split(",") if kind == "CommaDelimitedList" else [value]
    if "AllowedPattern" in declaration and not all(
        re.fullmatch(declaration["AllowedPattern"], item) for item in items
    ):
        return f"must match {declaration['AllowedPattern']}."
    if len(value) < int(declaration.get("MinLength", 0)):
        least = int(declaration["MinLength"])
        return f"must have at least {least} character{'s' if least > 1 else ''}."
    if len(value) > int(declaration.get("MaxLength", len(value))):
        return f"must have at most {declaration['MaxLength']} characters."
    return None


class _ManagedPolicies:
    """Names of AWS's managed policies; only ARNs are supported here, as SAM writes them for a function."""

    def load(self) -> dict[str, str]:
        return {}


def transformed(template: dict[str, Any], parameters: dict[str, str]) -> dict[str, Any]:
    """The template after its transform; only SAM's is supported.

    Raises TemplateError for another one, and TransformError with the translator's reasons for invalid SAM.
    """
    named = template.get("Transform", [])
    unknown = [each for each in (named if isinstance(named, list) else [named]) if each != _SAM]
    if unknown:
        raise TemplateError(f"The sandbox has no transform {', '.join(map(str, unknown))}.")
    if not named:
        return template
    try:
        return dict(transform(copy.deepcopy(template), dict(parameters), _ManagedPolicies()))
    except InvalidDocumentException as error:
        reasons = "\n".join(cause.message for cause in error.causes)
        raise TransformError(f"The template is not valid SAM:\n{reasons}") from error
