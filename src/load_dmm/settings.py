"""What the environment tells the Domino loader."""

from collections.abc import Mapping

from autowatch.domino.loader import LoaderSettings


def settings_from_env(environment: Mapping[str, str]) -> LoaderSettings:
    """Reads the settings.

    Raises:
        KeyError: a variable that the template always sets is missing.
    """
    return LoaderSettings(
        region=environment["AWS_REGION"],
        predictions_prefix=environment.get("PREDICTIONS_PREFIX", "predictions/"),
        model_parameter=environment["DMM_MODEL_PARAMETER"],
        metrics_namespace=environment["METRICS_NAMESPACE"],
        stack=environment["STACK_NAME"],
    )
