"""State PreparePromotion: begins a run that releases an earlier model again, and creates what it needs."""

from dataclasses import dataclass
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.audit import read_asked
from autowatch.records.run import run_name
from autowatch.records.timestamps import from_text, to_text
from autowatch.training.release.rollback import begin_promotion, promoted_run
from autowatch.training.serving.endpoints import config_name
from autowatch.training.serving.staging import restore_model
from train.settings import ModelSettings


@dataclass(frozen=True)
class Settings(ModelSettings):
    """Settings from the template."""

    audit_lock_days: int


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes `execution`, `started` and the `input`; returns the run, the run it promotes and its endpoint config."""
    bucket, started = data_bucket(settings.bucket), from_text(event["started"])
    promotes = promoted_run(event["input"])
    run = begin_promotion(
        bucket,
        client("stepfunctions"),
        promotes,
        run=run_name(event["execution"], started),
        execution=event["execution"],
        started=to_text(started),
        asked=read_asked(event["input"]),
        audit_lock_days=settings.audit_lock_days,
    )
    restore_model(
        bucket,
        client("sagemaker"),
        run.run,
        promoted=promotes,
        endpoint_name=settings.endpoint_name,
        serving=settings.serving,
        role_arn=settings.role_arn,
        tags=settings.tags(promotes),
    )
    config = config_name(settings.endpoint_name, run.run)
    return {"run": run.run, "promotes": promotes, "config": config}
