"""The faults in Domino's responses, for `sandbox.faults`, which decides which request is struck.

An operation of Domino is written `domino:register_predictions`, the same on both wires; `domino:*` is any of them.
"""

import io
import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from werkzeug.exceptions import HTTPException

from sandbox.domino.models import parse_location
from sandbox.domino.routes import ROUTES

PREFIX = "domino:"
KINDS = ("refuse", "login_page", "garbage", "answer", "trickle")

_LOGIN_PAGE = (
    "<!DOCTYPE html>\n<html><head><title>Domino: log in</title></head><body><form></form></body></html>\n"
)
_GARBAGE = b'\xff\x00{"id": [nothing'


def identify(environ: dict[str, Any]) -> tuple[str, str]:
    """The operation of a request below `/domino/`, and the key of its file or else the id of its model.

    The controls have no operation; a path that Domino does not have gets the operation `domino:unknown`.
    """
    try:
        endpoint, arguments = ROUTES.bind_to_environ(environ).match()
    except HTTPException:
        return f"{PREFIX}unknown", ""
    wire, _, operation = endpoint.partition(".")
    if wire == "control":
        return "", ""
    return f"{PREFIX}{operation}", _key(environ) or arguments.get("model_id", "")


def answer(kind: str, status: int, retry_after: str, text: str) -> tuple[str, dict[str, str], bytes]:
    """Status line, headers and body of a fault. The text of a refusal is assumed unless given."""
    if kind == "login_page":
        return "200 OK", {"Content-Type": "text/html"}, _LOGIN_PAGE.encode()
    if kind == "garbage":
        return "200 OK", {"Content-Type": "application/json"}, _GARBAGE
    if kind == "answer":
        return "200 OK", {"Content-Type": "application/json"}, text.encode()
    phrase = HTTPStatus(status).phrase
    headers = {"Content-Type": "application/json"}
    if retry_after:
        headers["Retry-After"] = retry_after
    return f"{status} {phrase}", headers, (text or json.dumps([phrase], allow_nan=False)).encode()


def _key(environ: dict[str, Any]) -> str:
    """The key in the body, if any; the body is restored for the application that answers."""
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = io.BytesIO(body)
    try:
        document = json.loads(body or b"{}")
        if isinstance(document, Mapping) and "dataLocation" in document:
            return parse_location(document["dataLocation"]).key
        return str(document["datasetDetails"]["datasetConfig"]["path"])
    except (ValueError, KeyError, TypeError):
        return ""
