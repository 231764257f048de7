"""What the environment tells the function that measures quality."""

from collections.abc import Mapping

from autowatch.monitoring.quality.job import QualitySettings
from autowatch.monitoring.quality.verdict import QualityRules
from autowatch.settings import whole_number


def settings_from_env(environment: Mapping[str, str]) -> QualitySettings:
    """Reads the settings.

    Raises:
        KeyError: a variable that the template always sets is missing.
    """
    return QualitySettings(
        topic_arn=environment["ALERT_TOPIC_ARN"],
        metrics_namespace=environment["METRICS_NAMESPACE"],
        stack=environment["STACK_NAME"],
        region=environment["AWS_REGION"],
        rules=QualityRules(
            minimum_auc=float(environment["MINIMUM_AUC"]),
            max_auc_drop=float(environment["MAX_AUC_DROP"]),
            min_labels=whole_number(environment, "MIN_LABELS"),
        ),
    )
