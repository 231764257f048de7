"""Domino's second API (the Model Monitor inside Domino): its requests and answers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from autowatch.domino.connection import (
    DominoAnswerUnusable,
    DominoConnection,
    Outcome,
    Reply,
    Wire,
    read_document,
    refused,
    send,
    unusable,
)
from autowatch.domino.files import DatasetKind
from autowatch.errors import AutowatchError

WIRE = Wire(
    header="X-Domino-Api-Key",
    url_ending="/model-monitor/v2/api/",
    if_not_found=(
        "If the model was deleted in Domino, delete its record under monitoring/domino/models/, "
        "and the next run registers it again."
    ),
)
_CALLS = {"predictions": "prediction", "labels": "ground_truth"}
_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_PAGE_SIZE, _MOST_PAGES = 50, 500
_PAGE_BYTES = 4_000_000
_CONFIGURED_ALREADY = re.compile(r"already configured|can be only 1 |can only be 1 ", re.IGNORECASE)


class VariablesConfigured(AutowatchError):
    """The model already has its variables of this kind: the dataset must be sent without them."""


@dataclass(frozen=True)
class MonitoredModel:
    """One model in Domino's list; `document` is its whole entry."""

    id: str
    name: str
    document: dict[str, Any]


def register_model(connection: DominoConnection, config: dict[str, Any]) -> str | None:
    """Registers a model, in one attempt, and returns its id; None if Domino has a model of that name.

    A caller that gets no answer must look the model up (`list_models`) before it retries, since the request may have
    taken effect.

    Raises:
        DominoError: see `connection.send`.
        DominoAnswerUnusable: the answer contains no id.
    """
    reply = send(connection, "PUT", "model", config, settles=_is_taken, attempts=1)
    if _is_taken(reply):
        return None
    document = read_document(reply)
    if not isinstance(document, dict):
        raise unusable(reply)
    return _model_id(document)


def list_models(connection: DominoConnection, checks: int = 1) -> Iterator[MonitoredModel]:
    """All models, page by page, each with this many of its last drift checks.

    Raises:
        DominoError: see `connection.send`.
        DominoAnswerUnusable: an answer is not a list of models, or the pages do not end.
    """
    seen: set[str] = set()
    for page in range(_MOST_PAGES):
        path = f"models?pageNumber={page}&pageSize={_PAGE_SIZE}&numberOfLastChecksToFetch={checks}"
        reply = send(connection, "GET", path, settles=lambda _: False, read_at_most_bytes=_PAGE_BYTES)
        new = [model for model in _models(read_document(reply)) if model.id not in seen]
        # A page without new models is the last one, even if the server ignores the page number.
        if not new:
            return
        yield from new
        seen.update(model.id for model in new)
    raise DominoAnswerUnusable(
        f"Domino's list of models did not end after {_MOST_PAGES} pages. Check the parameter DmmUrl."
    )


def register_dataset(
    connection: DominoConnection,
    model_id: str,
    kind: DatasetKind,
    details: dict[str, Any],
    variables: list[dict[str, Any]],
) -> Outcome:
    """Registers one file of a model. Success is an empty body, or the answer that the file is already registered.

    Args:
        connection: how to reach Domino.
        model_id: the model whose rows they are.
        kind: what the file holds.
        details: see `dataset_details`.
        variables: the variables for the model's first dataset of a kind; empty for all others.

    Raises:
        VariablesConfigured: the model already has such variables; the file was not registered.
        DominoError: see `connection.send`.
        DominoAnswerUnusable: the status is a success, but the body is not.
    """
    body = {**({"variables": variables} if variables else {}), "datasetDetails": details}
    path = f"model/{quote(model_id, safe='')}/register-dataset/{_CALLS[kind]}"
    reply = send(connection, "PUT", path, body, settles=_settles_dataset)
    if _is_registered(reply):
        return "already registered"
    if _CONFIGURED_ALREADY.search(reply.text):
        if variables:
            raise VariablesConfigured(f"Model {model_id} has its variables.")
        raise refused(reply, "No variables were sent: look at the model in Domino.")
    if reply.status == 409:
        return "already registered"
    if not _is_empty(reply):
        raise unusable(reply)
    return "registered"


def dataset_details(name: str, key: str, datasource: str) -> dict[str, Any]:
    """A file of the bucket in the form of Domino's data source `datasource`."""
    return {
        "name": name,
        "datasetType": "file",
        "datasetConfig": {"path": key, "fileFormat": "csv"},
        "datasourceName": datasource,
        "datasourceType": "s3",
    }


def _is_taken(reply: Reply) -> bool:
    return reply.status == 409 or bool(re.search(r"already (exists|registered)", reply.text, re.IGNORECASE))


def _is_registered(reply: Reply) -> bool:
    return "already registered" in reply.text.lower()


def _settles_dataset(reply: Reply) -> bool:
    return (
        reply.status == 409
        or _is_registered(reply)
        or (reply.status < 500 and bool(_CONFIGURED_ALREADY.search(reply.text)))
    )


def _is_empty(reply: Reply) -> bool:
    """Whether the body is empty or an empty document."""
    return reply.is_complete and reply.text.strip() in ("", "{}", "[]", "null", '""')


def _models(document: Any) -> Iterator[MonitoredModel]:
    items = document.get("modelDashboardItems") if isinstance(document, dict) else document
    if not isinstance(items, list):
        raise DominoAnswerUnusable(
            "Domino's list of models is not a list. Check the parameter DmmUrl and Domino's version."
        )
    # A model that Autowatch did not register may lack a name; if all do, the list has another form.
    named = [item for item in items if isinstance(item, dict) and isinstance(item.get("name"), str)]
    if items and not named:
        raise DominoAnswerUnusable("Domino lists models without a name. Check Domino's version.")
    for item in named:
        yield MonitoredModel(_model_id(item), item["name"], item)


def _model_id(document: dict[str, Any]) -> str:
    model_id = document.get("id")
    if not isinstance(model_id, str) or not _ID.fullmatch(model_id):
        raise DominoAnswerUnusable("Domino's answer contains no model id. Check Domino's version.")
    return model_id
