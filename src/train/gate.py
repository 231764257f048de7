"""State Gate: scores the hold-out through the candidate endpoint and decides."""

import os
from typing import Any

from autowatch.contract import read_contract
from autowatch.endpoint import Endpoint
from autowatch.gate import judge_challenger
from autowatch.runs import contract_key
from autowatch.scoring import ScoringLimits
from autowatch.settings import whole_number
from train.clients import client, runtime_client


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes the `run` and the `endpoint_name` of its candidate; returns whether it passed, and why."""
    s3, bucket, concurrency = client("s3"), os.environ["S3_BUCKET"], whole_number(os.environ, "CONCURRENCY")
    contract = read_contract(s3, bucket, contract_key(event["run"]))
    endpoint = Endpoint(
        client=runtime_client(concurrency),
        name=event["endpoint_name"],
        labels=contract.labels,
        positive_label=contract.positive_label,
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    limits = ScoringLimits(
        max_batch_bytes=whole_number(os.environ, "MAX_BATCH_BYTES"), concurrency=concurrency
    )
    decision = judge_challenger(s3, bucket, contract, endpoint, limits, float(os.environ["MINIMUM_AUC"]))
    return {"passed": decision.passed, "reason": decision.reason, "metrics": decision.metrics}
