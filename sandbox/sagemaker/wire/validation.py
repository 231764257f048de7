"""Checks requests against botocore's own description of SageMaker, and shapes responses by it."""

import re
from typing import Any

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.validate import ParamValidator

from sandbox.sagemaker.wire.errors import ValidationException

# The patterns are Java's; Python writes these constructs differently.
_JAVA_TO_PYTHON = (
    (r"[\p{L}\p{Z}\p{N}_.:/=+\-@]", r"[\w\s.:/=+\-@]"),
    (r"\p{ASCII}", r"[\x00-\x7f]"),
    (r"\p{Print}", r"\x20-\x7e"),
    (r"\z", r"\Z"),
)


def load_service_model(service: str) -> ServiceModel:
    """botocore's model of `sagemaker` or `sagemaker-runtime`."""
    return ServiceModel(Loader().load_service_model(service, "service-2"))


def check_request(shape: StructureShape | None, request: dict[str, Any]) -> dict[str, Any]:
    """The request without its null fields, if it matches `shape`.

    Raises:
        ValidationException: it does not match; the message names every field at fault.
    """
    request = _without_nulls(request)
    if not isinstance(request, dict) or shape is None:
        raise ValidationException("The request's body is not a JSON object.")
    report = ParamValidator().validate(request, shape)
    if report.has_errors():
        raise ValidationException(report.generate_report())
    faults = list(_constraint_faults(shape, request, ""))
    if faults:
        noun = "error" if len(faults) == 1 else "errors"
        raise ValidationException(f"{len(faults)} validation {noun} detected: {'; '.join(faults)}")
    return request


def shape_response(shape: Shape, value: Any) -> Any:
    """`value` reduced to the members of `shape`, without those that are None.

    Raises:
        KeyError: a member that SageMaker always returns is missing.
    """
    if isinstance(shape, StructureShape):
        members = {
            name: shape_response(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
        missing = [name for name in shape.required_members if name not in members]
        if missing:
            raise KeyError(f"{shape.name} without {', '.join(missing)}")
        return members
    if isinstance(shape, ListShape):
        return [shape_response(shape.member, item) for item in value]
    if isinstance(shape, MapShape):
        return {key: shape_response(shape.value, item) for key, item in value.items()}
    return value


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _constraint_faults(shape: Shape, value: Any, path: str) -> Any:
    """The checks that ParamValidator lacks: lengths, ranges, patterns and enumerations."""
    if isinstance(shape, StructureShape):
        for name, item in value.items():
            member = name[0].lower() + name[1:]
            yield from _constraint_faults(shape.members[name], item, f"{path}.{member}" if path else member)
        return
    fault = _fault(shape, value)
    if fault:
        yield f"Value '{value}' at '{path}' failed to satisfy constraint: Member must {fault}"
    if isinstance(shape, ListShape):
        for index, item in enumerate(value, start=1):
            yield from _constraint_faults(shape.member, item, f"{path}.{index}.member")
    if isinstance(shape, MapShape):
        for key, item in value.items():
            yield from _constraint_faults(shape.key, key, f"{path}.{key}.key")
            yield from _constraint_faults(shape.value, item, f"{path}.{key}.value")


def _fault(shape: Shape, value: Any) -> str | None:
    rules = shape.metadata
    sized = shape.type_name in ("string", "list", "map")
    if not sized and shape.type_name not in ("integer", "long", "float", "double"):
        return None
    size = len(value) if sized else value
    kind = "have length" if sized else "have value"
    if "min" in rules and size < rules["min"]:
        return f"{kind} greater than or equal to {rules['min']}"
    if "max" in rules and size > rules["max"]:
        return f"{kind} less than or equal to {rules['max']}"
    if "enum" in rules and value not in rules["enum"]:
        return f"satisfy enum value set: [{', '.join(rules['enum'])}]"
    if "pattern" in rules and not re.fullmatch(_python_pattern(rules["pattern"]), value):
        return f"satisfy regular expression pattern: {rules['pattern']}"
    return None


def _python_pattern(pattern: str) -> str:
    for java, python in _JAVA_TO_PYTHON:
        pattern = pattern.replace(java, python)
    return pattern
