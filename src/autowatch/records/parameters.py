"""The stack's parameters that apply to some problem types only."""

from collections.abc import Mapping
from dataclasses import dataclass

from autowatch.records.problem import TYPES_IN_WORDS, ProblemType
from autowatch.settings import InvalidSetting


@dataclass(frozen=True)
class TypedParameter:
    """A parameter that applies to some problem types only: its default, and what to set for the other types."""

    default: str
    types: tuple[ProblemType, ...]
    instead: str


_OF_TWO_LABELS = "It applies to two labels only; leave it at its default."
_LABELS: tuple[ProblemType, ...] = ("binary", "multiclass")
_NUMBERS: tuple[ProblemType, ...] = ("regression",)

PARAMETERS: Mapping[str, TypedParameter] = {
    "PositiveLabel": TypedParameter("", ("binary",), _OF_TWO_LABELS),
    "DecisionThreshold": TypedParameter("model", ("binary",), _OF_TWO_LABELS),
    "CostOfMiss": TypedParameter("", ("binary",), _OF_TWO_LABELS),
    "CostOfAlarm": TypedParameter("", ("binary",), _OF_TWO_LABELS),
    "ProbabilityOfEachClass": TypedParameter(
        "false",
        ("multiclass",),
        "Predictions of two labels have the probability of one, numbers have none.",
    ),
    "MinimumAuc": TypedParameter("0.6", _LABELS, "Set MinimumR2."),
    "MinimumMacroF1": TypedParameter("0", ("multiclass",), "Set MinimumAuc or, for numbers, MinimumR2."),
    "MinimumR2": TypedParameter("0", _NUMBERS, "Set MinimumAuc."),
    "AucTolerance": TypedParameter("0", _LABELS, "Set ErrorTolerancePercent."),
    "ErrorTolerancePercent": TypedParameter("0", _NUMBERS, "Set AucTolerance."),
    "MaxAucDrop": TypedParameter("0.05", _LABELS, "Set MaxErrorRisePercent."),
    "MaxErrorRisePercent": TypedParameter("20", _NUMBERS, "Set MaxAucDrop."),
}
"""The parameters that apply to some problem types only; for the others they must keep their default."""

OBJECTIVES: Mapping[ProblemType, tuple[str, ...]] = {
    "binary": ("AUC", "Accuracy", "BalancedAccuracy", "F1"),
    "multiclass": ("F1macro", "Accuracy", "BalancedAccuracy"),
    "regression": ("RMSE", "MSE", "MAE", "R2"),
}
"""The metrics by which Autopilot can rank candidates; `auto` means the first."""


def objective_of(problem_type: ProblemType, objective: str) -> str:
    """The metric that the parameter ObjectiveMetric asks for."""
    return OBJECTIVES[problem_type][0] if objective == "auto" else objective


def check_parameters(problem_type: ProblemType, values: Mapping[str, str]) -> None:
    """Checks that no parameter is set that does not apply to the problem type.

    Args:
        problem_type: the type of the target.
        values: the stack's parameters, as they were written.

    Raises:
        InvalidSetting: one is; the message says what to set instead.
    """
    what = TYPES_IN_WORDS[problem_type]
    for name, parameter in PARAMETERS.items():
        value = values.get(name, parameter.default)
        if problem_type not in parameter.types and not _is_same(value, parameter.default):
            raise InvalidSetting(
                f"{name} is {value!r}, but the target holds {what}, to which it does not apply. {parameter.instead}"
            )
    objective = values.get("ObjectiveMetric", "auto")
    if objective != "auto" and objective not in OBJECTIVES[problem_type]:
        raise InvalidSetting(
            f"ObjectiveMetric is {objective!r}, but the target holds {what}. Set it to auto or to one of "
            f"{', '.join(OBJECTIVES[problem_type])}."
        )


def _is_same(value: str, default: str) -> bool:
    """Whether the texts are equal or write the same number, such as 0.6 and 0.60."""
    try:
        return float(value) == float(default)
    except ValueError:
        return value == default
