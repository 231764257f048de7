"""Metrics in the embedded metric format: lines of JSON on the log that CloudWatch turns into metrics.

The limits below are those of its specification
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html).
"""

import json
import math
import sys
import time
from collections.abc import Mapping
from typing import TextIO

from autowatch.errors import AutowatchError

_MAX_METRICS = 100
_MAX_DIMENSIONS = 30


class InvalidMetrics(AutowatchError):
    """CloudWatch would drop these metrics without a word."""


def emit(
    namespace: str, values: Mapping[str, float], dimensions: Mapping[str, str], stream: TextIO | None = None
) -> None:
    """Writes the metrics `values` with one set of `dimensions` as one line to `stream` (standard output).

    Raises:
        InvalidMetrics: the specification does not allow them, so that CloudWatch would ignore the line.
    """
    _check(namespace, values, dimensions)
    directive = {
        "Namespace": namespace,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name} for name in values],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    document = {"_aws": metadata, **dimensions, **values}
    # One write: lines of two threads must not run into each other.
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
    if unusable := sorted(name for name, value in values.items() if not math.isfinite(value)):
        raise InvalidMetrics(f"These metrics are not finite numbers: {', '.join(unusable)}. Leave them out.")
    if empty := sorted(name for name, value in dimensions.items() if not value):
        raise InvalidMetrics(f"These dimensions are empty: {', '.join(empty)}. Leave them out.")
