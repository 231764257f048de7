"""AWS Signature Version 4, verified: in the Authorization header or, for S3, in the query of a presigned URL.

botocore signs the request a second time, with the key that it names; both signatures must be the same.
https://docs.aws.amazon.com/IAM/latest/UserGuide/create-signed-request.html
"""

import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from sandbox.access.keys import Key

_HEADER = re.compile(r"AWS4-HMAC-SHA256 Credential=(\S+?),\s*SignedHeaders=(\S+?),\s*Signature=([0-9a-f]+)")
_SKEW = timedelta(minutes=15)
_UNSIGNED = "UNSIGNED-PAYLOAD"
_TIME = "%Y%m%dT%H%M%SZ"


class SignatureRefused(Exception):
    """A request is not signed correctly; `code` is AWS's error code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Signed:
    """A request whose signature is valid: the key that signed it, and for which service and region."""

    key: Key
    service: str
    region: str


@dataclass(frozen=True)
class _Claim:
    """The signature data of a request."""

    credential: str
    signed_headers: tuple[str, ...]
    signature: str
    moment: str
    query: str
    is_presigned: bool


def verify(
    environ: dict[str, Any], body: bytes, find: Callable[[str], Key | None], now: datetime | None = None
) -> Signed:
    """Verify the signature, and return who signed the request.

    Raises:
        SignatureRefused: the request is unsigned, too old or changed, or its key or signing method is unknown.
    """
    claim = _read_claim(environ)
    try:
        access_key, date, region, service, terminator = claim.credential.split("/")
    except ValueError as error:
        raise SignatureRefused(
            "IncompleteSignature", "The Credential is not a scope of five parts."
        ) from error
    if terminator != "aws4_request" or not claim.moment.startswith(date):
        raise SignatureRefused(
            "SignatureDoesNotMatch", "The scope of the Credential does not fit the request."
        )
    key = find(access_key)
    if key is None:
        code = "InvalidAccessKeyId" if service == "s3" else "UnrecognizedClientException"
        raise SignatureRefused(code, "The AWS Access Key Id you provided does not exist in our records.")
    if claim.is_presigned and service != "s3":
        raise SignatureRefused("NotImplemented", "The sandbox accepts presigned URLs only for S3.")
    _check_time(claim, environ, now or datetime.now(UTC))
    payload = _payload_hash(environ, body, claim)
    expected = _sign(environ, claim, key, service, region, payload)
    if not hmac.compare_digest(expected, claim.signature):
        raise SignatureRefused(
            "SignatureDoesNotMatch" if service == "s3" else "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided. Check your key and"
            " signing method.",
        )
    return Signed(key, service, region)


def _read_claim(environ: dict[str, Any]) -> _Claim:
    query = environ.get("QUERY_STRING", "")
    if header := environ.get("HTTP_AUTHORIZATION", ""):
        match = _HEADER.fullmatch(header.strip())
        if not match:
            raise _unsupported()
        headers = tuple(match[2].split(";"))
        if "host" not in headers:
            raise SignatureRefused("SignatureDoesNotMatch", "The header Host is not signed.")
        return _Claim(match[1], headers, match[3], environ.get("HTTP_X_AMZ_DATE", ""), query, False)
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if "X-Amz-Signature" in given:
        rest = [(name, value) for name, value in pairs if name != "X-Amz-Signature"]
        if given.get("X-Amz-Algorithm") != "AWS4-HMAC-SHA256":
            raise _unsupported()
        return _Claim(
            given.get("X-Amz-Credential", ""),
            tuple(given.get("X-Amz-SignedHeaders", "").split(";")),
            given["X-Amz-Signature"],
            given.get("X-Amz-Date", ""),
            urlencode(rest, quote_via=quote),
            True,
        )
    if "Signature" in given:
        raise _unsupported()
    raise SignatureRefused("MissingAuthenticationToken", "Request is missing Authentication Token")


def _unsupported() -> SignatureRefused:
    return SignatureRefused(
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )


def _check_time(claim: _Claim, environ: dict[str, Any], now: datetime) -> None:
    try:
        signed = datetime.strptime(claim.moment, _TIME).replace(tzinfo=UTC)
    except ValueError as error:
        raise SignatureRefused("IncompleteSignature", "The request has no valid X-Amz-Date.") from error
    if not claim.is_presigned:
        if abs(now - signed) > _SKEW:
            raise SignatureRefused(
                "RequestTimeTooSkewed",
                "The difference between the request time and the current time is too large.",
            )
        return
    given = dict(parse_qsl(environ.get("QUERY_STRING", "")))
    if not given.get("X-Amz-Expires", "").isdecimal():
        raise SignatureRefused("AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if not signed - _SKEW <= now <= signed + timedelta(seconds=int(given["X-Amz-Expires"])):
        raise SignatureRefused("AccessDenied", "Request has expired")


def _payload_hash(environ: dict[str, Any], body: bytes, claim: _Claim) -> str:
    """The hash that was signed; if it is a digest, it must match the body."""
    declared = str(environ.get("HTTP_X_AMZ_CONTENT_SHA256", ""))
    if claim.is_presigned or declared == _UNSIGNED:
        return _UNSIGNED
    if declared.startswith("STREAMING-"):
        raise SignatureRefused("NotImplemented", f"The sandbox does not take the payload {declared}.")
    actual = hashlib.sha256(body).hexdigest()
    if declared and declared != actual:
        raise SignatureRefused(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    return actual


class _Again:
    """Signs exactly the headers that the client signed, with the client's hash."""

    hashed = ""

    def headers_to_sign(self, request: Any) -> Any:
        return request.headers

    def payload(self, _request: Any) -> str:
        return self.hashed


class _Auth(_Again, SigV4Auth):
    pass


class _S3Auth(_Again, S3SigV4Auth):
    pass


def _sign(environ: dict[str, Any], claim: _Claim, key: Key, service: str, region: str, payload: str) -> str:
    path = urlsplit(str(environ.get("RAW_URI") or quote(environ["PATH_INFO"], encoding="latin-1"))).path
    if service == "s3":
        # Clients differ in which characters they encode.
        path = quote(unquote(path, "latin-1"), safe="/-_.~", encoding="latin-1")
    headers = {name: _header(environ, name) for name in claim.signed_headers}
    url = f"http://{environ.get('HTTP_HOST', '')}{path}" + (f"?{claim.query}" if claim.query else "")
    request = AWSRequest(environ["REQUEST_METHOD"], url, headers)
    request.context["timestamp"] = claim.moment
    kind: Any = _S3Auth if service == "s3" else _Auth
    auth = kind(Credentials(key.access_key, key.secret_key), service, region)
    auth.hashed = payload
    text = auth.string_to_sign(request, auth.canonical_request(request))
    return str(auth.signature(text, request))


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    value = environ.get(key) if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else environ.get(f"HTTP_{key}")
    return str(value or "")
