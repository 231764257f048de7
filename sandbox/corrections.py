"""Where moto's own behaviour differs from AWS's in a way that a template notices."""

import uuid
from typing import Any, cast

from moto.cloudformation import parsing
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
from moto.stepfunctions.parser.models import StepFunctionsParserBackend


def install() -> None:
    """Correct moto in this process; a second call changes nothing."""
    cast(Any, parsing).clean_json = _drop_no_value
    cast(Any, FakeBucket).get_permission = _no_permission_by_policy
    cast(Any, StepFunctionsParserBackend).start_execution = _start_named_execution


_resolve = parsing.clean_json
_start_execution = StepFunctionsParserBackend.start_execution


def _drop_no_value(value: Any, resources: Any) -> Any:
    """CloudFormation removes an item of a list that is `AWS::NoValue`; moto leaves a null there."""
    resolved = _resolve(value, resources)
    return [item for item in resolved if item is not None] if isinstance(value, list) else resolved


def _no_permission_by_policy(*_: Any) -> PermissionResult:
    """moto overlooks a policy's conditions: a bucket for TLS alone would be shut for everyone."""
    return PermissionResult.NEUTRAL


def _start_named_execution(backend: Any, arn: str, name: str | None = None, *rest: Any, **named: Any) -> Any:
    """An execution without a name gets one of its own; moto calls them all `None`."""
    return _start_execution(backend, arn, name or str(uuid.uuid4()), *rest, **named)
