"""Keeps the models of the last few releases, and deletes older ones with their large objects."""

from collections import defaultdict
from contextlib import suppress
from typing import TYPE_CHECKING

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.keys import MODELS_PREFIX, run_key
from autowatch.training.release.removal import remove_endpoint
from autowatch.training.serving.endpoints import delete_config, delete_model, describe_endpoint, model_name

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_BULKY = ("train.csv", "holdout.csv", "reference.csv", "smoke.json", "autopilot/")
"""The objects that are deleted.

A run's records stay, since they are small and predictions name the run.
"""


def remove_old_models(
    bucket: Bucket, sagemaker: "SageMakerClient", endpoint_name: str, keep: int
) -> list[str]:
    """Deletes models, endpoint configs and artefacts of all runs except the newest `keep` that were released.

    Always keeps those of the champion, of its predecessor, and of the config that the endpoint serves. Returns the runs
    whose models were deleted. A run's objects are deleted last, so the next call completes an interrupted one.

    Raises:
        ObjectsNotDeleted: S3 refused to delete an object.
    """
    objects = _bulky_objects(bucket)
    in_use = _runs_in_use(bucket, sagemaker, endpoint_name)
    released = sorted((run for run in objects if run in in_use or _was_released(bucket, run)), reverse=True)
    removed = sorted(objects.keys() - in_use - set(released[:keep]))
    for run in removed:
        delete_model(sagemaker, model_name(endpoint_name, run))
        bucket.delete(objects[run])
    return removed


def remove_replaced_config(bucket: Bucket, sagemaker: "SageMakerClient") -> None:
    """Deletes the endpoint config that the endpoint served before; a later release of its model creates another."""
    with suppress(NoChampion):
        previous = read_champion(bucket).previous_config
        if previous:
            delete_config(sagemaker, previous)


def remove_left_endpoints(bucket: Bucket, sagemaker: "SageMakerClient", stack: str) -> None:
    """Deletes the endpoints that the stack no longer uses since EndpointName changed, with their configs and models.

    The predecessor's model stays until the next release, since it may still be scoring a large file. Idempotent. An
    earlier run's model is created again if it is released again.

    Raises:
        EndpointBusy: one of them cannot be deleted yet; call again later.
    """
    with suppress(NoChampion):
        champion = read_champion(bucket)
        for name in champion.left_endpoints:
            previous = model_name(name, champion.previous_run) if champion.previous_run else ""
            remove_endpoint(sagemaker, name, stack=stack, keep_model=previous)


def _bulky_objects(bucket: Bucket) -> dict[str, list[str]]:
    """The keys of the large objects, by run."""
    found: dict[str, list[str]] = defaultdict(list)
    for item in bucket.list(MODELS_PREFIX):
        run, _, name = item["Key"].removeprefix(MODELS_PREFIX).partition("/")
        if name.startswith(_BULKY):
            found[run].append(item["Key"])
    return found


def _runs_in_use(bucket: Bucket, sagemaker: "SageMakerClient", endpoint_name: str) -> set[str]:
    state = describe_endpoint(sagemaker, endpoint_name)
    serving = {state.config.removeprefix(f"{endpoint_name}-")} if state else set()
    try:
        champion = read_champion(bucket)
    except NoChampion:
        return serving
    return serving | {champion.run} | ({champion.previous_run} if champion.previous_run else set())


def _was_released(bucket: Bucket, run: str) -> bool:
    try:
        return bool(bucket.read_json(run_key(run))["status"] == "released")
    except ObjectMissing:
        return False
