"""Where moto's own behaviour differs from AWS's in a way that a template notices."""

from typing import Any, cast

from moto.cloudformation import parsing
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket


def install() -> None:
    """Correct moto in this process; a second call changes nothing."""
    parsing.clean_json = _drop_no_value
    cast(Any, FakeBucket).get_permission = _no_permission_by_policy


_resolve = parsing.clean_json


def _drop_no_value(value: Any, resources: Any) -> Any:
    """CloudFormation removes an item of a list that is `AWS::NoValue`; moto leaves a null there."""
    resolved = _resolve(value, resources)
    return [item for item in resolved if item is not None] if isinstance(value, list) else resolved


def _no_permission_by_policy(*_: Any) -> PermissionResult:
    """moto overlooks a policy's conditions: a bucket for TLS alone would be shut for everyone. Policies are recorded."""
    return PermissionResult.NEUTRAL
