"""The runs' models in Domino (v2): each is registered once and recorded in the bucket.

Also composes what Domino receives about a model: its columns, its training data, and the variables of later files.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from autowatch.aws.objects import Bucket, ObjectChanged, ObjectMissing
from autowatch.domino.connection import DominoAnswerUnusable, DominoConnection, DominoUnavailable
from autowatch.domino.files import DatasetKind
from autowatch.domino.v2 import dataset_details, list_models, register_model
from autowatch.errors import AutowatchError
from autowatch.records.contract import PREDICTION_DATE_COLUMN, Contract, read_contract
from autowatch.records.keys import contract_key, domino_model_key, train_key
from autowatch.records.problem import ProblemType
from autowatch.records.timestamps import to_text

if TYPE_CHECKING:
    from mypy_boto3_ssm import SSMClient

_LOGGER = logging.getLogger(__name__)


class TrainingDataGone(AutowatchError):
    """A run's model is not registered with Domino, and its training data, which registration needs, are gone."""


class RunUnusable(AutowatchError):
    """An object of a run that registration needs cannot be read."""


@dataclass(frozen=True)
class ModelRecord:
    """What `monitoring/domino/models/<run>.json` holds.

    `configured` are the kinds of datasets whose variables Domino has.
    """

    run: str
    model_id: str
    registered: str
    configured: tuple[DatasetKind, ...] = ()


@dataclass(frozen=True)
class ModelRegistry:
    """Where models are registered and recorded: the bucket, Domino, and the name of the data source there."""

    bucket: Bucket
    connection: DominoConnection
    stack: str
    datasource: str


def ensure_model(registry: ModelRegistry, run: str) -> ModelRecord:
    """The record of the run's model, which is registered first if necessary.

    The model is looked up by name before it is registered, and again if no answer came: a request whose answer was lost
    may have taken effect, and a second one would create a second model.

    Raises:
        DominoError: a request to Domino failed.
        ObjectMissing, TrainingDataGone: the run's contract or training data do not exist.
        RunUnusable: its contract or record is malformed.
    """
    if record := read_model_record(registry.bucket, run):
        return record
    contract = read_run_contract(registry.bucket, run)
    model_id = _find(registry, run) or _register(registry, contract)
    record = ModelRecord(run, model_id, to_text(datetime.now(UTC)))
    try:
        registry.bucket.write_json_if_absent(domino_model_key(run), asdict(record))
    except ObjectChanged:
        # Another loader registered it at the same moment. Its record wins, so that all files go to one model.
        return read_model_record(registry.bucket, run) or record
    return record


def read_model_record(bucket: Bucket, run: str) -> ModelRecord | None:
    """The record of the run's model; None if there is none.

    Raises:
        RunUnusable: the record is malformed.
    """
    try:
        document = bucket.read_json(domino_model_key(run))
        return ModelRecord(
            document["run"],
            document["model_id"],
            document["registered"],
            tuple(document.get("configured", ())),
        )
    except ObjectMissing:
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunUnusable(
            f"{bucket.url(domino_model_key(run))} is not a valid model record ({type(error).__name__}). Delete it: "
            "the next run looks the model up in Domino."
        ) from error


def read_run_contract(bucket: Bucket, run: str) -> Contract:
    """The run's contract.

    Raises:
        ObjectMissing: there is none.
        RunUnusable: the contract is malformed.
    """
    key = contract_key(run)
    try:
        return read_contract(bucket, key)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunUnusable(
            f"{bucket.url(key)} is not a valid contract ({type(error).__name__}). Restore its earlier version."
        ) from error


def note_configured(bucket: Bucket, record: ModelRecord, kind: DatasetKind) -> ModelRecord:
    """Adds `kind` to the configured kinds of the record, and writes it."""
    noted = replace(record, configured=(*record.configured, kind))
    bucket.write_json(domino_model_key(record.run), asdict(noted))
    return noted


def publish_model_id(ssm: "SSMClient", parameter: str, model_id: str) -> None:
    """Writes the id of the model in force to the SSM parameter, unless it is there already.

    A failure is only logged: the parameter is for people, and every daily run publishes it.
    """
    try:
        if ssm.get_parameter(Name=parameter)["Parameter"]["Value"] != model_id:
            ssm.put_parameter(Name=parameter, Value=model_id, Type="String", Overwrite=True)
    except (ClientError, BotoCoreError) as error:
        _LOGGER.warning("The parameter %s was not written: %s", parameter, error)


def _register(registry: ModelRegistry, contract: Contract) -> str:
    _check_training_data(registry, contract.run)
    config = monitoring_config(contract, registry.stack, registry.datasource)
    return _registered_once(
        register=lambda: register_model(registry.connection, config),
        find=lambda: _find(registry, contract.run),
        attempts=registry.connection.attempts,
        wait=lambda attempt: registry.connection.sleep(registry.connection.first_wait_seconds * 2**attempt),
    )


def _registered_once(
    *,
    register: Callable[[], str | None],
    find: Callable[[], str | None],
    attempts: int,
    wait: Callable[[int], None],
) -> str:
    """The id that `register` returns or, if that returns none, `find`."""
    trouble: AutowatchError = DominoAnswerUnusable(
        "Domino says that it has a model of this name, but does not list it. Find it there and delete it."
    )
    for attempt in range(attempts):
        try:
            if model_id := register():
                return model_id
        except (DominoUnavailable, DominoAnswerUnusable) as error:
            trouble = error
        if model_id := find():
            return model_id
        if attempt + 1 < attempts:
            wait(attempt)
    raise trouble


def _find(registry: ModelRegistry, run: str) -> str | None:
    name = domino_model_name(registry.stack, run)
    return next((model.id for model in list_models(registry.connection) if model.name == name), None)


def _check_training_data(registry: ModelRegistry, run: str) -> None:
    key = train_key(run)
    if not registry.bucket.exists(key):
        raise TrainingDataGone(
            f"The model of run {run} is not registered with Domino, and {registry.bucket.url(key)} no longer exists "
            "(the parameter KeepModels says how many models are kept). Restore the object's earlier version."
        )


_VALUE_TYPES = {"numeric": "numerical", "categorical": "categorical"}

_MODELS: Mapping[ProblemType, tuple[str, str]] = {
    "binary": ("classification", "categorical"),
    "multiclass": ("classification", "categorical"),
    "regression": ("regression", "numerical"),
}
"""Domino's names for the model and the predicted values of each problem type."""


def domino_model_name(stack: str, run: str) -> str:
    """The name of a run's model in Domino. Each run has its own model there, since bins cannot be changed later."""
    return f"{stack}-{run}"


def monitoring_config(contract: Contract, stack: str, datasource: str) -> dict[str, Any]:
    """The monitoring config of the contract's run.

    The training data have neither an id nor a date; these variables come with the first predictions.
    """
    features = [
        {"name": feature.name, "valueType": _VALUE_TYPES[feature.type], "variableType": "feature"}
        for feature in contract.features
    ]
    model_type, value_type = _MODELS[contract.problem_type]
    prediction = {"name": contract.target, "valueType": value_type, "variableType": "prediction"}
    name = domino_model_name(stack, contract.run)
    return {
        "variables": [*features, prediction],
        "datasetDetails": dataset_details(f"{name}-train", train_key(contract.run), datasource),
        "modelMetadata": {
            "name": name,
            "modelType": model_type,
            "version": contract.run,
            "description": f"Model of run {contract.run} of the stack {stack}, which predicts {contract.target}.",
            "author": "Autowatch",
        },
    }


def first_variables(contract: Contract, kind: DatasetKind) -> list[dict[str, Any]]:
    """The variables to send with a model's first dataset of this kind only."""
    if kind == "labels":
        return [
            {
                "name": contract.actual_column,
                "valueType": _MODELS[contract.problem_type][1],
                "variableType": "ground_truth",
                "forPredictionOutput": contract.target,
            }
        ]
    return [
        {"name": contract.row_id, "valueType": "string", "variableType": "row_identifier"},
        {"name": PREDICTION_DATE_COLUMN, "valueType": "datetime", "variableType": "timestamp"},
    ]


def register_released_model(ssm: "SSMClient", registry: ModelRegistry, run: str, parameter: str) -> str:
    """Registers the run's model with Domino (v2), unless it is registered, and returns its id.

    Raises:
        DominoError: a request to Domino failed; the loader retries before the run's first file.
    """
    record = ensure_model(registry, run)
    publish_model_id(ssm, parameter, record.model_id)
    return record.model_id
