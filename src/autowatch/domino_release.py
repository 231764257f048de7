"""Making the model of a released run known to Domino."""

from typing import Any

from autowatch.domino_models import ModelRegistry, ensure_model, publish_model_id


def register_released_model(ssm: Any, registry: ModelRegistry, run: str, parameter: str) -> str:
    """Registers the run's model with Domino (v2), unless it is there already, and gives its id.

    Raises:
        DominoError: Domino did not do its part; the loader tries again before the first file of the run.
    """
    record = ensure_model(registry, run)
    publish_model_id(ssm, parameter, record.model_id)
    return record.model_id
