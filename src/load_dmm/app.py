"""Once a day: tells Domino Model Monitor of every predictions file that it does not know yet."""

import logging
import os
from dataclasses import asdict
from functools import cache
from typing import Any, Literal

import boto3
import requests
from botocore.config import Config

from autowatch.domino import DominoConnection
from autowatch.domino_token import read_domino_token
from autowatch.domino_v0 import data_location, register_predictions
from autowatch.metrics import emit
from autowatch.registration import RegistrationSummary, register_new_predictions
from load_dmm.settings import Settings

_LOGGER = logging.getLogger(__name__)
# What remains for the receipt, the metrics and the message after the last call.
_SECONDS_TO_FINISH = 10.0


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 (Lambda passes both)
    """Registers what is new and gives the counts; without a Domino, says so and does nothing."""
    settings = Settings.from_env(os.environ)
    if not settings.domino_configured:
        _LOGGER.info("Domino is not configured: set DmmUrl, DmmModelId and DmmTokenSecretArn")
        return {"configured": False}

    with requests.Session() as session:
        domino = DominoConnection(
            session=session,
            url=settings.dmm_url,
            token=read_domino_token(_client("secretsmanager"), settings.token_secret_arn),
        )
        seconds_for_one = domino.longest_call_seconds + _SECONDS_TO_FINISH
        summary = register_new_predictions(
            s3=_client("s3"),
            bucket=settings.bucket,
            prefix=settings.predictions_prefix,
            register=lambda key: register_predictions(
                domino, settings.model_id, data_location(settings.bucket, settings.region, key)
            ),
            has_time=lambda: context.get_remaining_time_in_millis() / 1000 > seconds_for_one,
            publish=lambda summary: _publish(settings, summary),
        )
    return {"configured": True, **asdict(summary)}


def _publish(settings: Settings, summary: RegistrationSummary) -> None:
    emit(
        settings.metrics_namespace,
        {
            "DominoRegistered": summary.registered + summary.already_registered,
            "DominoWaiting": summary.waiting,
        },
        {"Stack": settings.stack},
    )


@cache
def _client(service: Literal["s3", "secretsmanager"]) -> Any:
    return boto3.client(
        service,
        config=Config(
            connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 4}
        ),
    )
