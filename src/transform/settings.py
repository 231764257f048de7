"""What the environment and the execution's input tell the transform states."""

from collections.abc import Mapping
from typing import Any

from autowatch.aws.objects import ObjectVersion
from autowatch.records.arrival import Arrival
from autowatch.records.timestamps import from_text
from autowatch.scoring.transform.plan import TransformSettings
from autowatch.settings import whole_number


def settings_from_env(environment: Mapping[str, str]) -> TransformSettings:
    """Reads the settings.

    Raises:
        KeyError: a variable that the template always sets is missing.
    """
    return TransformSettings(
        predictions_prefix=environment["PREDICTIONS_PREFIX"],
        max_rejected_percent=float(environment["MAX_REJECTED_PERCENT"]),
        max_batch_bytes=whole_number(environment, "MAX_BATCH_BYTES"),
        metrics_namespace=environment["METRICS_NAMESPACE"],
        stack=environment["STACK_NAME"],
    )


def arrival_from_input(document: dict[str, Any]) -> Arrival:
    """The arrival that an execution was started for."""
    return Arrival(ObjectVersion.from_json(document["input"]), from_text(document["time"]))
