"""Refuses every request with a foreign host or origin, no valid signature, or no permission.

A WSGI layer before everything that the sandbox serves. Domino has a token of its own in place of a signature, the
controls the administrator's secret key in a header.
"""

import hmac
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

from sandbox.access.decisions import Decisions
from sandbox.access.keys import KEY_HEADER, Keys
from sandbox.access.loopback import foreign
from sandbox.access.operations import read_operation
from sandbox.access.refusals import Answer, denied_code, refusal
from sandbox.access.s3 import (
    RequestUnknown,
    S3Request,
    needs_of,
    needs_of_deletion,
    needs_of_missing,
    read_request,
)
from sandbox.access.services import NOT_OFFERED, OPERATIONS
from sandbox.access.signatures import SignatureRefused, Signed, verify

_CONTROLS = ("/_sandbox/", "/domino/_control/")
_ANSWERS = "/_sandbox/custom-resource/"
"""The path where custom resources answer. A token in the path replaces the signature in AWS's URL."""
_INTERNALS = ("/moto-api", "/latest/", "/v20180820/")
"""Paths that moto serves to everyone, before any service."""

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True)
class Door:
    """Passes allowed requests to `application`; `port` is the sandbox's own."""

    application: Application
    keys: Keys
    decisions: Decisions
    port: int

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer one WSGI request."""
        respond = _without_cors(start_response)
        path = environ.get("PATH_INFO", "")
        if objection := foreign(
            lambda name: environ.get(f"HTTP_{name.upper().replace('-', '_')}"), self.port
        ):
            return _send(refusal("json", "AccessDenied", objection), respond)
        if path.startswith(_CONTROLS) and not path.startswith(_ANSWERS):
            given = environ.get("HTTP_X_SANDBOX_KEY", "")
            if not hmac.compare_digest(given.encode(), self.keys.administrator.secret_key.encode()):
                message = f"The controls need the administrator's secret key in the header {KEY_HEADER}."
                return _send(refusal("json", "AccessDenied", message), respond)
            return self.application(environ, respond)
        if path.startswith(("/domino/", _ANSWERS)):
            return self.application(environ, respond)
        body = _read_body(environ)
        try:
            if path.startswith(_INTERNALS):
                raise RequestUnknown(f"{path.split('/')[1]}, which is moto's own")
            signed = verify(environ, body, self.keys.find)
        except SignatureRefused as error:
            return _send(
                refusal(_protocol(environ), error.code, str(error), without_body=_is_head(environ)), respond
            )
        except RequestUnknown as error:
            return _send(
                refusal("rest-xml", "NotImplemented", f"The sandbox does not know {error}."), respond
            )
        if signed.service == "s3":
            return self._answer_s3(environ, body, signed, respond)
        return self._answer(environ, body, signed, respond)

    def _answer(
        self, environ: dict[str, Any], body: bytes, signed: Signed, start_response: StartResponse
    ) -> Iterable[bytes]:
        protocol, caller = "json", signed.key.caller
        try:
            operation = read_operation(signed.service, environ, body)
            protocol = operation.protocol
            known = OPERATIONS.get(operation.service, {}).get(operation.name)
            name = f"{operation.service}.{operation.name}"
            if name in NOT_OFFERED or (known is None and not signed.key.is_administrator):
                raise RequestUnknown(name)
            world = self.decisions.world
            needs = [need for clause in known or () for need in clause(operation.parameters, world)]
        except RequestUnknown as error:
            message = f"The sandbox does not know which permissions {error} needs, and refuses it."
            return _send(refusal(protocol, "NotImplemented", message), start_response)
        if objection := self.decisions.objection(caller, needs):
            code = denied_code(operation.service, protocol)
            return _send(refusal(protocol, code, objection), start_response)
        return self.application(environ, start_response)

    def _answer_s3(
        self, environ: dict[str, Any], body: bytes, signed: Signed, start_response: StartResponse
    ) -> Iterable[bytes]:
        def denied(objection: str) -> Answer:
            return refusal("rest-xml", "AccessDenied", objection, without_body=_is_head(environ))

        caller = signed.key.caller
        try:
            request = read_request(environ, body)
            deleted = request.deleted
            needs = [] if deleted is not None else needs_of(request, self.decisions.world)
        except RequestUnknown as error:
            message = f"The sandbox does not know which permissions {error} needs, and refuses it."
            return _send(refusal("rest-xml", "NotImplemented", message), start_response)
        if objection := self.decisions.objection(caller, needs):
            return _send(denied(objection), start_response)
        if deleted is not None:
            return self._delete(environ, request, deleted, signed, start_response)
        if not request.reads_object or not self.decisions.world.has_bucket(request.bucket):
            return self.application(environ, start_response)

        def hidden() -> Answer | None:
            objection = self.decisions.objection(caller, needs_of_missing(request))
            return denied(objection) if objection else None

        return _unless_missing(self.application, environ, hidden, start_response)

    def _delete(
        self,
        environ: dict[str, Any],
        request: S3Request,
        deleted: list[tuple[str, str | None]],
        signed: Signed,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """DeleteObjects: judges each object separately. An object that may not be deleted stays and gets an error."""
        refused = {
            each: objection
            for each in deleted
            if (
                objection := self.decisions.objection(
                    signed.key.caller, needs_of_deletion(request.bucket, *each)
                )
            )
        }
        if not refused:
            return self.application(environ, start_response)
        answer = ("200 OK", [("Content-Type", "application/xml")], b"<DeleteResult></DeleteResult>")
        if len(refused) < len(deleted):
            answer = _hold_back(self.application, _with_body(environ, request.without(refused)))
        status, headers, content = answer
        content = content.replace(b"</DeleteResult>", _errors(refused) + b"</DeleteResult>")
        kept = [each for each in headers if each[0].lower() != "content-length"]
        return _send((status, [*kept, ("Content-Length", str(len(content)))], content), start_response)


def _errors(refused: dict[tuple[str, str | None], str]) -> bytes:
    return "".join(
        f"<Error><Key>{escape(key)}</Key>{f'<VersionId>{escape(version)}</VersionId>' if version else ''}"
        f"<Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
        for (key, version), message in refused.items()
    ).encode()


def _unless_missing(
    application: Application,
    environ: dict[str, Any],
    hidden: Callable[[], Answer | None],
    start_response: StartResponse,
) -> Iterator[bytes]:
    """The application's answer; a 404 is replaced by the result of `hidden`, if any."""
    started: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = application(environ, lambda status, headers, _=None: started.append((status, headers)))
    try:
        iterator = iter(chunks)
        first = next(iterator, b"")
        instead = hidden() if started[0][0].startswith("404") else None
        if instead:
            yield from _send(instead, start_response)
            return
        start_response(*started[0])
        yield first
        yield from iterator
    finally:
        if close := getattr(chunks, "close", None):
            close()


def _hold_back(application: Application, environ: dict[str, Any]) -> Answer:
    started: list[tuple[str, list[tuple[str, str]]]] = []
    body = b"".join(application(environ, lambda status, headers, _=None: started.append((status, headers))))
    return *started[0], body


def _without_cors(start_response: StartResponse) -> StartResponse:
    """Removes moto's headers that would let another origin's page read the answer."""

    def respond(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        kept = [each for each in headers if not each[0].lower().startswith("access-control-")]
        return start_response(status, kept, *rest)

    return respond


def _send(answer: Answer, start_response: StartResponse) -> list[bytes]:
    status, headers, body = answer
    start_response(status, headers)
    return [body]


def _read_body(environ: dict[str, Any]) -> bytes:
    """Read the body, and restore it for the application."""
    if environ.get("wsgi.input_terminated"):
        body = bytes(environ["wsgi.input"].read())
    else:
        body = bytes(environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0)))
    _with_body(environ, body)
    return body


def _with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    environ["wsgi.input"] = io.BytesIO(body)
    if body or environ.get("CONTENT_LENGTH"):
        environ["CONTENT_LENGTH"] = str(len(body))
    return environ


def _is_head(environ: dict[str, Any]) -> bool:
    return bool(environ["REQUEST_METHOD"] == "HEAD")


def _protocol(environ: dict[str, Any]) -> str:
    """The protocol of a request whose signature has not been verified."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return "json"
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        return "query"
    authorization = environ.get("HTTP_AUTHORIZATION", "")
    return "rest-json" if authorization and "/s3/aws4_request" not in authorization else "rest-xml"
