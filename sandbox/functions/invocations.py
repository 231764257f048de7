"""Asynchronous work: invocations with their retries and destinations, and deliveries with their dead-letter queues."""

import heapq
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

from sandbox.access.decisions import Decisions, Sender
from sandbox.errors import NotFoundError, ThrottledError
from sandbox.functions.functions import Functions, Outcome

LOGGER = logging.getLogger("sandbox")
_WORKERS = 16
_THROTTLE_SECONDS = 0.2


@dataclass(frozen=True)
class AsynchronousConfiguration:
    """A function's EventInvokeConfig."""

    maximum_retries: int = 2
    on_success: str | None = None
    on_failure: str | None = None


class Deferred:
    """Runs calls after a delay, a few at once; reports when none is left."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="deferred")
        self._waiting: list[tuple[float, int, Callable[[], None]]] = []
        self._changed = threading.Condition()
        self._pending = 0
        self._count = 0
        self._closed = False
        threading.Thread(target=self._start_due, name="deferred", daemon=True).start()

    def submit(self, call: Callable[[], None], delay_seconds: float = 0.0) -> None:
        """Run `call` after the delay; it must handle its own failures (they are only logged here)."""
        with self._changed:
            self._count += 1
            self._pending += 1
            heapq.heappush(self._waiting, (time.monotonic() + delay_seconds, self._count, call))
            self._changed.notify()

    @property
    def pending(self) -> int:
        """How many calls wait or run."""
        return self._pending

    def close(self) -> None:
        """Drop waiting calls; running ones are not waited for."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _start_due(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                if not self._waiting or self._waiting[0][0] > now:
                    self._changed.wait(self._waiting[0][0] - now if self._waiting else 1.0)
                    continue
                call = heapq.heappop(self._waiting)[2]
                self._pool.submit(self._run, call)

    def _run(self, call: Callable[[], None]) -> None:
        try:
            call()
        except Exception:
            LOGGER.exception("deferred work failed")
            raise
        finally:
            with self._changed:
                self._pending -= 1


class Invocations:
    """Lambda's asynchronous invocations: a queue, two retries, then the OnFailure destination."""

    def __init__(
        self,
        functions: Functions,
        deferred: Deferred,
        retry_seconds: tuple[float, float],
        decisions: Decisions,
    ) -> None:
        self._functions = functions
        self._decisions = decisions
        self._deferred = deferred
        self._retry_seconds = retry_seconds
        self._configurations: dict[str, AsynchronousConfiguration] = {}

    def configure(self, name_or_arn: str, configuration: AsynchronousConfiguration) -> None:
        """Set a function's retries and destinations."""
        self._configurations[self._functions.get(name_or_arn).name] = configuration

    def submit(self, name_or_arn: str, payload: bytes) -> str:
        """Queue an event and return the request's id; raises NotFoundError."""
        function = self._functions.get(name_or_arn)
        request_id = str(uuid.uuid4())
        self._deferred.submit(lambda: self._attempt(function.name, payload, request_id, 1))
        return request_id

    def _attempt(self, name: str, payload: bytes, request_id: str, attempt: int) -> None:
        def again(number: int) -> Callable[[], None]:
            return lambda: self._attempt(name, payload, request_id, number)

        try:
            outcome = self._functions.invoke(name, payload, request_id)
        except ThrottledError:
            # A throttled event goes back to the queue without using up a retry.
            self._deferred.submit(again(attempt), _THROTTLE_SECONDS)
            return
        except Exception:
            # Lambda also keeps an event when Lambda itself fails: no retry is used up.
            LOGGER.exception("the sandbox could not run %s", name)
            self._deferred.submit(again(attempt), _THROTTLE_SECONDS)
            return
        configuration = self._configurations.get(name, AsynchronousConfiguration())
        if outcome.is_error and attempt <= configuration.maximum_retries:
            self._deferred.submit(again(attempt + 1), self._retry_seconds[attempt - 1])
            return
        destination = configuration.on_failure if outcome.is_error else configuration.on_success
        if destination:
            arn = self._functions.get(name).arn
            role = self._decisions.world.function_role(arn)
            objection = self._decisions.delivery_objection(
                Sender("lambda.amazonaws.com", arn, role), destination
            )
            if objection:
                LOGGER.error("%s: its record could not be delivered to %s: %s", name, destination, objection)
            else:
                send(destination, json.dumps(_record(arn, payload, outcome, attempt), allow_nan=False))


def _record(arn: str, payload: bytes, outcome: Outcome, attempts: int) -> dict[str, Any]:
    """Lambda's record for a destination."""
    response: dict[str, Any] = {"statusCode": 200, "executedVersion": "$LATEST"}
    if outcome.is_error:
        response["functionError"] = "Unhandled"
    return {
        "version": "1.0",
        "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "requestContext": {
            "requestId": outcome.request_id,
            "functionArn": f"{arn}:$LATEST",
            "condition": "RetriesExhausted" if outcome.is_error else "Success",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": json.loads(payload or b"null"),
        "responseContext": response,
        "responsePayload": json.loads(outcome.payload or b"null"),
    }


class Deliveries:
    """Delivers an event to the target of a rule or a schedule, with its retries and its dead-letter queue."""

    def __init__(
        self, invocations: Invocations, deferred: Deferred, retry_seconds: float, decisions: Decisions
    ) -> None:
        self._decisions = decisions
        self._invocations = invocations
        self._deferred = deferred
        self._retry_seconds = retry_seconds

    def submit(self, arn: str, body: str, retries: int, dead_letter_arn: str | None, sender: Sender) -> None:
        """Deliver `body` to the function, state machine, queue or topic `arn`, if the sender may."""
        self._deferred.submit(lambda: self._attempt(arn, body, retries, dead_letter_arn, sender))

    def _attempt(
        self, arn: str, body: str, retries: int, dead_letter_arn: str | None, sender: Sender
    ) -> None:
        if objection := self._decisions.delivery_objection(sender, arn):
            # A forbidden delivery is not retried.
            self._give_up(arn, body, dead_letter_arn, sender, objection)
            return
        try:
            if arn.split(":")[2] == "lambda":
                self._invocations.submit(arn, body.encode())
            elif arn.split(":")[2] == "states":
                _start_execution(arn, body)
            else:
                send(arn, body)
        except Exception as error:  # noqa: BLE001 (whatever the target raised counts as a failed delivery)
            if retries > 0:
                delay = self._retry_seconds
                self._deferred.submit(
                    lambda: self._attempt(arn, body, retries - 1, dead_letter_arn, sender), delay
                )
            else:
                self._give_up(arn, body, dead_letter_arn, sender, error)

    def _give_up(
        self, arn: str, body: str, dead_letter_arn: str | None, sender: Sender, reason: object
    ) -> None:
        """Put it into the dead-letter queue: a schedule with its role, a rule on its own behalf."""
        LOGGER.error("%s: nothing could be delivered to %s: %s", sender.source_arn, arn, reason)
        if not dead_letter_arn:
            return
        of_schedule = sender.service == "scheduler.amazonaws.com"
        to_queue = sender if of_schedule else Sender(sender.service, sender.source_arn)
        if objection := self._decisions.delivery_objection(to_queue, dead_letter_arn):
            LOGGER.error("%s: nor to %s: %s", sender.source_arn, dead_letter_arn, objection)
        else:
            send(dead_letter_arn, body)


def send(arn: str, body: str) -> None:
    """Put a message into the queue or onto the topic `arn`; raises NotFoundError for anything else."""
    _, _, service, region, account, name = arn.split(":", 5)
    if service == "sqs":
        sqs_backends[account][region].send_message(name, body)
    elif service == "sns":
        sns_backends[account][region].publish(body, arn=arn)
    else:
        raise NotFoundError(
            f"The sandbox cannot deliver to {arn}; it can to SQS, SNS, Lambda and Step Functions."
        )


def _start_execution(arn: str, body: str) -> None:
    _, _, _, region, account, *_ = arn.split(":")
    stepfunctions_parser_backends[account][region].start_execution(
        arn, name=str(uuid.uuid4()), execution_input=body
    )
