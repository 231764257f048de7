"""Faults that a test switches on: requests for S3, SageMaker and Domino get them instead of a response.

With the kind `answer` a test writes the response itself, such as an ended job or an update without a change.
"""

import contextlib
import dataclasses
import io
import json
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from sandbox.domino import faults as domino
from sandbox.errors import FaultError
from sandbox.sagemaker.wire.errors import (
    ModelError,
    SageMakerError,
    ServiceUnavailable,
    ThrottlingException,
    ValidationException,
    error_answer,
)

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
_PIECES = 10
_TRICKLE_SECONDS = 0.1
_S3_ERRORS = {
    "internal_error": ("500 Internal Server Error", "InternalError", "We encountered an internal error."),
    "slow_down": ("503 Slow Down", "SlowDown", "Please reduce your request rate."),
}
_SPECIAL_KINDS: dict[str, tuple[str, ...]] = {
    "InvokeEndpoint": (
        "throttle",
        "unavailable",
        "container_error",
        "time_out",
        "short",
        "garbage",
        "answer",
    ),
    "*": (),
}
_CONTROL = "sagemaker:"
_CONTROL_KINDS = ("throttle", "refuse", "answer")
_CONTROL_NAMES = ("EndpointName", "AutoMLJobName", "ModelName", "EndpointConfigName", "TransformJobName")
_STATUSES = frozenset(status for status in HTTPStatus if status >= 400)
_DEADLY_KINDS = ("kill_before", "kill_after")
_COMMON_KINDS = ("observe", "slow", "hang", "drop", "lost_answer", "break", *_DEADLY_KINDS)


@dataclass(frozen=True)
class Fault:
    """Some requests, and what happens to them.

    Attributes:
        operation: `InvokeEndpoint`, or an operation of S3 such as `PutObject`; `s3:*` is any of S3's, `*` all of both.
            Or an operation of SageMaker's control plane, such as `sagemaker:CreateEndpoint`, or of Domino, named as in
            `sandbox/domino/routes.py`, such as `domino:register_predictions`; `domino:*` is any of those.
        kind: see `sandbox/README.md`.
        begins: how the object's key (or the name of the endpoint, job, model or config) begins. For a request to Domino
            it is the key of the file that it registers.
        contains: a part of the key.
        ends: how it ends.
        after: number of requests that pass before the first is struck.
        times: number of requests to strike; None for no limit.
        share: the share of the remaining requests that is struck, at random with `seed`.
        seconds: how long `slow`, `trickle`, `hang` and `time_out` take.
        function: the logical id of the function that `kill_before` and `kill_after` kill.
        by: the logical id of a function: strikes only while it runs. Empty: at any time.
        answer: the body of an `answer`, or the message of a `refuse`.
        status: the HTTP status with which Domino does `refuse`.
        retry_after: the header of that name in such a refusal; empty leaves it out.
    """

    operation: str
    kind: str
    begins: str = ""
    contains: str = ""
    ends: str = ""
    after: int = 0
    times: int | None = None
    share: float = 1.0
    seed: int = 0
    seconds: float = 0.0
    function: str = ""
    by: str = ""
    answer: str = ""
    status: int = 0
    retry_after: str = ""

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "Fault":
        """The inverse of `dataclasses.asdict`.

        Raises:
            FaultError: a field or the kind is unknown.
        """
        unknown = set(document) - {each.name for each in dataclasses.fields(cls)}
        if unknown or not {"operation", "kind"} <= set(document):
            raise FaultError(f"A fault needs operation and kind, and has no {', '.join(sorted(unknown))}.")
        fault = cls(**document)
        kinds = (*_COMMON_KINDS, *_special_kinds(fault.operation))
        if fault.kind not in kinds:
            raise FaultError(f"{fault.operation} has no fault {fault.kind}; it has {', '.join(kinds)}.")
        if (
            fault.operation.startswith(domino.PREFIX)
            and fault.kind == "refuse"
            and fault.status not in _STATUSES
        ):
            raise FaultError(f"{fault.operation} refuses with a status from 400 to 599, not {fault.status}.")
        return fault


@dataclass
class _Active:
    """An active fault, and the requests that it has seen.

    `deaths` holds, by the operation of the struck request, an event that is set when the function is dead.
    """

    fault: Fault
    chance: random.Random
    seen: int = 0
    struck: int = 0
    deaths: dict[str, threading.Event] = field(default_factory=dict)


class Faults:
    """Stands in front of an application; without faults every request passes unchanged."""

    def __init__(
        self, application: Application, kill: Callable[[str], None], is_at_work: Callable[[str], bool]
    ) -> None:
        """Wraps the application. The two callables receive a Lambda function's logical id.

        Args:
            kill: ends the function's running processes.
            is_at_work: returns whether the function is running.
        """
        self._application = application
        self._kill = kill
        self._is_at_work = is_at_work
        self._lock = threading.Lock()
        self._active: list[_Active] = []

    def switch(self, documents: list[dict[str, Any]]) -> None:
        """Switches these faults (in JSON) on, and all others off.

        Raises:
            FaultError: one of them is invalid.
        """
        faults = [Fault.from_json(document) for document in documents]
        with self._lock:
            # The seed of a test's fault keeps no secret.
            self._active = [_Active(fault, random.Random(fault.seed)) for fault in faults]  # noqa: S311

    def struck(self) -> list[int]:
        """How many requests each fault has struck, in the order of the list."""
        with self._lock:
            return [active.struck for active in self._active]

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answers one WSGI request (PEP 3333)."""
        chosen = self._choose(environ) if self._active else None
        if chosen is None:
            return self._application(environ, start_response)
        return self._strike(*chosen, environ, start_response)

    def _choose(self, environ: dict[str, Any]) -> tuple[Fault, threading.Event] | None:
        """The first fault that strikes this request and is not used up, and the event of a function's death.

        If an earlier request of this kind is about to kill a function, this one waits until it is dead. So at most
        `after` requests pass, however long the kill takes.
        """
        operation, name = _identify(environ)
        chosen, dying = None, []
        with self._lock:
            for active in self._active:
                if not _concerns(active.fault, operation, name):
                    continue
                if active.fault.by and not self._is_at_work(active.fault.by):
                    continue
                active.seen += 1
                if operation in active.deaths:
                    dying.append(active.deaths[operation])
                spent = active.fault.times is not None and active.struck >= active.fault.times
                if chosen or spent or active.seen <= active.fault.after:
                    continue
                if active.chance.random() < active.fault.share:
                    active.struck += 1
                    chosen = active.fault, threading.Event()
                    if active.fault.kind in _DEADLY_KINDS:
                        active.deaths[operation] = chosen[1]
        for dead in dying:
            dead.wait()
        return chosen

    def _strike(
        self, fault: Fault, dead: threading.Event, environ: dict[str, Any], start_response: StartResponse
    ) -> Iterable[bytes]:
        match fault.kind:
            case "observe":
                return self._application(environ, start_response)
            case "slow":
                return _slowly(self._forward(environ), start_response, fault.seconds)
            case "hang":
                time.sleep(fault.seconds)
                raise _drop(environ)
            case "drop":
                raise _drop(environ)
            case "lost_answer":
                self._forward(environ)
                raise _drop(environ)
            case "break":
                return _broken(self._forward(environ), environ, start_response)
            case "kill_before" | "kill_after":
                try:
                    if fault.kind == "kill_after":
                        self._forward(environ)
                    self._kill(fault.function)
                finally:
                    dead.set()
                raise _drop(environ)
            case "trickle":
                return _trickle(self._forward(environ), start_response, fault.seconds)
            case "short":
                return _shortened(self._forward(environ)).send(start_response)
            case _ if fault.operation.startswith(domino.PREFIX):
                return _domino_answer(fault).send(start_response)
            case "garbage":
                return _Answer("200 OK", [("Content-Type", "text/csv")], b'\xff\x00,"nothing').send(
                    start_response
                )
            case "answer":
                return _scripted(fault).send(start_response)
        if fault.operation.startswith(_CONTROL):
            return _control_error(fault).send(start_response)
        if fault.kind in _S3_ERRORS:
            return _s3_error(fault.kind, environ["REQUEST_METHOD"]).send(start_response)
        if fault.kind == "time_out":
            time.sleep(fault.seconds)
        return _model_error(fault.kind).send(start_response)

    def _forward(self, environ: dict[str, Any]) -> "_Answer":
        """The application's response, delayed."""
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> None:
            started.append((status, headers))

        body = b"".join(self._application(environ, start_response))
        return _Answer(*started[-1], body)


@dataclass(frozen=True)
class _Answer:
    status: str
    headers: list[tuple[str, str]]
    body: bytes

    def send(self, start_response: StartResponse) -> list[bytes]:
        others = [(name, value) for name, value in self.headers if name.lower() != "content-length"]
        start_response(self.status, [*others, ("Content-Length", str(len(self.body)))])
        return [self.body]


def _special_kinds(operation: str) -> tuple[str, ...]:
    """The kinds that only some operations have."""
    if operation.startswith(_CONTROL):
        return _CONTROL_KINDS
    if operation.startswith(domino.PREFIX):
        return domino.KINDS
    return _SPECIAL_KINDS.get(operation, (*_S3_ERRORS, "answer"))


def _identify(environ: dict[str, Any]) -> tuple[str, str]:
    """The operation of a request, and the key or name of its object."""
    path = environ.get("PATH_INFO", "")
    if path.startswith("/domino/"):
        return domino.identify(environ)
    target = environ.get("HTTP_X_AMZ_TARGET", "")
    if target.startswith("SageMaker."):
        return f"{_CONTROL}{target.removeprefix('SageMaker.')}", _control_name(environ)
    if match := _INVOCATIONS.fullmatch(path):
        return "InvokeEndpoint", match[1]
    if "/s3/aws4_request" not in environ.get("HTTP_AUTHORIZATION", ""):
        return "", ""
    key = path.encode("latin-1").decode("utf-8", "replace").lstrip("/").partition("/")[2]
    query = parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    return _s3_operation(environ, query, key), key


def _control_name(environ: dict[str, Any]) -> str:
    """The name in the body of a control plane request; the body is restored for the application that answers."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    members = json.loads(body or b"{}")
    return next((str(members[name]) for name in _CONTROL_NAMES if name in members), "")


def _s3_operation(environ: dict[str, Any], query: dict[str, list[str]], key: str) -> str:
    method = environ["REQUEST_METHOD"]
    if not key:
        return (
            {"GET": "ListObjectsV2"}.get(method, method) if "uploads" not in query else "ListMultipartUploads"
        )
    copy = "Copy" if "HTTP_X_AMZ_COPY_SOURCE" in environ else ""
    if "uploadId" in query:
        of_upload = {"POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload", "GET": "ListParts"}
        return of_upload.get(method, f"UploadPart{copy}")
    if method == "POST":
        return "CreateMultipartUpload" if "uploads" in query else "DeleteObjects"
    if method == "PUT":
        return "CopyObject" if copy else "PutObject"
    return f"{method.capitalize()}Object"


def _concerns(fault: Fault, operation: str, name: str) -> bool:
    of_domino = operation.startswith(domino.PREFIX)
    of_data = operation != "" and not of_domino and not operation.startswith(_CONTROL)
    wholesale = {
        "*": of_data,
        "s3:*": of_data and operation != "InvokeEndpoint",
        f"{domino.PREFIX}*": of_domino,
    }
    return (
        wholesale.get(fault.operation, fault.operation == operation)
        and name.startswith(fault.begins)
        and fault.contains in name
        and name.endswith(fault.ends)
    )


def _drop(environ: dict[str, Any]) -> ConnectionError:
    """Closes the connection; raise the returned error so that the server sends nothing more."""
    connection: socket.socket = environ["werkzeug.socket"]
    # A killed client has closed it already.
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    return ConnectionResetError("dropped by a fault")


def _broken(answer: _Answer, environ: dict[str, Any], start_response: StartResponse) -> Iterator[bytes]:
    answer.send(start_response)
    yield answer.body[: len(answer.body) // 2]
    raise _drop(environ)


def _slowly(answer: _Answer, start_response: StartResponse, seconds: float) -> Iterator[bytes]:
    answer.send(start_response)
    length = max(1, -(-len(answer.body) // _PIECES))
    for piece in range(_PIECES):
        time.sleep(seconds / _PIECES)
        yield answer.body[piece * length : (piece + 1) * length]


def _trickle(answer: _Answer, start_response: StartResponse, seconds: float) -> Iterator[bytes]:
    """The response, then endless spaces, each soon enough for a client that waits for the next."""
    start_response(answer.status, [each for each in answer.headers if each[0].lower() != "content-length"])
    yield answer.body or b" "
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(_TRICKLE_SECONDS)
        yield b" "


def _shortened(answer: _Answer) -> _Answer:
    lines = answer.body.splitlines(keepends=True)
    return dataclasses.replace(answer, body=b"".join(lines[:-1]))


def _s3_error(kind: str, method: str) -> _Answer:
    status, code, message = _S3_ERRORS[kind]
    body = f"<Error><Code>{code}</Code><Message>{escape(message)}</Message><RequestId>0</RequestId></Error>"
    # The response to a HEAD request has no body.
    return _Answer(status, [("Content-Type", "application/xml")], b"" if method == "HEAD" else body.encode())


def _scripted(fault: Fault) -> _Answer:
    of_control = fault.operation.startswith(_CONTROL)
    kind = "application/x-amz-json-1.1" if of_control else "text/csv"
    return _Answer("200 OK", [("Content-Type", kind)], fault.answer.encode())


def _domino_answer(fault: Fault) -> _Answer:
    status, headers, body = domino.answer(fault.kind, fault.status, fault.retry_after, fault.answer)
    return _Answer(status, list(headers.items()), body)


def _control_error(fault: Fault) -> _Answer:
    throttled = fault.kind == "throttle"
    error = ThrottlingException("Rate exceeded") if throttled else ValidationException(fault.answer)
    status, headers, body = error_answer(error)
    return _Answer(f"{status} Error", list(headers.items()), body)


def _model_error(kind: str) -> _Answer:
    error: SageMakerError
    match kind:
        case "throttle":
            error = ThrottlingException(None)
        case "unavailable":
            error = ServiceUnavailable("The service is temporarily unavailable.")
        case "time_out":
            text = "Your invocation timed out while waiting for a response from container primary."
            error = ModelError(
                f'Received server error (0) from primary with message "{text}"',
                OriginalStatusCode=0,
                OriginalMessage=text,
            )
        case _:
            text = "The prediction failed: MemoryError."
            error = ModelError(
                f'Received server error (500) from primary with message "{text}"',
                OriginalStatusCode=500,
                OriginalMessage=text,
            )
    status, headers, body = error_answer(error)
    return _Answer(f"{status} Error", list(headers.items()), body)


def parse_faults(body: bytes) -> list[dict[str, Any]]:
    """The faults in a control request.

    Raises:
        FaultError: the body is not a JSON list of objects.
    """
    try:
        documents = json.loads(body)
    except ValueError as error:
        raise FaultError("The faults are not JSON.") from error
    if not isinstance(documents, list) or not all(isinstance(each, dict) for each in documents):
        raise FaultError("The faults are not a list of JSON objects.")
    return documents
