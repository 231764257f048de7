"""Domino's first API (the stand-alone Domino Model Monitor): its requests and answers."""

import json
from urllib.parse import quote

from autowatch.domino.connection import DominoConnection, Outcome, Reply, Wire, send, unusable
from autowatch.domino.files import DatasetKind

WIRE = Wire(
    header="Authorization",
    url_ending="/api/v0/models/",
    if_not_found="Check the parameter DmmModelId.",
)
_CALLS = {"predictions": "add_predictions", "labels": "add_ground_truths"}


def register_dataset(
    connection: DominoConnection, model_id: str, kind: DatasetKind, location: str
) -> Outcome:
    """Registers one file with Domino, by its location (see `data_location`).

    v0's answer for a file that is already registered is not documented. The later API answers 409 or says so in the
    text; both count as success here, since the file is registered. The body of a success is not documented either; any
    body that is not clearly broken counts.

    Raises:
        DominoError: see `connection.send`.
        DominoAnswerUnusable: the status is a success, but the body is not.
    """
    path = f"{quote(model_id, safe='')}/{_CALLS[kind]}"
    reply = send(connection, "PUT", path, {"dataLocation": location}, settles=_is_known)
    if _is_known(reply):
        return "already registered"
    if not _may_confirm(reply.text.strip()):
        raise unusable(reply)
    return "registered"


def data_location(bucket: str, region: str, key: str) -> str:
    """The HTTPS URL from which Domino fetches an object, with the key percent-encoded."""
    return f"https://{bucket}.s3.{region}.amazonaws.com/{quote(key)}"


def _is_known(reply: Reply) -> bool:
    return reply.status == 409 or "already registered" in reply.text.lower()


def _may_confirm(text: str) -> bool:
    """Whether a body is empty, JSON or readable text, but neither markup nor broken JSON."""
    if not text or (text.isprintable() and "\ufffd" not in text and text[0] not in "<{["):
        return True
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
