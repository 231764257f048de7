"""The frame of every entry point: settings, a structured log with the ids of the call, and traces."""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger

from autowatch.settings import read_settings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_Settings = TypeVar("_Settings")
_Answer = TypeVar("_Answer")
_Event = dict[str, Any]

# Named after the package, so that it receives all that the package's modules log with the standard library.
_LOGGER = Logger(service="autowatch", utc=True, use_rfc3339=True)


@dataclass(frozen=True)
class _Observation:
    tracing: Literal["Active", "Disabled"] = "Disabled"


def entry_point(
    settings: type[_Settings],
) -> Callable[
    [Callable[[_Event, "LambdaContext", _Settings], _Answer]], Callable[[_Event, "LambdaContext"], _Answer]
]:
    """Makes a Lambda handler of a function whose additional argument is the `settings`.

    Every line of the log has the id of the request, whether it was a cold start, and the subject of the call as
    correlation id: see `correlation_id`. With the stack's parameter Tracing=Active, the handler and its calls to AWS
    become X-Ray segments, without the handler's return value.

    Raises:
        InvalidSetting: raised by the handler; a setting is missing or unusable.
    """

    def decorate(
        work: Callable[[_Event, "LambdaContext", _Settings], _Answer],
    ) -> Callable[[_Event, "LambdaContext"], _Answer]:
        @wraps(work)
        def handle(event: _Event, context: "LambdaContext") -> _Answer:
            _LOGGER.set_correlation_id(correlation_id(event))
            return work(event, context, read_settings(settings))

        if not gc.isenabled():
            # The variables of the function disable it during imports.
            gc.freeze()
            gc.enable()
        return _trace(_LOGGER.inject_lambda_context(handle, clear_state=True, log_event=False))

    return decorate


def correlation_id(event: _Event) -> str | None:
    """The subject of an event: the key of its first S3 object, the run, the transform or the execution."""
    for record in event.get("Records", []):
        return unquote_plus(record["s3"]["object"]["key"])
    work = event.get("input")
    names = [event.get("run"), event.get("name"), work.get("name") if isinstance(work, dict) else None]
    return next((name for name in [*names, event.get("execution")] if isinstance(name, str)), None)


def seconds_left(context: "LambdaContext", reserve: float = 0.0) -> Callable[[], float]:
    """Returns a function that returns the seconds left of the invocation, less those that the caller reserves."""
    return lambda: context.get_remaining_time_in_millis() / 1000 - reserve


def _trace(
    handler: Callable[[_Event, "LambdaContext"], _Answer],
) -> Callable[[_Event, "LambdaContext"], _Answer]:
    if read_settings(_Observation).tracing == "Disabled":
        return handler
    # Imported here, since only stacks with tracing should pay for the import of the X-Ray SDK.
    from aws_lambda_powertools import Tracer

    traced: Callable[[_Event, LambdaContext], _Answer] = Tracer(
        service="autowatch", patch_modules=["botocore"]
    ).capture_lambda_handler(handler, capture_response=False)
    return traced
