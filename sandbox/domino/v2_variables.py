"""The variables of a model on the v2 wire: what may be declared, when, and what it means.

Observed are the texts of "already configured", "can be only 1 row_identifier" and "No prediction data registered with
the model"; the others are assumed.
"""

from typing import Any, get_args

from werkzeug.exceptions import BadRequest

from sandbox.domino.bodies import read_text
from sandbox.domino.models import Model
from sandbox.domino.tables import ValueType

_VALUE_TYPES = ("numerical", "categorical", "string", "datetime")
_COMPARED = ("feature", "prediction")
_OF_PREDICTIONS = ("timestamp", "row_identifier", "sample_weight", "prediction_probability")
_ONLY_ONCE = ("prediction", "timestamp", "row_identifier")
_NEEDED_VALUE_TYPES = {"row_identifier": "string", "timestamp": "datetime"}
_PREDICTED = {"classification": "categorical", "regression": "numerical"}
_BINS = ("binsNum", "binEdges", "binCategories")

Variable = dict[str, Any]


def read_variables(body: dict[str, Any]) -> list[Variable]:
    """The member `variables`, each with a name, a value type and a variable type; raises BadRequest if malformed."""
    variables = body.get("variables")
    if not isinstance(variables, list) or not all(isinstance(each, dict) for each in variables):
        raise BadRequest("variables is required and is a list of objects")
    for variable in variables:
        _check_types(variable)
    names = [variable["name"] for variable in variables]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadRequest(f"Variable(s) with name {twice} is/are there more than once")
    return variables


def check_model(declared: list[Variable], model_type: str | None = None) -> None:
    """The variables of a new model; raises BadRequest if invalid.

    Assumed: a classification predicts categories and a regression numbers.
    """
    _check_counts([variable["variableType"] for variable in declared])
    for variable in declared:
        if variable["variableType"] == "ground_truth":
            raise BadRequest("A ground_truth variable comes with the first ground truth dataset")
        needed = _PREDICTED.get(model_type or "", variable["valueType"])
        if variable["variableType"] == "prediction" and variable["valueType"] != needed:
            raise BadRequest(
                f"valueType of {variable['name']} must be {needed} in a model of type {model_type}"
            )
    if not any(variable["variableType"] == "feature" for variable in declared):
        raise BadRequest("A model needs a variable of the type feature")


def check_predictions(model: Model, declared: list[Variable], *, is_first: bool) -> None:
    """The variables that a dataset of predictions declares: none, or in the first call those not in training data."""
    _refuse_known(model, declared)
    if declared and not is_first:
        raise BadRequest("Variables can be declared with the first prediction dataset only")
    others = [each["name"] for each in declared if each["variableType"] not in _OF_PREDICTIONS]
    if others:
        raise BadRequest(f"Variable(s) with name {others} cannot be declared with predictions")
    known = [each["variableType"] for each in model.variables.values()]
    _check_counts(known + [each["variableType"] for each in declared])


def check_ground_truths(model: Model, declared: list[Variable], *, is_first: bool) -> None:
    """The variables that a dataset of ground truths declares: in the first call the ground truth, later none."""
    if not any(dataset.kind == "predictions" for dataset in model.datasets):
        raise BadRequest("No prediction data registered with the model")
    _refuse_known(model, declared)
    if not is_first:
        if declared:
            raise BadRequest("Variables can be declared with the first ground truth dataset only")
        return
    if [each["variableType"] for each in declared] != ["ground_truth"]:
        raise BadRequest("The first ground truth dataset declares one variable of the type ground_truth")
    if declared[0].get("forPredictionOutput") != model.prediction or model.prediction is None:
        raise BadRequest("forPredictionOutput must be the model's prediction variable")


def declare(model: Model, declared: list[Variable]) -> None:
    """Adds checked variables to the model."""
    for variable in declared:
        name = variable["name"]
        model.variables[name] = dict(variable)
        match variable["variableType"]:
            case "prediction":
                model.prediction = name
            case "row_identifier":
                model.row_identifier = name
            case "timestamp":
                model.timestamp = name
            case "ground_truth":
                model.ground_truth = name


def compared_columns(declared: list[Variable]) -> dict[str, ValueType]:
    """The columns that the training data and every predictions file must have (documented of the features)."""
    return {each["name"]: each["valueType"] for each in declared if each["variableType"] in _COMPARED}


def _check_types(variable: Variable) -> None:
    name, kind, value_type = (read_text(variable, each) for each in ("name", "variableType", "valueType"))
    if kind not in (*_COMPARED, *_OF_PREDICTIONS, "ground_truth"):
        raise BadRequest(f"variableType {kind} of {name} is not known")
    if value_type not in _VALUE_TYPES:
        raise BadRequest(f"valueType {value_type} of {name} is not known")
    if kind in _COMPARED and value_type not in get_args(ValueType):
        raise BadRequest(f"valueType of {name} must be numerical or categorical")
    if _NEEDED_VALUE_TYPES.get(kind, value_type) != value_type:
        raise BadRequest(f"valueType of {name} must be {_NEEDED_VALUE_TYPES[kind]}")
    if any(each in variable for each in _BINS):
        raise BadRequest("The local Domino makes the bins itself")


def _check_counts(kinds: list[str]) -> None:
    for kind in _ONLY_ONCE:
        if kinds.count(kind) > 1:
            raise BadRequest(f"There can be only 1 {kind} variable")


def _refuse_known(model: Model, declared: list[Variable]) -> None:
    known = [each["name"] for each in declared if each["name"] in model.variables]
    if known:
        raise BadRequest(f"Variable(s) with name {known} is/are already configured")
