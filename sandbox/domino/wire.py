"""Domino's v0 wire as a WSGI application, below `/domino/` of the sandbox's port.

Each reply is marked: *documented* and *observed* come from Domino's documentation and from public code that worked;
*assumed* is a guess where neither says anything, on the side that catches more mistakes of a client.
"""

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from werkzeug.exceptions import (
    BadRequest,
    Conflict,
    Forbidden,
    GatewayTimeout,
    HTTPException,
    NotFound,
    Unauthorized,
)
from werkzeug.routing import Map, Rule
from werkzeug.wrappers import Request, Response

from sandbox.domino.ingestion import AdminSettings, Dataset, Ingestion, Kind, Model, parse_location
from sandbox.domino.judgement import ValueType
from sandbox.mailbox import Mailbox

_API = "/domino/api/v0/models"
_CONTROL = "/domino/_control"
_LONGEST_WAIT_SECONDS = 120.0

_ROUTES = Map(
    [
        Rule(f"{_API}/register_model", methods=["POST"], endpoint="register_model"),
        Rule(f"{_API}/list_models", methods=["GET"], endpoint="list_models"),
        Rule(f"{_API}/<model_id>/add_predictions", methods=["PUT"], endpoint="add_predictions"),
        Rule(f"{_API}/<model_id>/add_ground_truths", methods=["PUT"], endpoint="add_ground_truths"),
        Rule(f"{_API}/<model_id>", methods=["DELETE"], endpoint="delete_model"),
        Rule(f"{_CONTROL}/models/<model_id>", methods=["PUT"], endpoint="control_register_model"),
        Rule(f"{_CONTROL}/models/<model_id>", methods=["GET"], endpoint="control_show_model"),
        Rule(f"{_CONTROL}/settings", methods=["PUT"], endpoint="control_change_settings"),
        Rule(f"{_CONTROL}/idle", methods=["GET"], endpoint="control_wait_until_idle"),
    ]
)


class Domino:
    """A local Domino Model Monitor.

    What a person does in Domino's pages (settings, looking at a model) is done below `/domino/_control/`, which asks
    for no token:

    - `PUT models/<id>` `{"bucket", "key", "target", "alert_address"?}` makes a model known under a chosen id, with its
      training file; the columns are guessed from it. The target is left out: predicted labels have other shares than
      true ones, even without drift. `GET models/<id>` shows the model with its datasets, their status and drift.
    - `PUT settings` `{"alert_address"?, "test"?: "psi"|"kullback-leibler", "threshold"?}`.
    - `GET idle?timeout_seconds=…` answers when everything is ingested, or 504.
    """

    def __init__(self, state_dir: Path, endpoint_url: str, mailbox: Mailbox, token: str) -> None:
        self._token = token
        self._settings = AdminSettings()
        self._models: dict[str, Model] = {}
        self._lock = threading.Lock()
        self._ingestion = Ingestion(state_dir, endpoint_url, mailbox, self._settings)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        """Answers one request, as WSGI asks for it."""
        request = Request(environ)
        try:
            endpoint, arguments = _ROUTES.bind_to_environ(environ).match()
            if not endpoint.startswith("control_"):
                self._check_token(request)
            response = getattr(self, f"_{endpoint}")(request, **arguments)
        except HTTPException as error:
            # An array with one text: observed in the later wire; assumed here.
            response = _json([error.description], error.code or 500)
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def close(self) -> None:
        """Ingests what is registered, then ends."""
        self._ingestion.close()

    def _check_token(self, request: Request) -> None:
        """The header is documented and observed: the token alone, no scheme word. Both codes are assumed."""
        given = request.environ.get("HTTP_AUTHORIZATION", "")
        if not given:
            raise Unauthorized("Authorization header is missing")
        if given != self._token:
            raise Forbidden("The API token is not valid")

    def _register_model(self, request: Request) -> Response:
        """Documented: the call. Observed (later dialect): the reply's `id` and `ingestionStatus`."""
        body = _body(request)
        name, columns = _text(body, "name"), _columns(body)
        model = Model(uuid.uuid4().hex[:24], name, columns, "", Dataset("training", _location(body)))
        self._add_model(model)
        return _json({"id": model.id, "ingestionStatus": "created"})

    def _list_models(self, request: Request) -> Response:  # noqa: ARG002 (each route takes the request)
        """Documented: the call. Assumed: the reply's form."""
        with self._lock:
            models = list(self._models.values())
        return _json([{"id": model.id, "name": model.name} for model in models])

    def _add_predictions(self, request: Request, model_id: str) -> Response:
        """Observed: the call. Assumed: an empty body, as in the later wire."""
        return self._add_dataset(request, model_id, "predictions")

    def _add_ground_truths(self, request: Request, model_id: str) -> Response:
        """Observed: the call. Assumed: an empty body, as in the later wire."""
        return self._add_dataset(request, model_id, "ground truths")

    def _delete_model(self, request: Request, model_id: str) -> Response:  # noqa: ARG002 (as above)
        """Documented: the call. Assumed: an empty body."""
        with self._lock:
            if self._models.pop(model_id, None) is None:
                raise NotFound(f"Model {model_id} not found")
        return Response(status=200)

    def _control_register_model(self, request: Request, model_id: str) -> Response:
        body = _body(request)
        bucket, key, target = (_text(body, name) for name in ("bucket", "key", "target"))
        if "alert_address" in body:
            self._settings.alert_address = _text(body, "alert_address")
        region = body.get("region", "us-east-1")
        location = f"https://{bucket}.s3.{region}.amazonaws.com/{quote(key)}"
        self._add_model(Model(model_id, model_id, None, target, Dataset("training", location)))
        return _json({"id": model_id})

    def _control_show_model(self, request: Request, model_id: str) -> Response:  # noqa: ARG002 (as above)
        model = self._model(model_id)
        with self._lock:
            datasets = list(model.datasets)
        return _json(
            {
                "id": model.id,
                "name": model.name,
                "training": asdict(model.training),
                "datasets": [asdict(dataset) for dataset in datasets],
            }
        )

    def _control_change_settings(self, request: Request) -> Response:
        body = _body(request)
        if body.get("test", "psi") not in ("psi", "kullback-leibler"):
            raise BadRequest("test must be psi or kullback-leibler")
        for name in asdict(self._settings).keys() & body.keys():
            setattr(self._settings, name, body[name])
        return _json(asdict(self._settings))

    def _control_wait_until_idle(self, request: Request) -> Response:
        seconds = request.args.get("timeout_seconds", 30.0, type=float)
        if not self._ingestion.wait_until_idle(min(seconds, _LONGEST_WAIT_SECONDS)):
            raise GatewayTimeout(f"Ingestion was still busy after {seconds:g} s")
        return _json({"idle": True})

    def _model(self, model_id: str) -> Model:
        """The model; 404 for an unknown one is assumed."""
        with self._lock:
            if model_id not in self._models:
                raise NotFound(f"Model {model_id} not found")
            return self._models[model_id]

    def _add_model(self, model: Model) -> None:
        with self._lock:
            self._models[model.id] = model
        self._ingestion.add(model, model.training)

    def _add_dataset(self, request: Request, model_id: str, kind: Kind) -> Response:
        """409 and its text for a file registered twice: from the later wire; what v0 does is not documented."""
        model = self._model(model_id)
        dataset = Dataset(kind, _location(_body(request)))
        with self._lock:
            if any((known.kind, known.location) == (kind, dataset.location) for known in model.datasets):
                raise Conflict("Dataset already registered with the model.")
            model.datasets.append(dataset)
        self._ingestion.add(model, dataset)
        return Response(status=200)


def _json(document: Any, status: int = 200) -> Response:
    response = Response(status=status, mimetype="application/json")
    response.set_data(json.dumps(document, ensure_ascii=False))
    return response


def _body(request: Request) -> dict[str, Any]:
    body = request.get_json(force=True)
    if not isinstance(body, dict):
        raise BadRequest("The body must be a JSON object")
    return body


def _text(body: dict[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"{name} is required")
    return value


def _location(body: dict[str, Any]) -> str:
    location = _text(body, "dataLocation")
    try:
        parse_location(location)
    except ValueError as error:
        raise BadRequest(str(error)) from error
    return location


def _columns(body: dict[str, Any]) -> dict[str, ValueType]:
    """The columns to compare, from v0's first dialect: features and the prediction (documented)."""
    columns = body.get("dataColumns")
    if not isinstance(columns, list) or not columns:
        raise BadRequest("dataColumns is required")
    compared: dict[str, ValueType] = {}
    for column in columns:
        if not isinstance(column, dict):
            raise BadRequest("dataColumns must be a list of objects")
        if column.get("isFeature") or column.get("isPrediction"):
            kind = column.get("valueType")
            if kind not in ("numerical", "categorical"):
                raise BadRequest(f"valueType of {_text(column, 'name')} must be numerical or categorical")
            compared[_text(column, "name")] = kind
    return compared
