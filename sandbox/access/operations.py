"""Finds the operation, service and parameters of a signed request."""

import functools
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

import botocore.session
from botocore.exceptions import UnknownServiceError

from sandbox.access.s3 import RequestUnknown

_BY_SIGNING_NAME = {
    "states": "stepfunctions",
    "monitoring": "cloudwatch",
    "tagging": "resourcegroupstaggingapi",
    "eventbridge": "events",
}


@dataclass(frozen=True)
class Operation:
    """One call of one service, by botocore's names."""

    service: str
    name: str
    protocol: str
    parameters: Mapping[str, Any]


def read_operation(signing_name: str, environ: Mapping[str, Any], body: bytes) -> Operation:
    """The operation of a request for any service except S3.

    Raises:
        RequestUnknown: botocore does not know the service or operation, or the body is malformed.
    """
    service = _BY_SIGNING_NAME.get(signing_name, signing_name)
    path, method = (
        str(environ.get("RAW_URI") or environ["PATH_INFO"]).split("?")[0],
        environ["REQUEST_METHOD"],
    )
    query_text, target = environ.get("QUERY_STRING", ""), environ.get("HTTP_X_AMZ_TARGET")
    form = str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded")
    if (target and (path != "/" or query_text)) or (form and query_text):
        # The answering service might read the other one.
        raise RequestUnknown("a request that names its operation in two places")
    if target:
        return Operation(service, str(target).rpartition(".")[2], "json", _json(body))
    given = dict(parse_qsl(body.decode("utf-8", "replace") if form else query_text))
    if "Action" in given:
        return Operation(service, given["Action"], "query", _with_lists(given))
    if service == "sagemaker":
        service = "sagemaker-runtime"
    for name, (verb, pattern, has_payload) in _routes(service).items():
        match = pattern.fullmatch(path) if verb == method else None
        if match:
            in_path = {key: unquote(value) for key, value in match.groupdict().items()}
            query = dict(parse_qsl(query_text))
            parameters = {**query, **({} if has_payload else _json(body)), **in_path}
            return Operation(service.removesuffix("-runtime"), name, "rest-json", parameters)
    raise RequestUnknown(f"{method} {path} of {signing_name}")


def _with_lists(given: dict[str, str]) -> dict[str, Any]:
    """`AlarmNames.member.1` and so on as one list."""
    lists: dict[str, list[str]] = {}
    for key, value in given.items():
        name, separator, place = key.partition(".member.")
        if separator and place.isdecimal():
            lists.setdefault(name, []).append(value)
    return {**given, **lists}


def _json(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body or b"{}")
    except ValueError as error:
        raise RequestUnknown("a request whose body is not JSON") from error
    if not isinstance(document, dict):
        raise RequestUnknown("a request whose body is not a JSON object")
    return document


@functools.cache
def _routes(service: str) -> dict[str, tuple[str, re.Pattern[str], bool]]:
    """For each operation of a REST service: method, path, and whether the body is a raw payload."""
    try:
        model = botocore.session.get_session().get_service_model(service)
    except UnknownServiceError as error:
        raise RequestUnknown(f"a service signed for as {service}") from error
    routes = {}
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = operation.http["requestUri"].split("?")[0]
        pattern = re.sub(
            r"\\\{(\w+)(\\\+)?\\\}",
            lambda found: f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})",
            re.escape(path),
        )
        shape = operation.input_shape
        has_payload = bool(shape and shape.serialization.get("payload"))
        routes[name] = (operation.http["method"], re.compile(f"{pattern}/?"), has_payload)
    return routes
