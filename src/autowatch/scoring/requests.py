"""Sends rows to an endpoint, and finds the rows that it does not accept."""

from collections.abc import Sequence
from dataclasses import dataclass

from autowatch.scoring.answer import Predictions
from autowatch.scoring.endpoint import (
    BatchFailed,
    BatchTimedOut,
    BatchTooLarge,
    Endpoint,
    EndpointError,
    RowsRefused,
)
from autowatch.tabular.csv_lines import split_lines


@dataclass(frozen=True)
class ScoringLimits:
    """How much is sent and held at once.

    Attributes:
        max_batch_bytes: the most bytes of one request; a serverless endpoint accepts 4 MB.
        max_batch_rows: the most rows of one request, so that a slow model answers within a minute.
        concurrency: the most concurrent requests.
    """

    max_batch_bytes: int = 4_000_000
    max_batch_rows: int = 20_000
    concurrency: int = 8


@dataclass(frozen=True)
class Rejected:
    """A row that has no prediction.

    Attributes:
        line: the line of the file, from 1, on which it begins.
        number: its place among all rows, from 1.
        reason: why, without quoting it.
        fields: as in the file.
        model_reason: the model's own reason, empty if it was not asked. It may quote the row: not for logs.
    """

    line: int
    number: int
    reason: str
    fields: Sequence[str]
    model_reason: str = ""


@dataclass(frozen=True)
class Fault:
    """Why a row has no prediction, in Autowatch's words and the model's."""

    reason: str
    model_reason: str = ""


@dataclass(frozen=True)
class Answer:
    """The result for some rows.

    Attributes:
        parts: the predictions, in the rows' order.
        faults: why the other rows have none, by their place among the rows, from 0.
    """

    parts: Sequence[Predictions]
    faults: dict[int, Fault]


def request_predictions(payload: bytes, rows: int, endpoint: Endpoint, max_batch_bytes: int) -> Answer:
    """The predictions of the `rows` rows of `payload`.

    A batch that is too large, takes too long, is refused or makes the model fail is split in half, down to single rows.

    Raises:
        EndpointError, AnswerMismatch, AnswerUnreadable: see `Endpoint.predict`.
    """
    if not rows:
        return Answer([], {})
    try:
        return Answer([_predict_at_once(payload, rows, endpoint, max_batch_bytes)], {})
    except (BatchTooLarge, BatchTimedOut, RowsRefused, BatchFailed) as error:
        if rows > 1:
            return _predict_halves(payload, rows, endpoint, max_batch_bytes)
        if isinstance(error, BatchTimedOut):
            raise
        return Answer([], {0: _fault(error)})


def _predict_at_once(payload: bytes, rows: int, endpoint: Endpoint, max_batch_bytes: int) -> Predictions:
    if len(payload) > max_batch_bytes:
        raise BatchTooLarge(
            f"The row has {len(payload)} bytes; a request may have at most {max_batch_bytes}."
        )
    return endpoint.predict(payload, rows)


def _predict_halves(payload: bytes, rows: int, endpoint: Endpoint, max_batch_bytes: int) -> Answer:
    lines, middle = split_lines(payload.decode()), rows // 2
    halves = ("".join(f"{line}\n" for line in half).encode() for half in (lines[:middle], lines[middle:]))
    first = request_predictions(next(halves), middle, endpoint, max_batch_bytes)
    second = request_predictions(next(halves), rows - middle, endpoint, max_batch_bytes)
    shifted = {middle + place: fault for place, fault in second.faults.items()}
    return Answer([*first.parts, *second.parts], first.faults | shifted)


def _fault(error: EndpointError) -> Fault:
    if isinstance(error, RowsRefused):
        return Fault("The model refused the row.", error.reason)
    if isinstance(error, BatchFailed):
        return Fault("The model failed on the row.", error.reason)
    return Fault(str(error))
