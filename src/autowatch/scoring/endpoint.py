"""Calls a SageMaker endpoint: each failure has a named error, and transient failures are retried.

Also: an endpoint that measures how long its batches take.
"""

import random
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError, ReadTimeoutError
from botocore.exceptions import ConnectionError as BotoConnectionError

from autowatch.errors import AutowatchError
from autowatch.records.problem import Problem
from autowatch.records.smoke import SmokeTest
from autowatch.scoring.answer import Predictions, parse_answer

if TYPE_CHECKING:
    from mypy_boto3_sagemaker_runtime import SageMakerRuntimeClient

_LONGEST_INVOCATION = 65.0
"""Seconds after which the client abandons an unanswered request; the endpoint itself gives up after 60."""


_RESERVE = 3.0
"""In the last seconds before the caller's deadline nothing new is started, so that it can clean up and report why."""


_FIRST_WAIT = 0.2


_LONGEST_WAIT = 10.0


_WITNESS_TOLERANCE = 1e-4
"""For probabilities: other host types, and other rows in the same request, change float32 results by less."""


_LONGEST_REASON = 300


_FAILURES_OF_BATCH, _FAILURES_OF_ROW = 2, 5
"""After this many equal failures in a row, with the witness answered in between, the batch or the row is at fault.

If an endpoint fails at random on half of all requests, this blames a batch in one case of 8, which costs some requests,
and a row in one of 512."""


_MOST_FAILED = 300
"""The most batches and parts of batches on which the model may fail in one file. One faulty row in 20,000 takes 16."""


_THROTTLED = ("ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded")


_UNAVAILABLE = (
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "InternalFailure",
    "InternalDependencyException",
    "ModelNotReadyException",
)


_INVALID = ("ValidationError", "ValidationException")


_SPEAKS_OF_TIME = re.compile(r"timed? ?out|time limit|took too long", re.IGNORECASE)


_SPEAKS_OF_SIZE = re.compile(r"too large|payload|body|bytes|\bMB\b", re.IGNORECASE)


_SPEAKS_OF_ABSENCE = re.compile(r"not found|could not find|does not exist", re.IGNORECASE)


class EndpointError(AutowatchError):
    """The endpoint did not score a batch."""


class BatchTooLarge(EndpointError):
    """The batch has more bytes than the endpoint accepts; a smaller one may succeed."""


class BatchTimedOut(EndpointError):
    """The endpoint did not answer in time; a smaller batch may succeed."""


class RowsRefused(EndpointError):
    """The model refused the batch for its content. `reason` is the model's own; it may quote rows: not for logs."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class EndpointThrottled(EndpointError):
    """The endpoint has as many requests as it can handle."""


class EndpointUnavailable(EndpointError):
    """The endpoint failed or could not be reached."""


class ModelFailed(EndpointUnavailable):
    """The model failed (a 5xx of its container). `status` and `reason` are its own, and may quote the rows."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class BatchFailed(EndpointError):
    """The model fails on this batch and answers others; part of it may succeed. `reason` may quote the rows."""

    def __init__(self, message: str, reason: str) -> None:
        super().__init__(message)
        self.reason = reason


class EndpointMissing(EndpointError):
    """There is no such endpoint."""


class OutOfTime(EndpointError):
    """The caller's time ran out before the endpoint had scored everything."""


class AnotherModelAnswered(EndpointError):
    """Another model answered than the one that was asked for."""


@dataclass(frozen=True)
class Endpoint:
    """An endpoint that serves an Autopilot model.

    Attributes:
        client: boto3's `sagemaker-runtime`, without retries of its own.
        name: the endpoint's name.
        problem: what its model predicts.
        seconds_left: returns how long the caller may still take; nothing new is started when that nears zero.
        parse: reads an answer: its bytes, how many rows were sent, and `problem`.
        witness: rows with the answers that the model gave at its gate. They precede every request, and the answer to
            them shows which model answered; without them every answer is trusted.
        variants: the production variants that answered.
        failed: the number of rows in each batch, or part of one, on which the model failed while it answered others.
    """

    client: "SageMakerRuntimeClient"
    name: str
    problem: Problem
    seconds_left: Callable[[], float]
    parse: Callable[[bytes, int, Problem], Predictions] = parse_answer
    witness: SmokeTest | None = None
    variants: set[str] = field(default_factory=set)
    failed: list[int] = field(default_factory=list)

    def predict(self, payload: bytes, rows: int) -> Predictions:
        """Scores the `rows` rows of `payload`: headerless CSV with the model's features in the contract's order.

        Throttled and unavailable requests are retried while there is time, after random, growing waits ("full jitter":
        uniform between zero and a doubling bound). A model that repeatedly fails in the same way on this batch, but
        answers the witness alone in between, will not recover by retrying.

        Raises:
            BatchTooLarge, BatchTimedOut, RowsRefused, BatchFailed: this batch failed; part of it may succeed.
            EndpointThrottled, EndpointUnavailable: the condition lasted until the time ran out.
            ModelFailed: likewise; or the model failed on too many batches and parts of batches.
            EndpointMissing, OutOfTime, AnotherModelAnswered: see there.
            AnswerMismatch, AnswerUnreadable: there was an answer, but not a reliable one.
        """
        if self.witness is None:
            return self.parse(self._invoke_patiently(payload, rows), rows, self.problem)
        known = len(self.witness.labels)
        answer = self._invoke_patiently(self.witness.payload.encode() + payload, rows)
        predictions = self.parse(answer, known + rows, self.problem)
        self._check_witness(predictions.figures[:known], self.witness)
        return Predictions(tuple(column[known:] for column in predictions.columns))

    def _check_witness(self, answered: Sequence[str], witness: SmokeTest) -> None:
        pairs = zip(answered, witness.figures, strict=True)
        tolerance = _WITNESS_TOLERANCE * witness.scale
        if any(abs(float(str(now)) - float(then)) > tolerance for now, then in pairs):
            raise AnotherModelAnswered(
                f"Endpoint {self.name} answered with another model than the one in force: it gives other answers to "
                f"the rows of the model's smoke test."
            )

    def predict_when_started(self, payload: bytes, rows: int) -> Predictions:
        """As `predict`, for a few rows: if they take too long, the endpoint is still starting, and is asked again.

        Raises:
            BatchTimedOut: they still took too long when there was no time for another request.
        """
        while True:
            try:
                return Endpoint.predict(self, payload, rows)
            except BatchTimedOut:
                if self.seconds_left() < _LONGEST_INVOCATION:
                    raise

    def _invoke_patiently(self, payload: bytes, rows: int) -> bytes:
        bound = _FIRST_WAIT
        failures: list[tuple[int, str]] = []
        well = False
        while True:
            if self.seconds_left() <= _RESERVE:
                raise OutOfTime(
                    f"The time ran out while endpoint {self.name} was scoring. Use a smaller file."
                )
            try:
                if failures and not well:
                    self._ask_witness()
                    well = True
                return self._invoke(payload)
            except EndpointThrottled as error:
                failed: EndpointError = error
            except ModelFailed as error:
                failed, failures, well = error, self._failures_of_batch(failures, error, rows), False
            except EndpointUnavailable as error:
                failed, failures = error, []
            wait = random.uniform(0, bound)  # noqa: S311 (spreads the load, keeps no secret)
            if self.seconds_left() - wait <= _RESERVE:
                raise failed
            time.sleep(wait)
            bound = min(2 * bound, _LONGEST_WAIT)

    def _failures_of_batch(
        self, earlier: list[tuple[int, str]], error: ModelFailed, rows: int
    ) -> list[tuple[int, str]]:
        """The number of equal failures in a row that may be the batch's fault, including this one; 0 without a witness.

        Raises:
            BatchFailed: there are enough of them.
            ModelFailed: there are, and too many other batches failed before.
        """
        if self.witness is None:
            return []
        failure = (error.status, error.reason)
        failures = [*(each for each in earlier if each == failure), failure]
        if len(failures) < (_FAILURES_OF_BATCH if rows > 1 else _FAILURES_OF_ROW):
            return failures
        self.failed.append(rows)
        if len(self.failed) > _MOST_FAILED:
            raise ModelFailed(
                f"The model of endpoint {self.name} answers other rows, but failed on {_MOST_FAILED} batches and "
                f"parts of batches of the file, including {self.failed.count(1)} single rows (status {error.status}). "
                "See the endpoint's log.",
                *failure,
            )
        raise BatchFailed(f"{error} It answers other rows.", error.reason)

    def _ask_witness(self) -> None:
        """Asks for predictions of rows that the model answered at its gate.

        Raises:
            EndpointThrottled: the model may be fine.
            EndpointUnavailable: it is not.
            AnotherModelAnswered: see there.
        """
        if self.witness is None:
            return
        try:
            answer = self._invoke(self.witness.payload.encode())
        except (ModelFailed, BatchTimedOut) as error:
            raise EndpointUnavailable(str(error)) from None
        rows = len(self.witness.labels)
        predictions = self.parse(answer, rows, self.problem)
        self._check_witness(predictions.figures, self.witness)

    def _invoke(self, payload: bytes) -> bytes:
        # The service's or the model's own words may quote a row, so they are not chained to what is raised.
        try:
            answer = self.client.invoke_endpoint(
                EndpointName=self.name, ContentType="text/csv", Accept="text/csv", Body=payload
            )
            content = bytes(answer["Body"].read())
        except ReadTimeoutError:
            raise BatchTimedOut(f"Endpoint {self.name} did not answer in time.") from None
        except (HTTPClientError, IncompleteReadError, BotoConnectionError) as error:
            raise EndpointUnavailable(
                f"Endpoint {self.name} could not be reached ({type(error).__name__})."
            ) from error
        except ClientError as error:
            named = _name_failure(self.name, error.response)
            if named is None:
                raise
            raise named from None
        if variant := answer.get("InvokedProductionVariant"):
            self.variants.add(variant)
        return content


def _name_failure(name: str, response: Any) -> EndpointError | None:
    """The named error for the service's answer; None if it has no name here (missing permissions, for example)."""
    code, message = response["Error"]["Code"], response["Error"].get("Message", "")
    status = response["ResponseMetadata"]["HTTPStatusCode"]
    if code == "ModelError":
        return _name_model_failure(name, response.get("OriginalStatusCode", 0), response)
    if code in _THROTTLED or status == 429:
        return EndpointThrottled(
            f"Endpoint {name} has as many requests as it can handle. Raise its concurrency."
        )
    if code in _UNAVAILABLE or status >= 500:
        return EndpointUnavailable(f"Endpoint {name} is not available ({code}, {status}).")
    if status == 413 or (code in _INVALID and _SPEAKS_OF_SIZE.search(message)):
        return BatchTooLarge(f"The batch is too large for endpoint {name}.")
    if code in _INVALID and _SPEAKS_OF_ABSENCE.search(message):
        return EndpointMissing(f"There is no endpoint {name}. Release a model to it with a training run.")
    return None


def _name_model_failure(name: str, status: int, response: dict[str, Any]) -> EndpointError:
    reason = response.get("OriginalMessage") or response["Error"].get("Message", "")
    if status == 408 or _SPEAKS_OF_TIME.search(reason):
        return BatchTimedOut(f"The model of endpoint {name} did not answer in time.")
    if status == 413:
        return BatchTooLarge(f"The batch is too large for the model of endpoint {name}.")
    if status == 429:
        return EndpointThrottled(f"The model of endpoint {name} has as many requests as it can handle.")
    if 400 <= status < 500:
        return RowsRefused(
            f"The model of endpoint {name} refused a batch (status {status}).",
            _one_line(reason),
        )
    return ModelFailed(
        f"The model of endpoint {name} failed (status {status}). See the endpoint's log.",
        status,
        _one_line(reason),
    )


def _one_line(reason: str) -> str:
    return " ".join(reason.split())[:_LONGEST_REASON]


@dataclass(frozen=True)
class TimedEndpoint(Endpoint):
    """An endpoint; `seconds` is how long each batch took, answered or not, including waits for a busy endpoint."""

    seconds: list[float] = field(default_factory=list)

    def predict(self, payload: bytes, rows: int) -> Predictions:
        """As `Endpoint.predict`."""
        begun = time.monotonic()
        try:
            return super().predict(payload, rows)
        finally:
            self.seconds.append(time.monotonic() - begun)
