"""State Promote: checks the endpoint's config, smoke tests it, then makes the challenger the champion."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.records.contract import read_contract
from autowatch.records.keys import contract_key
from autowatch.scoring.endpoint import Endpoint
from autowatch.settings import StackSettings
from autowatch.training.release.promote import promote

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@entry_point(StackSettings)
def lambda_handler(
    event: dict[str, Any], context: "LambdaContext", settings: StackSettings
) -> dict[str, Any]:
    """Takes the `run` whose model is released and the `config` that serves it; returns the time of the release."""
    bucket, name = data_bucket(settings.bucket), settings.endpoint_name
    contract = read_contract(bucket, contract_key(event["run"]))
    endpoint = Endpoint(
        client=client("sagemaker-runtime"),
        name=name,
        problem=contract.problem,
        seconds_left=seconds_left(context),
    )
    champion = promote(
        bucket, client("sagemaker"), event["run"], event["config"], name, endpoint, datetime.now(UTC)
    )
    return {"released": champion.released}
