"""The decision threshold: the lowest probability at which a row gets the positive label, and how it was chosen."""

import math
from dataclasses import dataclass
from typing import Literal

from autowatch.evaluation.figures import Costs
from autowatch.settings import InvalidSetting


@dataclass(frozen=True)
class DecisionThreshold:
    """A row whose probability is at least `value`, strictly between 0 and 1, gets the positive label.

    `chosen_by` is the parameter, or the hold-out measure that it optimises: F1, or the cost of mistakes at `costs`.
    """

    value: float
    chosen_by: Literal["parameter", "f1", "cost"]
    costs: Costs | None = None

    @property
    def origin(self) -> str:
        """How it was chosen, in words that follow its value."""
        if self.costs:
            return (
                f"the lowest cost on the hold-out, at {self.costs.miss:g} per miss and {self.costs.alarm:g} per "
                "false alarm"
            )
        return (
            "the largest F1 on the hold-out"
            if self.chosen_by == "f1"
            else "set by the parameter DecisionThreshold"
        )


@dataclass(frozen=True)
class ThresholdRule:
    """The fixed threshold `value` or, without one, the best on the hold-out by `costs` or, without them, by F1."""

    value: float | None = None
    costs: Costs | None = None


@dataclass(frozen=True)
class ThresholdParameters:
    """The stack's parameters DecisionThreshold, CostOfMiss and CostOfAlarm, unparsed."""

    decision_threshold: str
    cost_of_miss: str
    cost_of_alarm: str

    def read(self) -> ThresholdRule | None:
        """The rule that they ask for; None if the model itself chooses the label.

        Raises:
            InvalidSetting: they cannot be parsed or contradict each other.
        """
        costs = self._costs()
        if costs and self.decision_threshold != "auto":
            raise InvalidSetting(
                f"CostOfMiss and CostOfAlarm choose a threshold, but DecisionThreshold is {self.decision_threshold!r}. "
                "Set it to auto, or empty the two costs."
            )
        if self.decision_threshold == "model":
            return None
        if self.decision_threshold == "auto":
            return ThresholdRule(costs=costs)
        value = _number(self.decision_threshold)
        if not 0 < value < 1:
            raise InvalidSetting(
                f"DecisionThreshold is {self.decision_threshold!r}, not model, auto or a number between 0 and 1. "
                "Correct the stack's parameter of that name."
            )
        return ThresholdRule(value)

    def _costs(self) -> Costs | None:
        texts = {"CostOfMiss": self.cost_of_miss, "CostOfAlarm": self.cost_of_alarm}
        for name, text in texts.items():
            if text and not 0 < _number(text) < math.inf:
                raise InvalidSetting(
                    f"{name} is {text!r}, not a number above 0. Correct the stack's parameter of that name."
                )
        given = [name for name, text in texts.items() if text]
        if len(given) == 1:
            (other,) = texts.keys() - set(given)
            raise InvalidSetting(
                f"{given[0]} is set and {other} is not; only both together choose a threshold. Set {other}, or empty "
                f"{given[0]}."
            )
        return Costs(*map(float, texts.values())) if given else None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
