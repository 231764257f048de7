"""A function's output goes to CloudWatch Logs, to a file and, in embedded metric format, to CloudWatch metrics."""

import contextlib
import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from moto.cloudwatch.models import cloudwatch_backends
from moto.logs.exceptions import ResourceAlreadyExistsException
from moto.logs.models import logs_backends

from sandbox.functions.functions import Function


class FunctionLogs:
    """Writes each line to the function's log group and to `<folder>/<logical id>.log`."""

    def __init__(
        self, folder: Path, account_id: str, region: str, may_write: Callable[[Function, str], bool]
    ) -> None:
        """`may_write` returns whether a function may write a log stream; forbidden lines are lost, as in Lambda."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._logs = logs_backends[account_id][region]
        self._metrics = cloudwatch_backends[account_id][region]
        self._lock = threading.Lock()
        self._may_write = may_write
        self._streams: dict[tuple[str, str], bool] = {}

    def write(self, function: Function, stream: str, line: str) -> None:
        """Write one line; embedded metrics in it are recorded too."""
        with self._lock:
            if not self._open(function, stream):
                return
            with (self._folder / f"{function.logical_id}.log").open("a", encoding="utf-8") as file:
                file.write(line + "\n")
            if not line:
                return
            event = {"timestamp": int(time.time() * 1000), "message": line}
            self._logs.put_log_events(function.log_group, stream, [event])
            if '"_aws"' in line:
                for namespace, data in embedded_metrics(line):
                    self._metrics.put_metric_data(namespace, data)

    def _open(self, function: Function, stream: str) -> bool:
        """Create a function's log stream at its first line; False if the function may not."""
        group = function.log_group
        if (group, stream) in self._streams:
            return self._streams[group, stream]
        self._streams[group, stream] = self._may_write(function, stream)
        if not self._streams[group, stream]:
            return False
        if group not in self._logs.groups:
            self._logs.create_log_group(group, {})
        with contextlib.suppress(ResourceAlreadyExistsException):
            self._logs.create_log_stream(group, stream)
        return True


def embedded_metrics(line: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """The metrics in a line of CloudWatch's embedded metric format: pairs of namespace and data.

    Like CloudWatch, it ignores lines that violate the specification.
    """
    try:
        record = json.loads(line)
        directives = record["_aws"]["CloudWatchMetrics"]
        moment = datetime.fromtimestamp(record["_aws"]["Timestamp"] / 1000, UTC)
        if not timedelta(days=-14) <= moment - datetime.now(UTC) <= timedelta(hours=2):
            return []
        # moto stores times in UTC without a timezone.
        moment = moment.replace(tzinfo=None)
        return [(directive["Namespace"], _data(record, directive, moment)) for directive in directives]
    except (ValueError, KeyError, TypeError):
        return []


def _data(record: dict[str, Any], directive: dict[str, Any], moment: datetime) -> list[dict[str, Any]]:
    if len(directive["Metrics"]) > 100:
        raise ValueError("a directive has at most 100 metrics")
    return [
        {
            "MetricName": metric["Name"],
            "Dimensions": [{"Name": name, "Value": _dimension(record[name])} for name in names],
            "Timestamp": moment,
            "Unit": metric.get("Unit", "None"),
            "Values": _values(record[metric["Name"]]),
        }
        for metric in directive["Metrics"]
        for names in directive.get("Dimensions") or [[]]
    ]


def _dimension(value: Any) -> str:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html."""
    if not isinstance(value, str) or not value.strip() or len(value) > 1024:
        raise ValueError("a dimension is a text of 1 to 1024 characters that are not all blank")
    if not value.isascii() or not value.isprintable():
        raise ValueError("a dimension is printable ASCII")
    return value


def _values(value: Any) -> list[float]:
    return [float(each) for each in (value if isinstance(value, list) else [value])]
