"""State Promote: compares the endpoint's config, smoke tests it, then puts the challenger in force."""

import os
from datetime import UTC, datetime
from typing import Any

from autowatch.records.contract import read_contract
from autowatch.records.run import contract_key
from autowatch.scoring.endpoint import Endpoint
from autowatch.training.release.promote import promote
from train.clients import client, data_bucket, runtime_client


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes the `run` whose model is released and the `config` that serves it; returns when it was."""
    bucket, name = data_bucket(), os.environ["ENDPOINT_NAME"]
    contract = read_contract(bucket, contract_key(event["run"]))
    endpoint = Endpoint(
        client=runtime_client(1),
        name=name,
        labels=contract.labels,
        positive_label=contract.positive_label,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    champion = promote(
        bucket, client("sagemaker"), event["run"], event["config"], name, endpoint, datetime.now(UTC)
    )
    return {"released": champion.released}
