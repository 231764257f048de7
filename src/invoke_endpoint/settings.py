"""What the environment tells the scoring function."""

from collections.abc import Callable, Mapping
from typing import Any

from autowatch.scoring.inbox import TransformMachine
from autowatch.scoring.predictions import ScoringSettings
from autowatch.scoring.requests import ScoringLimits
from autowatch.settings import whole_number


def settings_from_env(environment: Mapping[str, str]) -> ScoringSettings:
    """Reads the settings.

    Raises:
        KeyError: a variable that the template always sets is missing.
    """
    return ScoringSettings(
        endpoint_name=environment["ENDPOINT_NAME"],
        predictions_prefix=environment["PREDICTIONS_PREFIX"],
        max_rejected_percent=float(environment["MAX_REJECTED_PERCENT"]),
        limits=ScoringLimits(
            max_batch_bytes=whole_number(environment, "MAX_BATCH_BYTES"),
            concurrency=whole_number(environment, "CONCURRENCY"),
        ),
        metrics_namespace=environment["METRICS_NAMESPACE"],
        stack=environment["STACK_NAME"],
    )


def transforms_from_env(
    environment: Mapping[str, str], stepfunctions: Callable[[], Any]
) -> TransformMachine | None:
    """The machine that large files go to; None where none is set, so that files of any size are scored here.

    Args:
        stepfunctions: makes the client, for a large file alone.
    """
    arn = environment.get("TRANSFORM_STATE_MACHINE_ARN")
    if not arn:
        return None
    return TransformMachine(stepfunctions, arn, whole_number(environment, "TRANSFORM_THRESHOLD_BYTES"))
