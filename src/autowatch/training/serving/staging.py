"""Serving a challenger where nobody asks it but the gate.

What a run's model is made of, kept with the run so that the model can be made again.

The tags of what a run makes in SageMaker.
"""

from typing import TYPE_CHECKING, Any

from autowatch.aws.objects import Bucket
from autowatch.records.keys import model_record_key
from autowatch.records.run import check_running
from autowatch.settings import InvalidSetting
from autowatch.training.autopilot import best_containers, keep_leaderboard
from autowatch.training.serving.endpoints import (
    Serving,
    candidate_name,
    create_candidate,
    create_model,
    model_name,
)

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
    """Starts to serve the job's best candidate at the candidate endpoint, whose name is returned.

    The leaderboard and what the model is made of are kept with the run.

    Raises:
        RunEnded: the run was ended in between.
        CandidateStillThere: another run's candidate is being removed; call again later.
        Throttled: call again later.
    """
    containers = best_containers(sagemaker, job_name)
    keep_leaderboard(bucket, sagemaker, run, job_name)
    write_model_record(bucket, run, containers)
    model, candidate = model_name(endpoint_name, run), candidate_name(endpoint_name)
    check_running(bucket, run)
    create_model(sagemaker, model, containers, serving, role_arn=role_arn, tags=tags)
    check_running(bucket, run)
    create_candidate(sagemaker, candidate, model, tags)
    return candidate


def restore_model(
    bucket: Bucket,
    sagemaker: "SageMakerClient",
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
    containers = read_model_record(bucket, run)
    name = model_name(endpoint_name, run)
    create_model(sagemaker, name, containers, serving, role_arn=role_arn, tags=tags)


def write_model_record(bucket: Bucket, run: str, containers: list[dict[str, Any]]) -> None:
    """Keeps the containers, as CreateModel takes them."""
    bucket.write_json(model_record_key(run), {"run": run, "containers": containers})


def read_model_record(bucket: Bucket, run: str) -> list[dict[str, Any]]:
    """The containers of the run's model.

    Raises:
        ObjectMissing: the run has not got as far as a model.
    """
    containers: list[dict[str, Any]] = bucket.read_json(model_record_key(run))["containers"]
    return containers


def resource_tags(stack: str, text: str, run: str | None = None) -> dict[str, str]:
    """The stack's tag, the run's where one run alone made the thing, and the user's own: `team=risk,cost-centre=42`.

    Raises:
        InvalidSetting: the text is no list of `key=value`.
    """
    tags = {"autowatch:stack": stack} | ({"autowatch:run": run} if run else {})
    for pair in filter(None, (part.strip() for part in text.split(","))):
        key, equals, value = pair.partition("=")
        if not (equals and key.strip()):
            raise InvalidSetting(
                f"ResourceTags has the part {pair!r}, which is no key=value. Write it as team=risk,cost-centre=42."
            )
        tags[key.strip()] = value.strip()
    return tags
