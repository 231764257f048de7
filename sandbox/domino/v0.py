"""Domino's first wire (v0), below `/domino/api/v0/models/`.

Each reply is marked: *documented* and *observed* come from Domino's documentation and from public code that worked;
*assumed* is a guess where neither says anything, on the side that catches more mistakes of a client.
"""

import uuid
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from sandbox.domino import v2_variables
from sandbox.domino.bodies import read_member, read_object, read_text, write_json
from sandbox.domino.ingestion import Ingestion
from sandbox.domino.models import AdminSettings, Dataset, File, Kind, Model, Models, parse_location
from sandbox.domino.tables import ValueType


class V0:
    """The operations of v0."""

    def __init__(self, models: Models, ingestion: Ingestion, settings: AdminSettings) -> None:
        self._models, self._ingestion, self._settings = models, ingestion, settings

    def register_model(self, request: Request) -> Response:
        """Documented: the call, and the name in `modelMetadata`. Observed (later dialect): `id` and `ingestionStatus`.

        The name may also be beside it, as in saved requests of the first dialect.
        """
        body = read_object(request)
        named = read_member(body, "modelMetadata") if "modelMetadata" in body else body
        later = "variables" in body
        model = Model(
            id=uuid.uuid4().hex[:24],
            name=read_text(named, "name"),
            wire="v0",
            training=Dataset("training", read_text(body, "dataLocation"), _file(body)),
            columns=_declared_columns(body) if later else _compared_columns(body),
            prediction=None if later else _column_that(body, "isPrediction"),
            row_identifier=None if later else _column_that(body, "isRowIdentifier"),
        )
        if later:
            v2_variables.declare(model, v2_variables.read_variables(body))
        self._models.add(model)
        self._ingestion.add(model, model.training)
        return write_json({"id": model.id, "ingestionStatus": model.status})

    def list_models(self, request: Request) -> Response:  # noqa: ARG002 (each route takes the request)
        """Documented: the call. Assumed: the reply's form."""
        return write_json([{"id": model.id, "name": model.name} for model in self._models.all("v0")])

    def register_predictions(self, request: Request, model_id: str) -> Response:
        """Observed: the call. Assumed: an empty body, as in the later wire."""
        return self._add_dataset(request, model_id, "predictions")

    def register_ground_truths(self, request: Request, model_id: str) -> Response:
        """Observed: the call. Assumed: an empty body, as in the later wire."""
        return self._add_dataset(request, model_id, "ground truths")

    def delete_model(self, request: Request, model_id: str) -> Response:  # noqa: ARG002 (as above)
        """Documented: the call. Assumed: an empty body."""
        self._models.remove(self._model(model_id).id)
        return Response(status=200)

    def answer_error(self, error: HTTPException) -> Response:
        """An array with one text: observed in the later wire; assumed here."""
        return write_json([error.description], error.code or 500)

    def _model(self, model_id: str) -> Model:
        """The model. Assumed: an unknown one is answered with 404."""
        model = self._models.get(model_id, "v0")
        if model is None:
            raise NotFound(f"Model {model_id} not found")
        return model

    def _add_dataset(self, request: Request, model_id: str, kind: Kind) -> Response:
        """The text for a file registered twice is from the later wire; what v0 does is not documented."""
        model = self._model(model_id)
        body = read_object(request)
        dataset = Dataset(kind, read_text(body, "dataLocation"), _file(body))
        with self._models.lock:
            if any((known.kind, known.file) == (kind, dataset.file) for known in model.datasets):
                text = "Dataset already registered with the model."
                return write_json([text], self._settings.duplicate_status)
            model.datasets.append(dataset)
        self._ingestion.add(model, dataset)
        return Response(status=200)


def _file(body: dict[str, Any]) -> File:
    try:
        return parse_location(read_text(body, "dataLocation"))
    except ValueError as error:
        raise BadRequest(str(error)) from error


def _declared_columns(body: dict[str, Any]) -> dict[str, ValueType]:
    """The columns to compare, from v0's later dialect, whose `variables` are those of the later wire."""
    declared = v2_variables.read_variables(body)
    v2_variables.check_model(declared)
    return v2_variables.compared_columns(declared)


def _compared_columns(body: dict[str, Any]) -> dict[str, ValueType]:
    """The columns to compare, from v0's first dialect: features and the prediction (documented)."""
    compared: dict[str, ValueType] = {}
    for column in _columns(body):
        if column.get("isFeature") or column.get("isPrediction"):
            kind = column.get("valueType")
            if kind not in ("numerical", "categorical"):
                raise BadRequest(f"valueType of {read_text(column, 'name')} must be numerical or categorical")
            compared[read_text(column, "name")] = kind
    return compared


def _column_that(body: dict[str, Any], mark: str) -> str | None:
    names = [read_text(column, "name") for column in _columns(body) if column.get(mark)]
    if len(names) > 1:
        raise BadRequest(f"Only one column can be {mark}")
    return names[0] if names else None


def _columns(body: dict[str, Any]) -> list[dict[str, Any]]:
    columns = body.get("dataColumns")
    if not isinstance(columns, list) or not columns:
        raise BadRequest("dataColumns is required")
    if not all(isinstance(column, dict) for column in columns):
        raise BadRequest("dataColumns must be a list of objects")
    return columns
