"""What the environment tells the drift detector."""

from collections.abc import Mapping

from autowatch.monitoring.watch import MonitoringSettings
from autowatch.settings import whole_number


def settings_from_env(environment: Mapping[str, str]) -> MonitoringSettings:
    """Reads the settings.

    Raises:
        KeyError: a variable that the template always sets is missing.
    """
    return MonitoringSettings(
        predictions_prefix=environment.get("PREDICTIONS_PREFIX", "predictions/"),
        topic_arn=environment["ALERT_TOPIC_ARN"],
        metrics_namespace=environment["METRICS_NAMESPACE"],
        stack=environment["STACK_NAME"],
        region=environment["AWS_REGION"],
        min_rows=whole_number(environment, "MIN_ROWS"),
        column_metrics=environment["COLUMN_METRICS"] == "true",
    )
