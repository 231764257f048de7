"""Parses the bodies of requests, and builds responses."""

import json
from typing import Any

from werkzeug.exceptions import BadRequest
from werkzeug.wrappers import Request, Response


def read_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body; raises BadRequest if it is not one."""
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object")
    return body


def read_member(body: dict[str, Any], name: str) -> dict[str, Any]:
    """A member that is an object; raises BadRequest if it is not."""
    value = body.get(name)
    if not isinstance(value, dict):
        raise BadRequest(f"{name} is required and is an object")
    return value


def read_text(body: dict[str, Any], name: str) -> str:
    """A member that is a non-empty text; raises BadRequest if it is not."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is required")
    return value


def write_json(document: Any, status: int = 200) -> Response:
    """A response in JSON."""
    response = Response(status=status, mimetype="application/json")
    response.set_data(json.dumps(document, ensure_ascii=False, allow_nan=False))
    return response
