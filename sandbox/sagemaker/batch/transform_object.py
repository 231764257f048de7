"""Transforms one object: splits it into records, sends mini-batches, and joins the output in the input's order."""

import csv
import io
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

from sandbox.sagemaker.batch.csv_filter import CsvFilter, FieldMissing


class ObjectFailed(Exception):
    """An object cannot be transformed; `party` is at fault in SageMaker's words, the message is for the job's log."""

    def __init__(self, party: str, message: str) -> None:
        super().__init__(message)
        self.party = party


class Stopped(Exception):
    """The job was stopped before the object was done."""


@dataclass(frozen=True)
class Plan:
    """How a job treats each of its objects."""

    by_line: bool
    many_records: bool
    """Whether a request carries as many records as possible, or one."""
    payload_limit: int
    """Bytes."""
    concurrency: int
    input_filter: CsvFilter
    output_filter: CsvFilter
    joins_input: bool
    ends_lines: bool
    """AssembleWith Line: every response ends with a line feed."""


@dataclass(frozen=True)
class _Batch:
    records: list[bytes]
    """In the object's own format."""
    payload: bytes


def transform_object(
    source: Iterable[bytes],
    target: IO[bytes],
    ask: Callable[[bytes], bytes],
    plan: Plan,
    stopped: threading.Event,
) -> None:
    """Writes the answers of `ask` (the container) for the object's chunks in `source`.

    Raises:
        ObjectFailed: a record is malformed or too large, or the answers do not match; the output is unusable.
        Stopped: `stopped` was set.
    """
    pending: deque[Future[bytes]] = deque()
    pool = ThreadPoolExecutor(plan.concurrency, thread_name_prefix="transform")
    try:
        for batch in _batches(source, plan):
            if len(pending) >= plan.concurrency:
                target.write(pending.popleft().result())
            if stopped.is_set():
                raise Stopped
            pending.append(pool.submit(_transform_batch, batch, ask, plan))
        while pending:
            target.write(pending.popleft().result())
    finally:
        pool.shutdown(cancel_futures=True)


def _batches(source: Iterable[bytes], plan: Plan) -> Iterator[_Batch]:
    if not plan.by_line:
        whole = b"".join(source)
        _check_size(whole, plan)
        yield _Batch([whole], whole)
        return
    records: list[bytes] = []
    lines: list[bytes] = []
    size = 0
    for record in _records(source):
        line = _filtered(record, plan.input_filter) + b"\n"
        _check_size(line, plan)
        if records and (size + len(line) > plan.payload_limit or not plan.many_records):
            yield _Batch(records, b"".join(lines))
            records, lines, size = [], [], 0
        records.append(record)
        lines.append(line)
        size += len(line)
    if records:
        yield _Batch(records, b"".join(lines))


def _records(source: Iterable[bytes]) -> Iterator[bytes]:
    """The object's lines; a line break inside quotes ends a record like any other."""
    rest = b""
    for chunk in source:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _check_size(payload: bytes, plan: Plan) -> None:
    if len(payload) > plan.payload_limit:
        raise ObjectFailed("ClientError", "Too much data for max payload size")


def _filtered(record: bytes, chosen: CsvFilter) -> bytes:
    if chosen.takes_all:
        return record
    try:
        return _csv([chosen.apply(_fields(record))]).rstrip(b"\n")
    except FieldMissing as error:
        raise ObjectFailed("ClientError", f"Fail to apply InputFilter: {error}") from error


def _transform_batch(batch: _Batch, ask: Callable[[bytes], bytes], plan: Plan) -> bytes:
    answer = ask(batch.payload)
    if plan.joins_input or not plan.output_filter.takes_all:
        return _csv(_processed(batch.records, _answer_rows(answer), plan))
    if plan.ends_lines and not answer.endswith(b"\n"):
        return answer + b"\n"
    return answer


def _processed(records: list[bytes], rows: list[list[str]], plan: Plan) -> Iterator[list[str]]:
    if plan.joins_input:
        if len(rows) != len(records):
            raise ObjectFailed(
                "AlgorithmError",
                "Fail to join data: mismatched line count between the input and the output"
                f" ({len(records)} and {len(rows)})",
            )
        rows = [[*_fields(record), *row] for record, row in zip(records, rows, strict=True)]
    for row in rows:
        try:
            yield plan.output_filter.apply(row)
        except FieldMissing as error:
            raise ObjectFailed("ClientError", f"Fail to apply OutputFilter: {error}") from error


def _answer_rows(answer: bytes) -> list[list[str]]:
    try:
        return list(csv.reader(io.StringIO(answer.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ObjectFailed("AlgorithmError", "Failed to parse output from the algorithm as CSV") from error


def _fields(record: bytes) -> list[str]:
    try:
        rows = list(csv.reader(io.StringIO(record.decode(), newline=""), strict=True))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ObjectFailed("ClientError", "Failed to parse a record of the input as CSV") from error
    return rows[0] if rows else []


def _csv(rows: Iterable[list[str]]) -> bytes:
    return "".join(f"{_line(row)}\n" for row in rows).encode()


def _line(row: list[str]) -> str:
    text = io.StringIO()
    # Python 3.11 quotes a carriage return only if the line terminator contains one.
    csv.writer(text, lineterminator="\r\n").writerow(row)
    return text.getvalue().removesuffix("\r\n")
