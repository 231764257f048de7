"""Serving a challenger where nobody asks it but the gate."""

from typing import Any

from autowatch.autopilot import best_containers
from autowatch.leaderboard import keep_leaderboard
from autowatch.model_record import read_model_record, write_model_record
from autowatch.serving import Serving, candidate_name, create_candidate, create_model, model_name


def stage_challenger(
    s3: Any,
    sagemaker: Any,
    bucket: str,
    run: str,
    *,
    job_name: str,
    endpoint_name: str,
    serving: Serving,
    role_arn: str,
    tags: dict[str, str],
) -> str:
    """Starts to serve the job's best candidate at the candidate endpoint, whose name is returned.

    The leaderboard and what the model is made of are kept with the run.

    Raises:
        CandidateStillThere: another run's candidate is being removed; call again later.
        Throttled: call again later.
    """
    containers = best_containers(sagemaker, job_name)
    keep_leaderboard(s3, sagemaker, bucket, run, job_name)
    write_model_record(s3, bucket, run, containers)
    model, candidate = model_name(endpoint_name, run), candidate_name(endpoint_name)
    create_model(sagemaker, model, containers, serving, role_arn=role_arn, tags=tags)
    create_candidate(sagemaker, candidate, model, tags)
    return candidate


def restore_model(
    s3: Any,
    sagemaker: Any,
    bucket: str,
    run: str,
    *,
    endpoint_name: str,
    serving: Serving,
    role_arn: str,
    tags: dict[str, str],
) -> None:
    """Makes the model and the endpoint config of the earlier `run` again, where they were removed.

    Raises:
        ObjectMissing: the run has no record of its model.
        Throttled: call again later.
    """
    containers = read_model_record(s3, bucket, run)
    name = model_name(endpoint_name, run)
    create_model(sagemaker, name, containers, serving, role_arn=role_arn, tags=tags)
