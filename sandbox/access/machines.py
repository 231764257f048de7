"""State machines call services with their role's key, and start a Distributed Map's children only if permitted."""

import functools
import sys
from typing import Any, cast

import boto3
from botocore.config import Config
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
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails

from sandbox.access.decisions import Decisions
from sandbox.access.keys import Keys
from sandbox.access.policies import Need

_SESSION = "state-machine"
_SECONDS = 3600


def install(endpoint_url: str, keys: Keys, decisions: Decisions) -> None:
    """Have moto's interpreter, corrections included, call this sandbox with the roles' keys."""
    run_map = DistributedIterationComponent._map_run

    @functools.cache
    def client(region: str, service: Any, role_arn: str) -> Any:
        # All states share one client; creating one takes as long as a call.
        key = keys.of_session(role_arn, _SESSION)
        config = Config(
            parameter_validation=False,
            retries={"total_max_attempts": 1},
            connect_timeout=_SECONDS,
            read_timeout=_SECONDS,
        )
        return boto3.client(
            service,
            region,
            endpoint_url=endpoint_url,
            aws_access_key_id=key.access_key,
            aws_secret_access_key=key.secret_key,
            config=config,
        )

    def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        return client(region, service, state_credentials.role_arn)

    def map_run(component: Any, env: Any, eval_input: Any) -> None:
        machine = env.states.context_object.context_object_data["StateMachine"]["Id"]
        key = keys.of_session(env.aws_execution_details.role_arn, _SESSION)
        objection = decisions.objection(key.caller, [Need("states:StartExecution", machine)])
        if objection:
            raise FailureEventException(_failure(env, objection))
        run_map(component, env, eval_input)

    for module in list(sys.modules.values()):
        if module.__name__.startswith("moto.stepfunctions.parser") and hasattr(module, "boto_client_for"):
            cast(Any, module).boto_client_for = client_for
    cast(Any, DistributedIterationComponent)._map_run = map_run


def _failure(env: Any, cause: str) -> FailureEvent:
    name = StatesErrorName(StatesErrorNameType.StatesPermissions)
    details = MapRunFailedEventDetails(error=name.error_name, cause=cause)
    return FailureEvent(
        env=env,
        error_name=name,
        event_type=HistoryEventType.MapRunFailed,
        event_details=cast(EventDetails, {"mapRunFailedEventDetails": details}),
    )
