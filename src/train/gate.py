"""State Gate: scores the hold-out with the challenger and the champion, and decides."""

import os
from typing import Any

from autowatch.scoring.requests import ScoringLimits
from autowatch.settings import whole_number
from autowatch.training.gate.checks import GateRules
from autowatch.training.gate.judge import Endpoints, judge_challenger
from train.clients import data_bucket, runtime_client


def lambda_handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Takes the `run` and the `endpoint_name` of its candidate; returns whether it passed, and why."""
    concurrency = whole_number(os.environ, "CONCURRENCY")
    endpoints = Endpoints(
        client=runtime_client(concurrency),
        candidate=event["endpoint_name"],
        champion=os.environ["ENDPOINT_NAME"],
        seconds_left=lambda: context.get_remaining_time_in_millis() / 1000,
    )
    limits = ScoringLimits(
        max_batch_bytes=whole_number(os.environ, "MAX_BATCH_BYTES"), concurrency=concurrency
    )
    decision = judge_challenger(data_bucket(), event["run"], endpoints, limits, _rules())
    return {"passed": decision.passed, "reason": decision.reason, "metrics": decision.metrics}


def _rules() -> GateRules:
    return GateRules(
        minimum_auc=float(os.environ["MINIMUM_AUC"]),
        confidence=float(os.environ["GATE_CONFIDENCE_PERCENT"]) / 100,
        auc_tolerance=float(os.environ["AUC_TOLERANCE"]),
        max_batch_seconds=float(os.environ["MAX_BATCH_SECONDS"]),
    )
