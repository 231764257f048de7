"""Metrics in the embedded metric format: lines of JSON in the log that CloudWatch turns into metrics.

The limits below are those of the specification
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html)
and of the resulting metrics
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html).
"""

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import TextIO

from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from autowatch.errors import AutowatchError

_MAX_METRICS = 100
_MAX_DIMENSIONS = 30
_MAX_NAME = 255
_MAX_DIMENSION_VALUE = 1024
_MAX_MAGNITUDE = 2.0**360
# The limit is two weeks; an hour is left for the line to pass through the log.
OLDEST = timedelta(days=14) - timedelta(hours=1)


class InvalidMetrics(AutowatchError):
    """CloudWatch would drop these metrics silently."""


def emit(
    namespace: str,
    values: Mapping[str, float],
    dimensions: Mapping[str, str],
    stream: TextIO | None = None,
    moment: datetime | None = None,
) -> None:
    """Writes the metrics `values` with one set of `dimensions` as one line to `stream` (standard output).

    `moment` is their time, timezone-aware; by default now.

    Raises:
        InvalidMetrics: the specification does not allow them, so CloudWatch would ignore the line.
    """
    clock = datetime.now(UTC)
    moment = moment or clock
    _check(namespace, values, dimensions)
    _check_moment(moment, clock)
    powertools = AmazonCloudWatchEMFProvider(namespace=namespace)
    powertools.set_timestamp(moment)
    definitions = {name: {"Unit": MetricUnit.NoUnit.value} for name in values}
    document = {**powertools.serialize_metric_set(definitions, dict(dimensions), {}), **values}
    # One write, so that the lines of two threads cannot mix.
    (stream or sys.stdout).write(json.dumps(document, allow_nan=False) + "\n")


def _check(namespace: str, values: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
    if not namespace:
        raise InvalidMetrics("The metrics have no namespace. Set METRICS_NAMESPACE.")
    if not 1 <= len(values) <= _MAX_METRICS:
        raise InvalidMetrics(
            f"A line holds 1 to {_MAX_METRICS} metrics, not {len(values)}. Emit several lines."
        )
    if len(dimensions) > _MAX_DIMENSIONS:
        raise InvalidMetrics(f"A metric has at most {_MAX_DIMENSIONS} dimensions, not {len(dimensions)}.")
    if shared := sorted(values.keys() & dimensions.keys()):
        raise InvalidMetrics(f"These names are both a metric and a dimension: {', '.join(shared)}.")
    if unusable := [name for name in (*values, *dimensions) if not _is_text(name, _MAX_NAME)]:
        raise InvalidMetrics(
            f"These names are not 1 to {_MAX_NAME} printable ASCII characters: {unusable!a}."
        )
    # A comparison with NaN is false.
    if unusable := sorted(name for name, value in values.items() if not abs(value) <= _MAX_MAGNITUDE):
        raise InvalidMetrics(
            f"CloudWatch does not accept these metrics' values: {', '.join(unusable)}. Leave them out."
        )
    if unusable := [name for name, value in dimensions.items() if not _is_text(value, _MAX_DIMENSION_VALUE)]:
        raise InvalidMetrics(
            f"These dimensions are not 1 to {_MAX_DIMENSION_VALUE} printable ASCII characters: "
            f"{', '.join(unusable)}. Leave them out or change them."
        )


def _check_moment(moment: datetime, clock: datetime) -> None:
    if not clock - OLDEST <= moment <= clock + timedelta(hours=2):
        raise InvalidMetrics(
            f"CloudWatch accepts metrics from two weeks ago to two hours ahead, not {moment.isoformat()}. Omit them."
        )


def _is_text(text: str, longest: int) -> bool:
    return (
        len(text) <= longest and text.isascii() and text.isprintable() and not text.isspace() and text != ""
    )
