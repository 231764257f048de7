"""Serves a challenger at an endpoint that only the gate calls, releases it, and restores an earlier model."""

from typing import TYPE_CHECKING, Any

from autowatch.aws.objects import Bucket
from autowatch.records.run import check_running
from autowatch.training.autopilot import best_containers, keep_leaderboard
from autowatch.training.serving.endpoints import (
    CandidateStillThere,
    Serving,
    candidate_name,
    config_name,
    create_candidate,
    create_config,
    create_model,
    delete_endpoint,
    describe_endpoint,
    model_name,
    switch_endpoint,
)
from autowatch.training.serving.model_record import keep_model_record, read_model_record

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


def stage_challenger(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    run: str,
    *,
    job_name: str,
    endpoint_name: str,
    serving: Serving,
    role_arn: str,
    tags: dict[str, str],
) -> str:
    """Starts to serve the job's best candidate at the candidate endpoint, and returns the endpoint's name.

    Stores the leaderboard and the record of the model with the run.

    Raises:
        RunEnded: the run was ended in between.
        ObjectMissing: an artefact of the model does not exist.
        CandidateStillThere: another run's candidate is being deleted; call again later.
        EndpointBusy, Throttled: call again later.
    """
    containers = best_containers(sagemaker, job_name)
    keep_leaderboard(bucket, sagemaker, run, job_name)
    keep_model_record(bucket, run, containers)
    model, config = model_name(endpoint_name, run), config_name(endpoint_name, run)
    candidate = candidate_name(endpoint_name)
    check_running(bucket, run)
    create_model(sagemaker, model, containers, serving, role_arn=role_arn, tags=tags)
    create_config(sagemaker, config, model, serving, tags)
    check_running(bucket, run)
    create_candidate(sagemaker, candidate, config, tags)
    return candidate


def release(
    sagemaker: Any, endpoint_name: str, config: str, tags: dict[str, str], deployment: dict[str, Any]
) -> None:
    """Starts to serve `config` at the endpoint, once the candidate endpoint is gone.

    The endpoint, its new fleet and the candidate together may exceed the account's quota.

    Raises:
        CandidateStillThere, EndpointBusy, Throttled: call again later.
    """
    candidate = candidate_name(endpoint_name)
    delete_endpoint(sagemaker, candidate)
    if describe_endpoint(sagemaker, candidate) is not None:
        raise CandidateStillThere(f"The endpoint {candidate} is being removed.")
    switch_endpoint(sagemaker, endpoint_name, config, tags, deployment)


def restore_model(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
    run: str,
    *,
    promoted: str,
    endpoint_name: str,
    serving: Serving,
    role_arn: str,
    tags: dict[str, str],
) -> None:
    """Creates the model of the run `promoted` again if it was deleted, and an endpoint config for it.

    The config has the name of `run` and the current settings, not those with which the model was served before.

    Raises:
        ObjectMissing: the run has no record of its model.
        EndpointBusy, Throttled: call again later.
    """
    containers = read_model_record(bucket, promoted).containers
    model = model_name(endpoint_name, promoted)
    create_model(sagemaker, model, containers, serving, role_arn=role_arn, tags=tags)
    create_config(sagemaker, config_name(endpoint_name, run), model, serving, tags)
