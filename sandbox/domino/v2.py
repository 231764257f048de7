"""Domino's second wire (v2), below `/domino/model-monitor/v2/api/`, and as 5.x documents it, `/domino/v2/api/`.

Marks: *documented*; *observed* in public code that worked, or in its saved output; *field*: one outside party's notes;
*assumed*: a guess, on the side that catches more mistakes of a client.
"""

import uuid
from typing import Any

from werkzeug.exceptions import BadRequest, HTTPException, NotFound
from werkzeug.wrappers import Request, Response

from sandbox.domino import v2_variables
from sandbox.domino.bodies import read_member, read_object, read_text, write_json
from sandbox.domino.ingestion import Ingestion
from sandbox.domino.models import AdminSettings, Check, Dataset, Datasource, File, Kind, Model, Models
from sandbox.domino.tables import TableUnusable

_MODEL_TYPES = ("classification", "regression")
_LARGEST_PAGE = 100


class V2:
    """The operations of v2."""

    def __init__(self, models: Models, ingestion: Ingestion, settings: AdminSettings) -> None:
        self._models, self._ingestion, self._settings = models, ingestion, settings

    def register_model(self, request: Request) -> Response:
        """Observed: the call, and `id` and `ingestionStatus` of the reply.

        Assumed: two models may have the same name, so that a double registration is noticed.
        """
        body = read_object(request)
        metadata = read_member(body, "modelMetadata")
        if metadata.get("modelType") not in _MODEL_TYPES:
            raise BadRequest(f"modelType must be one of {', '.join(_MODEL_TYPES)}")
        declared = v2_variables.read_variables(body)
        v2_variables.check_model(declared, metadata["modelType"])
        model = Model(
            id=uuid.uuid4().hex[:24],
            name=read_text(metadata, "name"),
            wire="v2",
            training=self._dataset(body, "training"),
            columns=v2_variables.compared_columns(declared),
            model_type=metadata["modelType"],
            version=read_text(metadata, "version"),
        )
        v2_variables.declare(model, declared)
        self._models.add(model)
        answer = self._describe(model, 0)
        self._ingestion.add(model, model.training)
        return write_json(answer)

    def register_predictions(self, request: Request, model_id: str) -> Response:
        """Observed: the call, and the empty body with 200 or 201."""
        return self._register_dataset(request, model_id, "predictions", 200)

    def register_ground_truths(self, request: Request, model_id: str) -> Response:
        """Observed: the call, and the empty body with 200 or 201."""
        return self._register_dataset(request, model_id, "ground truths", 201)

    def list_models(self, request: Request) -> Response:
        """Observed: the path, the reply's members and that the checks begin with the newest; times are Unix seconds.

        Field: all three parameters are needed. Assumed: the newest model comes first, a page has at most 100.
        """
        page, size, checks = (
            _number(request, name) for name in ("pageNumber", "pageSize", "numberOfLastChecksToFetch")
        )
        if not 1 <= size <= _LARGEST_PAGE:
            raise BadRequest(f"pageSize must be 1 to {_LARGEST_PAGE}")
        models = self._models.all("v2")[::-1]
        return write_json(
            {
                "modelDashboardItems": [
                    self._describe(model, checks) for model in models[page * size : (page + 1) * size]
                ],
                "classificationModelCount": sum(model.model_type == "classification" for model in models),
                "regressionModelCount": sum(model.model_type == "regression" for model in models),
            }
        )

    def show_model(self, request: Request) -> Response:
        """Field: the call. Assumed: the reply, that of the list with the variables."""
        model = self._model(request.args.get("model_id", ""))
        return write_json(self._describe(model, 1) | {"variables": list(model.variables.values())})

    def delete_model(self, request: Request) -> Response:
        """Field: the call. Assumed: an empty body."""
        self._models.remove(self._model(request.args.get("model_id", "")).id)
        return Response(status=200)

    def put_datasource(self, request: Request) -> Response:
        """Documented: the call, and that it adds or updates. Assumed: an empty body."""
        body = read_object(request)
        name, config = read_text(body, "name"), read_member(body, "config")
        if body.get("type") != "s3":
            raise BadRequest("The local Domino supports only data sources of the type s3")
        with self._models.lock:
            self._models.datasources[name] = Datasource(
                read_text(config, "bucket"), read_text(config, "region")
            )
        return Response(status=200)

    def analyse_drift(self, request: Request, model_id: str) -> Response:  # noqa: ARG002 (each route takes the request)
        """Field: the call. Assumed: it judges everything predicted so far, and answers the check."""
        try:
            return write_json(_describe_check(self._ingestion.check(self._model(model_id))))
        except TableUnusable as error:
            raise BadRequest(str(error)) from error

    def list_dataset_jobs(self, request: Request, model_id: str) -> Response:
        """Documented: the call, a query despite the verb, and the text of the 404. Assumed: the reply's form."""
        read_object(request)
        model = self._models.get(model_id, "v2")
        if model is None:
            raise NotFound("Dataset not found for the given identifier.")
        with self._models.lock:
            datasets = [model.training, *model.datasets]
        return write_json(
            [
                {
                    "datasetName": dataset.name,
                    "datasetType": dataset.kind.removesuffix("s").replace(" ", "_"),
                    "status": dataset.status,
                    "message": dataset.error,
                }
                for dataset in datasets
            ]
        )

    def answer_error(self, error: HTTPException) -> Response:
        """Observed: an array, a bare text and an object all occur. Which form occurs when is assumed."""
        status, text = error.code or 500, error.description
        document = {409: [text], 400: text}.get(status, {"code": status, "message": text})
        return write_json(document, status)

    def _register_dataset(self, request: Request, model_id: str, kind: Kind, status: int) -> Response:
        """Observed: the text for a registered dataset, not its status. Assumed: variables are checked first."""
        model = self._model(model_id)
        body = read_object(request)
        dataset = self._dataset(body, kind)
        with self._models.lock:
            registered = [known for known in model.datasets if known.kind == kind]
            declared = v2_variables.read_variables(body) if body.get("variables") else []
            if kind == "predictions":
                v2_variables.check_predictions(model, declared, is_first=not registered)
            else:
                v2_variables.check_ground_truths(model, declared, is_first=not registered)
            if any(known.name == dataset.name for known in [model.training, *model.datasets]):
                text = "Dataset already registered with the model."
                return write_json([text], self._settings.duplicate_status)
            v2_variables.declare(model, declared)
            model.datasets.append(dataset)
        self._ingestion.add(model, dataset)
        return Response(status=status)

    def _model(self, model_id: str) -> Model:
        """The model. Assumed: an unknown one is answered with 404."""
        model = self._models.get(model_id, "v2")
        if model is None:
            raise NotFound(f"Model {model_id} not found")
        return model

    def _dataset(self, body: dict[str, Any], kind: Kind) -> Dataset:
        """The file in a registered data source. The texts are assumed."""
        details = read_member(body, "datasetDetails")
        config = read_member(details, "datasetConfig")
        source = read_text(details, "datasourceName")
        if details.get("datasetType") != "file" or config.get("fileFormat") != "csv":
            raise BadRequest("The local Domino supports only datasets of the type file and the format csv")
        with self._models.lock:
            if details.get("datasourceType") != "s3" or source not in self._models.datasources:
                raise BadRequest(f"Data source {source} of type {details.get('datasourceType')} not found")
            found = self._models.datasources[source]
        file = File(found.bucket, found.region, read_text(config, "path"))
        return Dataset(kind, read_text(details, "name"), file)

    def _describe(self, model: Model, checks: int) -> dict[str, Any]:
        with self._models.lock:
            last = model.checks[::-1][:checks]
        return {
            "id": model.id,
            "name": model.name,
            "modelType": model.model_type,
            "version": model.version,
            "createdAt": model.created_at,
            "ingestionStatus": model.status,
            "modelStatus": model.status,
            "dataDriftChecks": [_describe_check(check) for check in last],
        }


def _describe_check(check: Check) -> dict[str, Any]:
    """Observed: every member."""
    return {
        "checkedOn": check.checked_on,
        "variablesDrifted": list(check.drifted),
        "totalNumberOfVariables": check.variables,
        "numberOfPredictions": check.predictions,
    }


def _number(request: Request, name: str) -> int:
    value = request.args.get(name, type=int)
    if value is None or value < 0:
        raise BadRequest(f"{name} is required and is a number from 0")
    return value
