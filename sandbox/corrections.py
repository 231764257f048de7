"""Where moto's own behaviour differs from AWS's in a way that a template notices, or that its user waits for."""

import functools
import json
import logging
import uuid
from typing import Any, cast

from moto.cloudformation import parsing
from moto.cloudformation.models import Stack
from moto.core.responses import ActionResult
from moto.iam.access_control import PermissionResult
from moto.s3.models import FakeBucket
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
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.parse.preprocessor import Preprocessor
from moto.stepfunctions.parser.models import StepFunctionsParserBackend
from moto.stepfunctions.responses import StepFunctionResponse


def install() -> None:
    """Correct moto in this process; a second call changes nothing."""
    cast(Any, parsing).clean_json = _drop_no_value
    cast(Any, Stack).parse_template = staticmethod(_parse_template)
    cast(Any, FakeBucket).get_permission = _no_permission_by_policy
    cast(Any, StepFunctionsParserBackend).start_execution = _start_named_execution
    cast(Any, DistributedIterationComponent)._map_run = _run_map
    cast(Any, StepFunctionResponse).get_execution_history = _execution_history
    cast(Any, AmazonStateLanguageParser).parse = staticmethod(_parse_definition)
    cast(Any, lambda_eval_utils).boto_client_for = _client_for_states
    # Of more states at once than that client keeps connections, the others' are not kept, which is nobody's business.
    logging.getLogger("urllib3.connectionpool").setLevel(logging.ERROR)


_resolve = parsing.clean_json
_parse_yaml = Stack.parse_template
_start_execution = StepFunctionsParserBackend.start_execution
_map_run = DistributedIterationComponent._map_run
_get_execution_history = StepFunctionResponse.get_execution_history
_parse_and_evaluate = AmazonStateLanguageParser.parse
_boto_client_for = lambda_eval_utils.boto_client_for


def _parse_template(template: str) -> dict[str, Any]:
    """A template in JSON is read as that: moto's YAML reader takes hundreds of times as long over it."""
    try:
        return cast(dict[str, Any], json.loads(template))
    except json.JSONDecodeError:
        return _parse_yaml(template)


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


def _run_map(component: Any, env: Any, eval_input: Any) -> None:
    """A Distributed Map fails when more of its items fail than it tolerates; moto's always succeeds."""
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


def _execution_history(response: Any) -> ActionResult:
    """The newest events first, and in pages, where that is asked for; moto gives all of them in their order."""
    events = cast(Any, _get_execution_history(response).result)["events"]
    if response._get_param("reverseOrder"):
        events = events[::-1]
    token, most = response._get_param("nextToken"), response._get_int_param("maxResults")
    start = 1 + next((place for place, event in enumerate(events) if str(event["id"]) == token), -1)
    page = events[start : start + most if most else None]
    more = {"nextToken": str(page[-1]["id"])} if start + len(page) < len(events) else {}
    return ActionResult({"events": page, **more})


@functools.lru_cache(maxsize=16)
def _definition_tree(definition: str) -> Any:
    return _parse_and_evaluate(definition)[1]


def _parse_definition(definition: str) -> Any:
    """A state machine's text is parsed once, and not at every execution: that takes a tenth of a second."""
    tree = _definition_tree(definition)
    return Preprocessor().visit(tree), tree


@functools.cache
def _lambda_client(region: str) -> Any:
    return _boto_client_for(region, "lambda")


def _client_for_states(region: str, service: str, state_credentials: Any = None) -> Any:
    """All states call functions with one client; moto makes one for each call, which takes as long as the call."""
    return (
        _lambda_client(region)
        if service == "lambda"
        else _boto_client_for(region, service, state_credentials)
    )
