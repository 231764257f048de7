"""What a person does in Domino's pages, for tests: below `/domino/_control/`, with the sandbox's key."""

from dataclasses import fields
from typing import Any

from werkzeug.exceptions import BadRequest, GatewayTimeout, HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from sandbox.domino.access import Access
from sandbox.domino.bodies import read_object, read_text, write_json
from sandbox.domino.ingestion import Ingestion
from sandbox.domino.models import AdminSettings, Dataset, Datasource, File, Model, Models

_LONGEST_WAIT_SECONDS = 120.0
_CHOICES: dict[str, tuple[Any, ...]] = {
    "test": ("psi", "kullback-leibler"),
    "refusal_status": (401, 403),
    "duplicate_status": (200, 400, 409),
}


class Control:
    """The controls:

    - `PUT models/<id>` `{"bucket", "key", "target", "row_identifier"?, "alert_address"?}` adds a model of the v0 wire
      under a chosen id, with its training file; the columns are guessed from it. The target is not compared: shares of
      predicted and true labels differ even without drift.
    - `PUT datasources/<name>` `{"bucket", "region"}` adds a bucket as a data source of the v2 wire.
    - `GET models`, `GET models/<id>` show models with their datasets, status, drift and accuracy.
    - `PUT settings` with members of `AdminSettings`, and `header`, `scheme`, `refusal_status` of `Access`.
    - `PUT token` `{"token"}`: from then on only this one is valid.
    - `GET idle?timeout_seconds=…` answers when everything is ingested, or 504.
    """

    def __init__(self, models: Models, ingestion: Ingestion, settings: AdminSettings, access: Access) -> None:
        self._models, self._ingestion, self._settings = models, ingestion, settings
        self._access = access

    def register_model(self, request: Request, model_id: str) -> Response:
        """Adds a model."""
        body = read_object(request)
        bucket, key, target = (read_text(body, name) for name in ("bucket", "key", "target"))
        if "alert_address" in body:
            self._settings.alert_address = read_text(body, "alert_address")
        file = File(bucket, body.get("region", "us-east-1"), key)
        model = Model(
            id=model_id,
            name=model_id,
            wire="v0",
            training=Dataset("training", file.location, file),
            columns=None,
            prediction=target,
            row_identifier=body.get("row_identifier"),
        )
        self._models.add(model)
        self._ingestion.add(model, model.training)
        return write_json({"id": model_id})

    def put_datasource(self, request: Request, name: str) -> Response:
        """Adds a bucket."""
        body = read_object(request)
        with self._models.lock:
            self._models.datasources[name] = Datasource(read_text(body, "bucket"), read_text(body, "region"))
        return Response(status=200)

    def list_models(self, request: Request) -> Response:  # noqa: ARG002 (each route takes the request)
        """Shows all models, of both wires."""
        with self._models.lock:
            return write_json([model.to_json() for model in self._models.all()])

    def show_model(self, request: Request, model_id: str) -> Response:  # noqa: ARG002 (as above)
        """Shows one model."""
        with self._models.lock:
            model = self._models.get(model_id, "v0") or self._models.get(model_id, "v2")
            if model is None:
                raise NotFound(f"Model {model_id} not found")
            return write_json(model.to_json())

    def change_settings(self, request: Request) -> Response:
        """Changes the given settings and shows all, except the token."""
        body = read_object(request)
        for name, choices in _CHOICES.items():
            if name in body and body[name] not in choices:
                raise BadRequest(f"{name} must be one of {', '.join(map(str, choices))}")
        holders = (self._settings, self._access)
        known = {each.name: holder for holder in holders for each in fields(holder) if each.name != "token"}
        if unknown := sorted(body.keys() - known):
            raise BadRequest(f"There is no setting {', '.join(unknown)}")
        for name, value in body.items():
            setattr(known[name], name, value)
        return write_json({name: getattr(holder, name) for name, holder in known.items()})

    def change_token(self, request: Request) -> Response:
        """Rotates the token."""
        self._access.token = read_text(read_object(request), "token")
        return Response(status=200)

    def wait_until_idle(self, request: Request) -> Response:
        """Answers when nothing is left to ingest."""
        seconds = request.args.get("timeout_seconds", 30.0, type=float)
        if not self._ingestion.wait_until_idle(min(seconds, _LONGEST_WAIT_SECONDS)):
            raise GatewayTimeout(f"Ingestion was still busy after {seconds:g} s")
        return write_json({"idle": True})

    def answer_error(self, error: HTTPException) -> Response:
        """An array with one text."""
        return write_json([error.description], error.code or 500)
