"""The stack's alarms, evaluated on demand on the metrics received.

The rules are in `state.py` and `metric_math.py`. A state change is written to CloudWatch, so that DescribeAlarms shows
it, and published to the topics among its actions.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from moto.cloudwatch.models import MetricDatumBase

from sandbox.access.decisions import Decisions, Sender
from sandbox.alarms.metric_math import Series, evaluate
from sandbox.alarms.metric_series import metric_series
from sandbox.alarms.state import State, alarm_state, breaches, evaluation_range
from sandbox.errors import AlarmError

LOGGER = logging.getLogger("sandbox")
_WORDS = {
    "GreaterThanOrEqualToThreshold": "at or above",
    "GreaterThanThreshold": "above",
    "LessThanThreshold": "below",
    "LessThanOrEqualToThreshold": "at or below",
}
_ACTIONS = {"OK": "OKActions", "ALARM": "AlarmActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}


@dataclass(frozen=True)
class Evaluation:
    """The result for one alarm."""

    name: str
    state: State
    previous: State
    reason: str


class Alarms:
    """Evaluates the alarms that `cloudwatch` (a client) describes on the data points that `data` (moto's) holds."""

    def __init__(
        self, cloudwatch: Any, sns: Any, data: Sequence[MetricDatumBase], decisions: Decisions
    ) -> None:
        self._cloudwatch, self._sns, self._data = cloudwatch, sns, data
        self._decisions = decisions

    def evaluate(self, moment: datetime | None = None) -> list[Evaluation]:
        """Evaluate every alarm as of `moment` (timezone-aware; default: now), ordered by name.

        Raises AlarmError for an alarm that asks for what the sandbox does not have.
        """
        now = moment or datetime.now(UTC)
        pages = self._cloudwatch.get_paginator("describe_alarms").paginate(AlarmTypes=["MetricAlarm"])
        alarms = [alarm for page in pages for alarm in page["MetricAlarms"]]
        return [self._evaluate(alarm, now) for alarm in sorted(alarms, key=lambda alarm: alarm["AlarmName"])]

    def _evaluate(self, alarm: dict[str, Any], now: datetime) -> Evaluation:
        name, previous = alarm["AlarmName"], cast(State, alarm["StateValue"])
        periods = int(alarm["EvaluationPeriods"])
        try:
            points = self._points(alarm, evaluation_range(periods), now)
            beyond = [
                None if point is None else breaches(point, alarm["ComparisonOperator"], alarm["Threshold"])
                for point in points
            ]
            state = alarm_state(
                beyond,
                periods,
                int(alarm.get("DatapointsToAlarm") or periods),
                alarm.get("TreatMissingData") or "missing",
                previous,
            )
        except AlarmError as error:
            raise AlarmError(f"Alarm {name}: {error}") from error
        shown = ", ".join("-" if point is None else _number(point) for point in points[-5:])
        condition = f"{_WORDS[alarm['ComparisonOperator']]} {_number(alarm['Threshold'])}"
        reason = f"ALARM when {condition}; the last data points, newest last: {shown}"
        evaluation = Evaluation(name, state, previous, reason)
        if state != previous:
            self._change(alarm, evaluation)
        return evaluation

    def _points(self, alarm: dict[str, Any], count: int, now: datetime) -> Series:
        if "MetricName" in alarm:
            if "Statistic" not in alarm:
                raise AlarmError("the sandbox supports only the plain statistics, not percentiles.")
            return metric_series(self._data, alarm, alarm["Statistic"], alarm["Period"], count, now)
        queries = alarm["Metrics"]
        series = {
            query["Id"]: metric_series(self._data, stat["Metric"], stat["Stat"], stat["Period"], count, now)
            for query in queries
            if (stat := query.get("MetricStat"))
        }
        (watched,) = (query for query in queries if query.get("ReturnData", True))
        return evaluate(watched["Expression"], series) if "Expression" in watched else series[watched["Id"]]

    def _change(self, alarm: dict[str, Any], evaluation: Evaluation) -> None:
        self._cloudwatch.set_alarm_state(
            AlarmName=evaluation.name, StateValue=evaluation.state, StateReason=evaluation.reason
        )
        if not alarm.get("ActionsEnabled", True):
            return
        for arn in alarm.get(_ACTIONS[evaluation.state], []):
            sender = Sender("cloudwatch.amazonaws.com", alarm["AlarmArn"])
            if ":sns:" not in arn:
                continue
            if objection := self._decisions.delivery_objection(sender, arn):
                LOGGER.error("%s: %s could not be notified: %s", evaluation.name, arn, objection)
            else:
                self._sns.publish(
                    TopicArn=arn,
                    Subject=f'{evaluation.state}: "{evaluation.name}"'[:100],
                    Message=f"{alarm.get('AlarmDescription', '')}\n\n{evaluation.reason}",
                )


def _number(value: float) -> str:
    return f"{value:,.15g}"
