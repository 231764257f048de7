"""Corrects moto where a template or its user would notice that it differs from AWS."""

import functools
import io
import uuid
from typing import Any, cast

import botocore.session
from botocore import xform_name
from botocore.model import ServiceModel
from moto.core.exceptions import AWSError
from moto.core.responses import ActionResult
from moto.events.models import EventsBackend
from moto.iam.access_control import PermissionResult
from moto.iam.policy_validation import BaseIAMPolicyValidator
from moto.s3.exceptions import AccessDeniedByLock
from moto.s3.models import FakeBucket, FakeKey, S3Backend
from moto.s3.responses import S3Response
from moto.stepfunctions.parser.api import HistoryEventType, MapRunFailedEventDetails
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
    FailureEvent,
    FailureEventException,
)
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import (
    StatesErrorNameType,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
    DistributedIterationComponent,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_lambda import (
    StateTaskServiceLambda,
)
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse

from sandbox.states import check_definition, refusal


def install() -> None:
    """Correct moto in this process; idempotent."""
    cast(Any, BaseIAMPolicyValidator)._validate_version = _no_version_needed
    cast(Any, FakeBucket).get_permission = _no_permission_by_policy
    cast(Any, FakeKey).__deepcopy__ = _listed
    cast(Any, S3Response)._key_response_get = _get_key
    cast(Any, S3Backend).put_object_retention = _put_retention
    cast(Any, EventsBackend).put_events = _put_events_of_others
    cast(Any, StepFunctionsParserBackend).start_execution = _start_named_execution
    cast(Any, DistributedIterationComponent)._map_run = _run_map
    cast(Any, StateTaskServiceAwsSdk)._normalise_parameters = _encode_parameters
    cast(Any, StateTaskServiceLambda)._get_supported_parameters = _with_invocation_type
    cast(Any, StepFunctionsParserBackend)._validate_definition = staticmethod(_refuse_invalid)
    cast(Any, StepFunctionResponse).validate_state_machine_definition = _validate_definition
    cast(Any, StepFunctionResponse).get_execution_history = _execution_history


_key_response_get = S3Response._key_response_get
_put_object_retention = S3Backend.put_object_retention
_put_events = EventsBackend.put_events
_start_execution = StepFunctionsParserBackend.start_execution
_map_run = DistributedIterationComponent._map_run
_parse_definition = StepFunctionsParserBackend._validate_definition
_get_execution_history = StepFunctionResponse.get_execution_history


_lambda_parameters = StateTaskServiceLambda._get_supported_parameters


def _with_invocation_type(task: Any) -> set[str]:
    """moto drops InvocationType: it waits for an event's result, and the event's failure fails the state."""
    return {*(_lambda_parameters(task) or ()), "InvocationType"}


def _no_version_needed(_: Any) -> None:
    """A policy without a version has the oldest one; SAM itself writes such policies."""


def _no_permission_by_policy(*_: Any) -> PermissionResult:
    """moto ignores a policy's conditions: a bucket that requires TLS would be closed to everyone."""
    return PermissionResult.NEUTRAL


def _listed(key: Any, _: dict[int, Any]) -> Any:
    """An object's entry in ListObjectVersions, without its bytes and not registered in moto's global list of objects.

    moto copies the bytes of the whole bucket at each call, and its list keeps every copy for good. This copy owns none
    of the object's resources, which would be closed together with it.
    """
    listed = object.__new__(FakeKey)
    own = {"_etag": key.etag.strip('"'), "_value_buffer": io.BytesIO(), "multipart": None, "disposed": True}
    listed.__dict__.update(key.__dict__ | own)
    return listed


def _get_key(response: Any, query: dict[str, Any], key_name: str) -> Any:
    """moto has no GetObjectRetention."""
    if "retention" not in query:
        return _key_response_get(response, query, key_name)
    key, _ = response._get_key()
    if not key.lock_mode:
        code = "NoSuchObjectLockConfiguration"
        return (
            404,
            {"status": 404},
            f"<Error><Code>{code}</Code><Message>No retention is set.</Message></Error>",
        )
    until = f"<Mode>{key.lock_mode}</Mode><RetainUntilDate>{key.lock_until}</RetainUntilDate>"
    return 200, {"content-type": "application/xml"}, f"<Retention>{until}</Retention>"


def _put_retention(backend: Any, bucket: str, key: str, version_id: str | None, retention: Any) -> None:
    """moto allows a compliance lock to be shortened, which AWS forbids."""
    locked = backend.get_object(bucket, key, version_id)
    mode, until = retention
    if locked and locked.is_locked(True) and (mode != locked.lock_mode or until < locked.lock_until):
        raise AccessDeniedByLock
    _put_object_retention(backend, bucket, key, version_id, retention)


def _put_events_of_others(backend: Any, events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """moto lets anyone send a service's event: sources that begin with `aws.` are reserved for AWS."""
    refused = {
        "ErrorCode": "NotAuthorizedForSourceException",
        "ErrorMessage": "Not authorized for the source.",
    }
    answers = iter(_put_events(backend, [each for each in events if not _is_of_aws(each)]))
    return [refused if _is_of_aws(each) else next(answers) for each in events]


def _is_of_aws(event: dict[str, Any]) -> bool:
    return str(event.get("Source")).startswith("aws.")


def _start_named_execution(backend: Any, arn: str, name: str | None = None, *rest: Any, **named: Any) -> Any:
    """Names an unnamed execution uniquely; moto calls them all `None`."""
    return _start_execution(backend, arn, name or str(uuid.uuid4()), *rest, **named)


def _run_map(component: Any, env: Any, eval_input: Any) -> None:
    """A Distributed Map fails if more items fail than it tolerates; moto's always succeeds."""
    _map_run(component, env, eval_input)
    items = eval_input.map_run_record.item_counter
    failed = items.failed.get() + items.timed_out.get() + items.aborted.get()
    share = 100 * failed / max(items.total.get(), 1)
    if failed <= eval_input.tolerated_failure_count or share <= eval_input.tolerated_failure_percentage:
        return
    name = StatesErrorName(StatesErrorNameType.StatesExceedToleratedFailureThreshold)
    cause = "The specified tolerated failure threshold was exceeded"
    details = MapRunFailedEventDetails(error=name.error_name, cause=cause)
    raise FailureEventException(
        FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.MapRunFailed,
            event_details=cast(EventDetails, {"mapRunFailedEventDetails": details}),
        )
    )


class _InvalidDefinition(AWSError):
    """moto's own error has no code on the wire."""

    TYPE = "InvalidDefinition"
    STATUS = 400


def _refuse_invalid(definition: str) -> None:
    """Step Functions rejects a definition that cannot run; moto accepts whatever it can parse."""
    if found := check_definition(definition):
        raise _InvalidDefinition(refusal(found))
    _parse_definition(definition=definition)


def _validate_definition(response: Any) -> ActionResult:
    """ValidateStateMachineDefinition, which moto does not have."""
    found = check_definition(response._get_param("definition"))
    diagnostics = [
        {"severity": "ERROR", "code": each.code, "message": each.message}
        | ({} if each.location is None else {"location": each.location})
        for each in found
    ]
    return ActionResult({"result": "FAIL" if found else "OK", "diagnostics": diagnostics, "truncated": False})


def _encode_parameters(task: Any, parameters: dict[str, Any], *_: Any) -> None:
    """Step Functions sends the bytes of an SDK's request, such as S3's Body, as JSON: a text gets quotes.

    moto has the code for that, and does not call it.
    """
    model = _service_model(task._get_boto_service_name())
    action = task._get_boto_service_action()
    operation = next(name for name in model.operation_names if xform_name(name) == action)
    task._to_boto_request(parameters, model.operation_model(operation).input_shape)


@functools.cache
def _service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def _execution_history(response: Any) -> ActionResult:
    """Returns the newest events first and in pages, if requested; moto returns all in their order."""
    events = cast(Any, _get_execution_history(response).result)["events"]
    if response._get_param("reverseOrder"):
        events = events[::-1]
    token, most = response._get_param("nextToken"), response._get_int_param("maxResults")
    start = 1 + next((place for place, event in enumerate(events) if str(event["id"]) == token), -1)
    page = events[start : start + most if most else None]
    more = {"nextToken": str(page[-1]["id"])} if start + len(page) < len(events) else {}
    return ActionResult({"events": page, **more})
