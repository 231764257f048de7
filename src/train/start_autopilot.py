"""State StartAutopilot: starts the AutoML job."""

from dataclasses import dataclass
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.records.contract import read_contract
from autowatch.records.keys import contract_key
from autowatch.records.run import check_running
from autowatch.settings import Network
from autowatch.training.autopilot import Limits, start_job
from train.settings import TaggingSettings


@dataclass(frozen=True)
class Settings(TaggingSettings):
    """Settings from the template."""

    role_arn: str
    autopilot_mode: str
    objective_metric: str
    max_candidates: int
    max_training_seconds: int
    kms_key: str
    network: Network


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes the `run`; returns the job's name."""
    bucket = data_bucket(settings.bucket)
    check_running(bucket, event["run"])
    name = start_job(
        client("sagemaker"),
        bucket,
        read_contract(bucket, contract_key(event["run"])),
        role_arn=settings.role_arn,
        mode=settings.autopilot_mode,
        objective=settings.objective_metric,
        limits=Limits(settings.max_candidates, settings.max_training_seconds),
        kms_key=settings.kms_key,
        network=settings.network,
        tags=settings.tags(event["run"]),
    )
    return {"job_name": name}
