"""State RegisterModel: makes the released model known to Domino, where there is one that takes it."""

import logging
import os
from functools import cache
from typing import Any

from autowatch.domino.connection import DominoToken, open_session
from autowatch.domino.models import ModelRegistry, register_released_model
from autowatch.domino.settings import domino_settings, read_domino_token
from train.clients import client, data_bucket

_LOGGER = logging.getLogger(__name__)
# What remains after the last call, for the record and the parameter.
_SECONDS_TO_FINISH = 15.0


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes the `run` whose model is in force; returns its id in Domino, None where Domino asks for no registration."""
    domino = domino_settings(os.environ)
    if domino is None or domino.api == "v0":
        _LOGGER.info("No Domino that takes models is configured")
        return {"model_id": None}
    with open_session(1) as session:
        connection = domino.connect(
            session,
            _token(domino.token_secret_arn),
            lambda: context.get_remaining_time_in_millis() / 1000 - _SECONDS_TO_FINISH,
        )
        registry = ModelRegistry(data_bucket(), connection, os.environ["STACK_NAME"], domino.datasource)
        model_id = register_released_model(
            client("ssm"), registry, event["run"], os.environ["DMM_MODEL_PARAMETER"]
        )
    return {"model_id": model_id}


@cache
def _token(secret_arn: str) -> DominoToken:
    return DominoToken(lambda: read_domino_token(client("secretsmanager"), secret_arn))
