"""A metric as a series: one statistic of the data points of each period, from moto's store."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from moto.cloudwatch.models import MetricAggregatedDatum, MetricDatumBase

from sandbox.alarms.metric_math import Series
from sandbox.errors import AlarmError

_Summary = tuple[float, float, float, float]
"""Sum, count, minimum and maximum of some values."""

_STATISTICS: dict[str, Callable[[_Summary], float]] = {
    "Sum": lambda summary: summary[0],
    "SampleCount": lambda summary: summary[1],
    "Average": lambda summary: summary[0] / summary[1],
    "Minimum": lambda summary: summary[2],
    "Maximum": lambda summary: summary[3],
}


def metric_series(
    data: Iterable[MetricDatumBase],
    metric: Mapping[str, Any],
    statistic: str,
    period: int,
    count: int,
    now: datetime,
) -> Series:
    """The statistic of the metric over the last `count` periods of `period` seconds, the oldest first.

    `metric` has Namespace, MetricName and Dimensions, all of which a data point must have and no other. The windows
    slide with `now` (timezone-aware), as an alarm's do: the last one ends with the current minute.

    Raises AlarmError for a statistic that the sandbox does not have.
    """
    if statistic not in _STATISTICS:
        raise AlarmError(f"The sandbox has no statistic {statistic}; it has {', '.join(_STATISTICS)}.")
    # moto stores times in UTC without a timezone.
    end = now.astimezone(UTC).replace(second=0, microsecond=0, tzinfo=None) + timedelta(minutes=1)
    dimensions = {item["Name"]: item["Value"] for item in metric.get("Dimensions", [])}
    windows: list[list[MetricDatumBase]] = [[] for _ in range(count)]
    for datum in data:
        if (datum.namespace, datum.name) != (metric["Namespace"], metric["MetricName"]):
            continue
        if {dimension.name: dimension.value for dimension in datum.dimensions} != dimensions:
            continue
        ago = (end - datum.timestamp) / timedelta(seconds=period)
        # A window includes its beginning, not its end.
        window = count - int(-(-ago // 1))
        if 0 <= window < count:
            windows[window].append(datum)
    return [_STATISTICS[statistic](_summary(some)) if some else None for some in windows]


def _summary(data: list[MetricDatumBase]) -> _Summary:
    totals, samples, least, most = zip(*map(_numbers, data), strict=True)
    return sum(totals), sum(samples), min(least), max(most)


def _numbers(datum: MetricDatumBase) -> _Summary:
    if isinstance(datum, MetricAggregatedDatum):
        return datum.sum, datum.sample_count, datum.min, datum.max
    value = cast(Any, datum).value
    return value, 1, value, value
