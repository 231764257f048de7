"""Keeping the models of the last few releases, and removing the others with all that they need room for."""

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
"""What goes; a run's records stay, for they are small and predictions name the run."""


def remove_old_models(
    bucket: Bucket, sagemaker: "SageMakerClient", endpoint_name: str, keep: int
) -> list[str]:
    """Removes models, endpoint configs and artefacts of all runs but the newest `keep` that were released.

    Never those of the champion, of the one in force before it, or of the config that the endpoint is on. Returns the
    runs whose models were removed. May be done twice: a run's objects go last, so an interrupted removal is completed
    by the next one.

    Raises:
        ObjectsNotDeleted: S3 kept an object.
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
    """Removes the endpoint config that the endpoint was on before; a later release of its model makes another."""
    with suppress(NoChampion):
        previous = read_champion(bucket).previous_config
        if previous:
            delete_config(sagemaker, previous)


def remove_left_endpoints(bucket: Bucket, sagemaker: "SageMakerClient", stack: str) -> None:
    """Removes the endpoints that the stack has left, since EndpointName was changed, with their configs and models.

    A large file may still be scored by the model in force before, which stays until the next release. May be done
    again. An earlier run's model is made anew when it is released again.

    Raises:
        EndpointBusy: one of them cannot be deleted at this moment.
    """
    with suppress(NoChampion):
        champion = read_champion(bucket)
        for name in champion.left_endpoints:
            previous = model_name(name, champion.previous_run) if champion.previous_run else ""
            remove_endpoint(sagemaker, name, stack=stack, keep_model=previous)


def _bulky_objects(bucket: Bucket) -> dict[str, list[str]]:
    """The keys of what takes room, by run."""
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
