"""Refusals in AWS's words, in each protocol's format."""

import json
import uuid
from xml.sax.saxutils import escape

from sandbox.access.policies import Caller, Need, Verdict

Answer = tuple[str, list[tuple[str, str]], bytes]
_FORBIDDEN = "403 Forbidden"


def explain(caller: Caller, need: Need, verdict: Verdict) -> str:
    """The refusal's message.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html
    """
    resource = f'"{need.resource}"' if need.action.startswith("s3:") else need.resource
    because = f"because no identity-based policy allows the {need.action} action"
    if verdict.denied_by:
        kind = "a resource" if verdict.denied_by.principals else "an identity"
        because = f"with an explicit deny in {kind}-based policy"
    return f"User: {caller.arn} is not authorized to perform: {need.action} on resource: {resource} {because}"


def refusal(protocol: str, code: str, message: str, *, without_body: bool = False) -> Answer:
    """A response with status 403 in the protocol of a service: json, rest-json, query or rest-xml (S3)."""
    identifier = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", identifier)]
    if protocol == "rest-xml":
        body = (
            f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
            f"<RequestId>{identifier}</RequestId></Error>"
        )
        headers.append(("Content-Type", "application/xml"))
    elif protocol == "query":
        body = (
            f"<ErrorResponse><Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{escape(message)}"
            f"</Message></Error><RequestId>{identifier}</RequestId></ErrorResponse>"
        )
        headers.append(("Content-Type", "text/xml"))
    else:
        body = json.dumps({"__type": code, "message": message, "Message": message}, allow_nan=False)
        headers += [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)]
    content = b"" if without_body else body.encode()
    return _FORBIDDEN, [*headers, ("Content-Length", str(len(content)))], content


def denied_code(service: str, protocol: str) -> str:
    """A service's error code for a refusal by policy."""
    if service == "sns":
        return "AuthorizationError"
    return "AccessDenied" if protocol in ("query", "rest-xml") else "AccessDeniedException"
