"""Once a day: tells Domino Model Monitor of every file of predictions and of labels that it does not know yet."""

import logging
import os
from datetime import UTC, datetime
from functools import cache
from typing import Any, Literal

import boto3
from botocore.config import Config

from autowatch.aws.objects import Bucket
from autowatch.domino.connection import DominoToken, open_session
from autowatch.domino.loader import load_new_files
from autowatch.domino.registration import CALLS_AT_ONCE
from autowatch.domino.settings import domino_settings, read_domino_token
from load_dmm.settings import settings_from_env

_LOGGER = logging.getLogger(__name__)
# What remains after the last call: for the manifests of a day, the receipts, the progress and the message.
_SECONDS_TO_FINISH = 60.0


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:  # noqa: ARG001 (Lambda passes both)
    """Registers what is new and gives the counts; without a Domino, says so and does nothing."""
    domino = domino_settings(os.environ)
    if domino is None:
        _LOGGER.info("Domino is not configured: set the parameters that begin with Dmm")
        return {"configured": False}
    with open_session(CALLS_AT_ONCE) as session:
        connection = domino.connect(
            session,
            _token(domino.token_secret_arn),
            lambda: context.get_remaining_time_in_millis() / 1000 - _SECONDS_TO_FINISH,
        )
        summary = load_new_files(
            Bucket(_client("s3"), os.environ["S3_BUCKET"]),
            _client("ssm"),
            domino,
            connection,
            settings_from_env(os.environ),
            datetime.now(UTC),
        )
    return {"configured": True, **summary}


@cache
def _token(secret_arn: str) -> DominoToken:
    return DominoToken(lambda: read_domino_token(_client("secretsmanager"), secret_arn))


@cache
def _client(service: Literal["s3", "secretsmanager", "ssm"]) -> Any:
    return boto3.client(
        service,
        config=Config(
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 4},
            max_pool_connections=2 * CALLS_AT_ONCE,
        ),
    )
