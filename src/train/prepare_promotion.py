"""State PreparePromotion: begins a run that releases an earlier run's model again."""

from typing import Any

from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text, to_text
from autowatch.training.release.rollback import begin_promotion, promoted_run
from train.clients import client, data_bucket


def lambda_handler(event: dict[str, Any], _context: object) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the run and the one that it promotes."""
    started = from_text(event["started"])
    run = begin_promotion(
        data_bucket(),
        client("stepfunctions"),
        promoted_run(event["input"]),
        run=run_name(event["execution"], started),
        execution=event["execution"],
        started=to_text(started),
    )
    return {"run": run.run, "promotes": run.promotes}
