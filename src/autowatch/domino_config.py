"""What Domino is told of a run's model: its columns, its training data, and how later files belong to it."""

from typing import Any

from autowatch.contract import ID_COLUMN, PREDICTION_DATE_COLUMN, Contract
from autowatch.domino_dataset import DatasetKind
from autowatch.domino_v2 import dataset_details
from autowatch.runs import train_key

_VALUE_TYPES = {"numeric": "numerical", "categorical": "categorical"}


def domino_model_name(stack: str, run: str) -> str:
    """The name of a run's model in Domino. Each run is a model of its own there, since bins cannot be changed later."""
    return f"{stack}-{run}"


def monitoring_config(contract: Contract, stack: str, datasource: str) -> dict[str, Any]:
    """The monitoring config of the contract's run. The training data have neither an id nor a date: those come with the
    first predictions."""
    features = [
        {"name": feature.name, "valueType": _VALUE_TYPES[feature.type], "variableType": "feature"}
        for feature in contract.features
    ]
    prediction = {"name": contract.target, "valueType": "categorical", "variableType": "prediction"}
    name = domino_model_name(stack, contract.run)
    return {
        "variables": [*features, prediction],
        "datasetDetails": dataset_details(f"{name}-train", train_key(contract.run), datasource),
        "modelMetadata": {
            "name": name,
            "modelType": "classification",
            "version": contract.run,
            "description": f"Model of run {contract.run} of the stack {stack}, which predicts {contract.target}.",
            "author": "Autowatch",
        },
    }


def first_variables(contract: Contract, kind: DatasetKind) -> list[dict[str, Any]]:
    """The variables that go with a model's first dataset of this kind, and with no other."""
    if kind == "labels":
        return [
            {
                "name": contract.actual_column,
                "valueType": "categorical",
                "variableType": "ground_truth",
                "forPredictionOutput": contract.target,
            }
        ]
    return [
        {"name": ID_COLUMN, "valueType": "string", "variableType": "row_identifier"},
        {"name": PREDICTION_DATE_COLUMN, "valueType": "datetime", "variableType": "timestamp"},
    ]
