"""When an alarm goes off: CloudWatch's rules for existing and missing data points.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import operator
from collections.abc import Callable, Sequence
from typing import Any, Literal

from sandbox.errors import AlarmError

State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
Point = float | None

_BREACHES: dict[str, Callable[[float, float], Any]] = {
    "GreaterThanOrEqualToThreshold": operator.ge,
    "GreaterThanThreshold": operator.gt,
    "LessThanThreshold": operator.lt,
    "LessThanOrEqualToThreshold": operator.le,
}
_TREATMENTS = ("breaching", "notBreaching", "ignore", "missing")
# CloudWatch reads more periods than it evaluates, without saying how many; its example has these.
_MORE_PERIODS = 2


def evaluation_range(evaluation_periods: int) -> int:
    """How many periods are read: more than are evaluated, since some may be missing."""
    return evaluation_periods + _MORE_PERIODS


def breaches(value: float, comparison: str, threshold: float) -> bool:
    """Whether one data point lies beyond the threshold.

    Raises AlarmError for an operator that needs a model of the metric.
    """
    if comparison not in _BREACHES:
        raise AlarmError(f"The sandbox does not compare with {comparison}; it has {', '.join(_BREACHES)}.")
    return bool(_BREACHES[comparison](value, threshold))


def alarm_state(
    breaching: Sequence[bool | None],
    evaluation_periods: int,
    datapoints_to_alarm: int,
    treat_missing: str,
    current: State,
) -> State:
    """The state that follows from the data points of the evaluation range, the oldest first; None is a missing one.

    Raises AlarmError: TreatMissingData has an unknown value.
    """
    if treat_missing not in _TREATMENTS:
        raise AlarmError(
            f"Missing data cannot be treated as {treat_missing!r}; there are {', '.join(_TREATMENTS)}."
        )
    there = [point for point in breaching if point is not None][-evaluation_periods:]
    missing = evaluation_periods - len(there)
    bad = sum(there)
    if treat_missing == "breaching":
        return "ALARM" if bad + missing >= datapoints_to_alarm else "OK"
    if bad >= datapoints_to_alarm:
        return "ALARM"
    if treat_missing == "notBreaching" or not missing or not all(there):
        return "OK"
    # Only breaching points remain here, and too few of them.
    if treat_missing == "ignore":
        return current
    return "ALARM" if _oldest(breaching) >= datapoints_to_alarm else "INSUFFICIENT_DATA"


def _oldest(breaching: Sequence[bool | None]) -> int:
    """The age in periods, from 1, of the oldest existing point; 0 without any."""
    return next((len(breaching) - index for index, point in enumerate(breaching) if point is not None), 0)
